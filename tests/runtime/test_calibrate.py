"""A profile of the user's own clips: fitted, measured, read strictly, and judged by."""

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any

import numpy as np
import pytest
import soundfile

from edge_detect import Detection, Detector, Windowing
from edge_detect.calibrate import (
    FOLDS,
    PRIOR,
    Fit,
    LabelledFolders,
    calibrate,
    cross_validate,
    fewest_clips,
    fold_numbers,
    score_folders,
)
from edge_detect.calibration import (
    Calibration,
    clips_needed,
    to_log_odds,
    to_probabilities,
)
from edge_detect.calibration_profile import (
    CalibrationProfile,
    format_profile,
    parse_profile,
    read_profile,
)
from edge_detect.calibration_report import CalibrationReport
from edge_detect.detection import ModelIdentity
from edge_detect.errors import DatasetError, ProfileInvalid
from edge_detect.inputs import Selection
from edge_detect.manifest import format_manifest, read_manifest
from edge_detect.rates import Mask, Scores
from edge_detect.store import file_sha256
from tests.conftest import FIXTURES, Waveform
from tests.readme import arguments, commands
from tests.runtime.conftest import DECISION

RATE = 16_000
CLIPS = 40
WANTED = 0.1  # 33 clips of a class are enough

PROFILE = CalibrationProfile(
    schema=1,
    model=ModelIdentity("a model", 64 * "a", "fp32"),
    calibration=Calibration(slope=0.5, intercept=1.25),
    decision=DECISION,
)


def run(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a whole process."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "edge_detect", *map(str, args)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        timeout=120,
    )


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half seconds that the tiny model tells apart a little: buzzes, "real", and tones, "fake"."""
    folder = tmp_path_factory.mktemp("material")
    rng, times = np.random.default_rng(0), np.arange(RATE // 2) / RATE
    for i in range(CLIPS):
        buzz = (times * rng.uniform(80, 300)) % 1 - 0.5
        tone = 0.3 * np.sin(2 * math.pi * rng.uniform(100, 4000) * times)
        for name, waveform in ((f"real/{i % 2}/{i}.wav", buzz), (f"fake/{i}.flac", tone)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / name, waveform, RATE)
    return folder


@pytest.fixture(scope="session")
def written(tiny: Path, material: Path) -> tuple[dict[str, Any], Path]:
    """The JSON report of the tiny model, and its profile's file."""
    file = material / "profile.json"
    result = calibrate_tiny(tiny, material, file, "--format", "json")
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout), file


@pytest.fixture(scope="session")
def profile_file(written: tuple[dict[str, Any], Path]) -> Path:
    return written[1]


def calibrate_tiny(
    tiny: Path, folder: Path, file: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """`edge-detect calibrate` on the folders real and fake below another."""
    return run(
        "calibrate", folder / "real", folder / "fake", "--model", tiny, "--device", "cpu",
        "--false-positive-rate", str(WANTED), "--output", file, *options,
    )  # fmt: skip


def gaussian_clips(seed: int, clips: int) -> tuple[Scores, Mask]:
    """As many real scores around 0 as synthetic ones around 2, all of deviation 1."""
    rng = np.random.default_rng(seed)
    spoof = np.arange(2 * clips) >= clips
    return rng.standard_normal(2 * clips) + 2.0 * spoof, spoof


@pytest.mark.parametrize(
    ("wanted", "clips"), [(0.01, 333), (0.05, 66), (0.1, 33), (0.2, 20), (0.5, 20)]
)
def test_how_many_clips_are_needed(wanted: float, clips: int) -> None:
    assert fewest_clips(wanted) == clips
    folds = fold_numbers(np.arange(2 * clips) >= clips)
    largest = max(int((folds[:clips] == fold).sum()) for fold in range(FOLDS))
    assert clips - largest >= clips_needed(wanted)
    Fit.to(*gaussian_clips(0, clips), wanted)


def test_folds_are_runs_of_either_class() -> None:
    spoof = np.arange(55) >= 25
    folds = fold_numbers(spoof)
    for mask in (spoof, ~spoof):
        assert (np.diff(folds[mask]) >= 0).all()
        sizes = np.bincount(folds[mask].astype(int), minlength=FOLDS)
        assert len(sizes) == FOLDS
        assert sizes.max() - sizes.min() <= 1


def test_a_clip_is_judged_without_its_fold() -> None:
    log_odds, spoof = gaussian_clips(1, 50)
    held_out = fold_numbers(spoof) == 3
    changed = np.where(held_out, log_odds + 100, log_odds)
    first = int((fold_numbers(spoof) < 3).sum())
    here = slice(first, first + int(held_out.sum()))
    calibration = Fit.to(log_odds[~held_out], spoof[~held_out], 0.1).calibration
    for scores in (log_odds, changed):
        judged = cross_validate(scores, spoof, 0.1)
        np.testing.assert_allclose(judged.log_odds[here], calibration.apply(scores[held_out]))


def test_what_is_measured_is_what_new_clips_would_have() -> None:
    # On the clips that were fitted, the rate is never above the wanted one; on others it is more.
    measured, fitted, true = [], [], []
    for seed in range(60):
        log_odds, spoof = gaussian_clips(seed, 66)
        fit = Fit.to(log_odds, spoof, 0.05)
        judged = cross_validate(log_odds, spoof, 0.05)
        measured.append(judged.accused[~judged.spoof].mean())
        fitted.append(fit.judge(log_odds, spoof).accused[~spoof].mean())
        border = float(to_log_odds(np.array([fit.threshold]))[0])
        score = (border - fit.calibration.intercept) / fit.calibration.slope
        true.append(1 - NormalDist().cdf(score))
    assert max(fitted) <= 0.05
    assert fmean(measured) == pytest.approx(fmean(true), abs=0.012)
    assert fmean(measured) > fmean(fitted)


def test_the_report(written: tuple[dict[str, Any], Path], tiny: Path) -> None:
    report, file = written
    assert report["schema"] == 1
    assert report["failures"] == []
    assert report["wanted_false_positive_rate"] == WANTED
    assert report["profile"] == json.loads(file.read_text(encoding="utf-8"))
    profile = read_profile(file)
    assert profile.model == Detector.load(tiny, device="cpu").model
    decision = profile.decision
    assert (decision.real_clips, decision.spoof_clips) == (CLIPS, CLIPS)
    assert decision.spoof_prior == PRIOR
    assert "10-fold cross-validation" in decision.data
    assert decision.false_positive_rate_high > decision.false_positive_rate
    assert 0 < report["equal_error_rate"] < 0.5
    assert decision.cllr < report["cllr_before"]


def test_the_figures_by_hand(
    tiny: Path, material: Path, written: tuple[dict[str, Any], Path]
) -> None:
    detector = Detector.load(tiny, device="cpu")
    files = [
        sorted((material / kind).rglob(f"*.{ending}"), key=str)
        for kind, ending in (("real", "wav"), ("fake", "flac"))
    ]
    detections = [detector.predict(file) for file in (*files[0], *files[1])]
    raw = np.array([detection.spoof_probability for detection in detections], np.float64)
    odds = np.log(raw / (1 - raw))
    spoof = np.arange(2 * CLIPS) >= CLIPS
    bits = np.logaddexp(0, np.where(spoof, -odds, odds)) / math.log(2)
    report, file = written
    by_hand = (bits[spoof].mean() + bits[~spoof].mean()) / 2
    assert report["cllr_before"] == pytest.approx(by_hand, abs=1e-4)
    calibration = read_profile(file).calibration
    fit = Fit.to(odds, spoof, WANTED)
    assert calibration.slope == pytest.approx(fit.calibration.slope, rel=1e-3)
    judged = cross_validate(odds, spoof, WANTED)
    decision = read_profile(file).decision
    assert decision.false_positive_rate == judged.accused[~judged.spoof].mean()
    assert decision.miss_rate == 1 - judged.accused[judged.spoof].mean()


def test_the_table(tiny: Path, material: Path, tmp_path: Path) -> None:
    result = calibrate_tiny(tiny, material, tmp_path / "profile.json")
    assert (result.returncode, result.stderr) == (0, "")
    rows = dict(line.split("  ", 1) for line in result.stdout.splitlines())
    assert rows["clips"].strip() == "40 real, 40 synthetic"
    assert rows["failures"].strip() == "0"
    for title in ("EER", "Cllr before", "Cllr", "verdict", "inconclusive"):
        assert any(character.isdigit() for character in rows[title]), title
    for title in ("accused", "missed"):
        assert "95 % interval" in rows[title]


def test_the_same_clips_give_the_same_profile(
    tiny: Path, material: Path, profile_file: Path, tmp_path: Path
) -> None:
    again = tmp_path / "profile.json"
    assert calibrate_tiny(tiny, material, again).returncode == 0
    before, after = read_profile(profile_file), read_profile(again)
    assert after.calibration.slope == pytest.approx(before.calibration.slope, rel=1e-4)
    assert after.decision.threshold == pytest.approx(before.decision.threshold, rel=1e-4)
    assert after.decision.miss_rate == before.decision.miss_rate


def test_a_detection_by_a_profile(tiny: Path, material: Path, profile_file: Path) -> None:
    profile = read_profile(profile_file)
    plain = Detector.load(tiny, device="cpu")
    calibrated = Detector.load(tiny, device="cpu", profile=profile_file)
    accused = 0
    for file in sorted((material / "real").rglob("*.wav")):
        before, after = plain.predict(file), calibrated.predict(file)
        assert before.spoof_probability is not None
        assert after.spoof_probability is not None
        odds = math.log(before.spoof_probability / (1 - before.spoof_probability))
        new = profile.calibration.slope * odds + profile.calibration.intercept
        assert after.spoof_probability == pytest.approx(1 / (1 + math.exp(-new)), abs=1e-5)
        assert list(after.probabilities) == list(before.probabilities)
        assert math.fsum(after.probabilities.values()) == pytest.approx(1, abs=1e-12)
        assert after.probabilities["spoof"] == after.spoof_probability
        assert after.label == max(after.probabilities, key=after.probabilities.__getitem__)
        assert after.confidence == max(after.probabilities.values())
        assert after.verdict is not None
        assert before.verdict is None
        accused += after.spoof_probability >= profile.decision.threshold
    assert accused == WANTED * CLIPS  # of the fitted clips as many as may be, and no more


def test_windows_by_a_profile(tiny: Path, speech: Waveform, profile_file: Path) -> None:
    windowing = Windowing(mode="windows", window_seconds=1.0, hop_seconds=0.5)
    profile = read_profile(profile_file)
    before, after = (
        Detector.load(tiny, device="cpu", windowing=windowing, profile=file).predict((speech, RATE))
        for file in (None, profile_file)
    )

    def calibrated(raw: float | None) -> float:
        assert raw is not None
        return profile.apply({"bonafide": 1 - raw, "spoof": raw}, ["bonafide"])["spoof"]

    assert len(after.windows) == len(before.windows) > 5
    for one, other in zip(before.windows, after.windows, strict=True):
        assert other.spoof_probability == pytest.approx(calibrated(one.spoof_probability), abs=1e-5)
        assert other.state in ("bonafide", "inconclusive", "spoof")
    # As it was fitted: the recording's own probability, that of all windows, is calibrated.
    assert after.spoof_probability == pytest.approx(calibrated(before.spoof_probability), abs=1e-5)


def test_the_command_by_a_profile(
    tiny: Path, speech_path: Path, profile_file: Path, tmp_path: Path
) -> None:
    detect = ("--model", tiny, "--device", "cpu", "--profile", profile_file, speech_path)
    [record] = json.loads(run(*detect, "--format", "json").stdout)["results"]
    detection = Detector.load(tiny, device="cpu", profile=profile_file).predict(speech_path)
    assert record["verdict"] == detection.verdict
    assert record["spoof_probability"] == pytest.approx(detection.spoof_probability, abs=1e-5)
    assert record["profile_sha256"] == file_sha256(profile_file)
    header, row = run(*detect, "--format", "csv").stdout.splitlines()
    cells = dict(zip(header.split(","), row.split(","), strict=True))
    assert cells["profile_sha256"] == file_sha256(profile_file)
    result = run(*detect)
    assert (result.returncode, result.stderr) == (0, "")
    assert "verdict" in result.stdout
    plain = run("--model", tiny, "--format", "json", speech_path).stdout
    assert "profile_sha256" not in plain


def test_a_threshold_beside_a_profile(tiny: Path, speech_path: Path, profile_file: Path) -> None:
    result = run("--profile", profile_file, "--threshold", "0.5", speech_path)
    assert result.returncode == 2
    assert "--threshold" in result.stderr
    with pytest.raises(ValueError, match="profile"):
        Detector.load(tiny, device="cpu", profile=profile_file, threshold=0.5)


@pytest.mark.parametrize(
    ("log_odds", "calibration", "spoof"),
    [(0.0, Calibration(1, 0), 0.5), (0.0, Calibration(2, math.log(3)), 0.75)],
)
def test_more_than_two_classes(log_odds: float, calibration: Calibration, spoof: float) -> None:
    raw = float(to_probabilities(np.array([log_odds]))[0])
    before = {"a": 0.2 * raw, "b": 0.25 * (1 - raw), "c": 0.8 * raw, "d": 0.75 * (1 - raw)}
    after = replace(PROFILE, calibration=calibration).apply(before, ("b", "d"))
    assert list(after) == ["a", "b", "c", "d"]
    assert after == pytest.approx(
        {"a": 0.2 * spoof, "b": 0.25 * (1 - spoof), "c": 0.8 * spoof, "d": 0.75 * (1 - spoof)}
    )
    assert sum(after.values()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("raw", [0.0, 1.0, 1e-30])
def test_probabilities_at_the_ends_of_the_scale(raw: float) -> None:
    probabilities = {"a": 1 - raw, "b": 0.0, "c": raw / 2, "d": raw / 2}
    after = PROFILE.apply(probabilities, ("a", "b"))
    assert sum(after.values()) == pytest.approx(1, abs=1e-12)
    assert after["c"] == after["d"]
    assert after["c"] > 0
    assert (after["a"] + after["b"] > 0.5) == (raw < 0.5)


def test_a_profile_reads_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text(format_profile(PROFILE), encoding="utf-8")
    assert read_profile(file) == PROFILE
    assert PROFILE.sha256 == file_sha256(file)


def changed(**changes: Any) -> str:
    """The text of a profile with other values at its top."""
    return json.dumps({**asdict(PROFILE), **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no object"),
        ("{}", "schema None"),
        (changed(schema=2), "schema 2"),
        (changed(schema=True), "schema True"),
        (changed(extra=1), "unknown key 'extra'"),
        (changed(calibration={"slope": 1.0}), "lacks the key 'calibration.intercept'"),
        (changed(calibration={"slope": "1", "intercept": 0}), "not a float"),
        (changed(calibration={"slope": 0.0, "intercept": 0}), "the slope 0.0"),
        (changed(calibration={"slope": math.inf, "intercept": 0}), "the slope inf"),
        (changed(calibration={"slope": math.nan, "intercept": 0}), "the slope nan"),
        (changed(calibration={"slope": 1, "intercept": math.nan}), "the intercept nan"),
        (changed(model={"name": "m", "sha256": "12", "precision": "fp32"}), "no sha256"),
        (changed(decision=None), "not a dict"),
        (changed(decision=asdict(replace(DECISION, threshold=0.9))), "the threshold 0.9"),
        (changed(decision=asdict(replace(DECISION, data=" "))), "name of its data"),
    ],
)
def test_what_is_no_profile(text: str, message: str) -> None:
    with pytest.raises(ProfileInvalid, match=message) as caught:
        parse_profile(text, "my.json")
    assert "'my.json'" in caught.value.message
    assert "\n" not in caught.value.message


def test_files_that_are_no_profile(tmp_path: Path, speech_path: Path) -> None:
    for file in (tmp_path / "missing.json", tmp_path, speech_path):
        result = run("--profile", file, speech_path)
        assert (result.returncode, result.stdout) == (3, "")
        assert result.stderr.startswith("error: ")
        assert len(result.stderr.splitlines()) == 1
        assert str(file) in result.stderr


def test_a_profile_of_another_model(
    tiny: Path, quantised: Path, profile_file: Path, tmp_path: Path, speech_path: Path
) -> None:
    result = run("--profile", profile_file, speech_path)
    assert (result.returncode, result.stdout) == (3, "")
    assert len(result.stderr.splitlines()) == 1
    assert "'tiny'" in result.stderr
    assert "'compact'" in result.stderr
    own = ModelIdentity("tiny", file_sha256(quantised / "manifest.json"), "int8")
    file = tmp_path / "profile.json"
    file.write_text(format_profile(replace(PROFILE, model=own)), encoding="utf-8")
    with pytest.raises(ProfileInvalid, match="give --precision int8"):
        Detector.load(quantised, device="cpu", precision="fp32", profile=file)
    assert Detector.load(quantised, device="cpu", precision="int8", profile=file).model == own


def test_too_few_clips(material: Path, tmp_path: Path) -> None:
    # Before the model is looked for.
    result = run(
        "calibrate", material / "real", material / "fake", "--model", "no-model",
        "--output", tmp_path / "profile.json",
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "error: 40 real and 40 synthetic clips are too few for a false-positive rate of 1.00%; "
        "give at least 333 of each, or allow a higher rate\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.fixture
def copy(material: Path, tmp_path: Path) -> Path:
    """The material, to be changed."""
    return shutil.copytree(material, tmp_path / "copy")


def test_a_clip_that_can_not_be_judged(tiny: Path, copy: Path) -> None:
    (copy / "fake" / "broken.wav").write_bytes(b"no audio")
    result = calibrate_tiny(tiny, copy, copy / "new.json", "--format", "json")
    assert result.returncode == 1
    error, warning = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert "broken.wav" in error
    assert warning.startswith("warning: ")
    assert "new.json" in warning
    report = json.loads(result.stdout)
    assert [failure["error"]["type"] for failure in report["failures"]] == ["unsupported_audio"]
    assert read_profile(copy / "new.json").decision.spoof_clips == CLIPS


def test_too_few_clips_are_left(tiny: Path, copy: Path) -> None:
    for i in range(CLIPS - 30):
        (copy / "fake" / f"{i}.flac").write_bytes(b"no audio")
    result = calibrate_tiny(tiny, copy, copy / "new.json")
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == CLIPS - 30 + 1
    assert "40 real and 30 synthetic" in result.stderr.splitlines()[-1]
    assert not (copy / "new.json").exists()


def swapped(tiny: Path, material: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return run(
        "calibrate", material / "fake", material / "real", "--model", tiny, "--output", file,
        "--false-positive-rate", "0.1",
    )  # fmt: skip


def no_folder(tiny: Path, material: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return run("calibrate", material / "none", material / "real", "--output", file)


def unwritable(tiny: Path, material: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return calibrate_tiny(tiny, material, file.parent / "none" / "profile.json")


@pytest.mark.parametrize(
    ("command", "message"),
    [(swapped, "labelled real"), (no_folder, "no folder"), (unwritable, "can't write")],
)
def test_what_stops_it(
    command: Callable[..., subprocess.CompletedProcess[str]],
    message: str,
    tiny: Path,
    material: Path,
    tmp_path: Path,
) -> None:
    result = command(tiny, material, tmp_path / "profile.json")
    assert (result.returncode, result.stdout) == (1, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_usage(material: Path, tmp_path: Path) -> None:
    for rate in ("0", "1", "-1", "nan", "x"):
        result = run(
            "calibrate", material / "real", material / "fake", "--false-positive-rate", rate,
            "--output", tmp_path / "profile.json",
        )  # fmt: skip
        assert result.returncode == 2, rate
        assert "--false-positive-rate" in result.stderr
    assert run("calibrate", material / "real", material / "fake").returncode == 2


def test_a_model_that_does_not_say_what_is_real(tiny: Path, copy: Path) -> None:
    model = shutil.copytree(tiny, copy / "silent")
    manifest = replace(read_manifest(tiny), bonafide_labels=())
    (model / "manifest.json").write_text(format_manifest(manifest), encoding="utf-8")
    result = calibrate_tiny(model, copy, copy / "new.json")
    assert (result.returncode, result.stdout) == (3, "")
    assert "--bonafide-label" in result.stderr
    own = ModelIdentity("tiny", file_sha256(model / "manifest.json"), "fp32")
    file = copy / "by_hand.json"
    file.write_text(format_profile(replace(PROFILE, model=own)), encoding="utf-8")
    with pytest.raises(ProfileInvalid, match="--bonafide-label"):
        Detector.load(model, device="cpu", profile=file)


def test_from_python(tiny: Path, material: Path) -> None:
    detector = Detector.load(tiny, device="cpu")
    folders = LabelledFolders.find(
        str(material / "real"), str(material / "fake"), Selection(exclude=("39.*",))
    )
    report = calibrate(detector, folders, score_folders(detector, folders), WANTED)
    assert isinstance(report, CalibrationReport)
    decision = report.profile.decision
    assert (decision.real_clips, decision.spoof_clips) == (CLIPS - 1, CLIPS - 1)
    with pytest.raises(DatasetError, match="at least 333 of each"):
        folders.check_enough(0.01)


def test_the_readme(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for kind, folder in (("real", "my-real"), ("synthetic", "my-fake")):
        (tmp_path / folder).mkdir()
        files = sorted((FIXTURES / kind).iterdir())
        for i in range(70):
            waveform, rate = soundfile.read(files[i % len(files)])
            start = int(rng.integers(len(waveform) - rate // 2))
            soundfile.write(
                tmp_path / folder / f"{i}.wav", waveform[start : start + rate // 2], rate
            )
    shutil.copy(tmp_path / "my-fake" / "0.wav", tmp_path / "clip.wav")
    shown = commands("Calibrate on your own clips")
    assert len(shown) == 2
    for command in shown:
        result = run(*arguments(command), cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, ""), command
        assert result.stdout
    assert "verdict" in result.stdout


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from edge_detect.cli import main\n"
        "sys.argv = ['edge-detect', 'calibrate', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print({*sys.modules} & {'numpy', 'onnxruntime', 'av', 'soxr'})\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "--false-positive-rate" in result.stdout
    assert result.stdout.splitlines()[-1] == "set()"


def test_a_detection_is_pinned_to_its_profile(tiny: Path, profile_file: Path) -> None:
    [detection] = Detector.load(tiny, device="cpu", profile=profile_file).predict_batch(
        [FIXTURES / "real" / "armelle_fr.opus"]
    )
    assert isinstance(detection, Detection)
    assert detection.profile_sha256 == read_profile(profile_file).sha256
