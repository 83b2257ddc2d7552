"""The certificate: it passes on what was exported and on nothing else."""

import json
import math
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import soundfile

from edge_detect import Detector
from edge_detect.errors import DeviceUnavailable, InvalidManifest, ModelError
from edge_detect.manifest import (
    GoldenClip,
    Graph,
    Manifest,
    Recorded,
    format_manifest,
    read_manifest,
)
from edge_detect.processor import cpu_kind
from edge_detect.recorded import excerpts, golden_waveforms
from edge_detect.session import CPU, CUDA
from edge_detect.store import file_sha256, open_package
from edge_detect.verification import (
    WHOLE,
    Agreement,
    NotRun,
    PrecisionCheck,
    check_precision,
    tolerance_of,
    verify,
)
from tests.conftest import Waveform

HAS_CUDA = CUDA in onnxruntime.get_available_providers()

# In an ONNX file a tensor's name stands right before its content, whose field has this tag.
RAW_DATA = b"\x4a"

WEIGHTS = "model.feature_projection.projection.bias"


def run(*args: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a whole process."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "edge_detect", "verify", *map(str, args)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        timeout=120,
    )


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny, tmp_path / "copy")


def change(folder: Path, update: Callable[[Manifest], Manifest]) -> None:
    """Write another manifest."""
    manifest = update(read_manifest(folder))
    (folder / "manifest.json").write_text(format_manifest(manifest), encoding="utf-8")


def change_weight(path: Path, by: float) -> None:
    """Add to the first of `WEIGHTS` in an ONNX file."""
    content = bytearray(path.read_bytes())
    head = WEIGHTS.encode() + RAW_DATA
    start = content.index(head) + len(head)
    while content[start] & 0x80:  # the content's length, 7 bits a byte
        start += 1
    [weight] = struct.unpack_from("<f", content, start + 1)
    struct.pack_into("<f", content, start + 1, weight + by)
    path.write_bytes(content)


def sign(folder: Path) -> None:
    """Make the manifest agree with whatever the encoder's file is."""
    change(folder, with_graph(sha256=file_sha256(folder / "encoder.onnx")))


def with_graph(**changes: Any) -> Callable[[Manifest], Manifest]:
    """The manifest's change of each encoder graph."""

    def update(manifest: Manifest) -> Manifest:
        encoders = tuple(replace(graph, **changes) for graph in manifest.encoders)
        return replace(manifest, encoders=encoders)

    return update


def with_golden(**changes: Any) -> Callable[[Manifest], Manifest]:
    """The manifest's change of each golden clip."""

    def update(manifest: Manifest) -> Manifest:
        golden = tuple(replace(clip, **changes) for clip in manifest.golden)
        return replace(manifest, golden=golden)

    return update


@pytest.mark.parametrize("model", ["compact", "tiny", "quantised"])
def test_every_shipped_precision_passes(model: str, request: pytest.FixtureRequest) -> None:
    package = open_package(model if model == "compact" else request.getfixturevalue(model))
    certificate = verify(package)
    assert certificate.passed
    graphs = package.manifest.encoders
    on_cpu = [graph.precision for graph in graphs if "cpu" in graph.devices]
    assert [one.precision for one in certificate.checks if one.device == "cpu"] == on_cpu
    assert {one.file: one.sha256 for one in certificate.files} == package.files
    assert not any(one.problem for one in (*certificate.files, *certificate.checks))
    for check in certificate.checks:
        assert check.distance
        assert 0 < check.distance.embedding_max_abs <= check.tolerance.embedding_max_abs
        assert 0 < check.distance.probability_max_abs <= check.tolerance.probability_max_abs


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime has CUDA")
def test_a_device_that_is_not_there_is_said_not_to_be_run(quantised: Path) -> None:
    certificate = verify(open_package(quantised))
    assert [(one.precision, one.device) for one in certificate.not_run] == [
        ("fp32", "cuda"),
        ("fp16", "cuda"),
    ]
    assert "onnxruntime-gpu" in certificate.not_run[0].reason


def test_a_provider_that_does_not_start_is_not_run(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> object:
        raise DeviceUnavailable("could not start")

    monkeypatch.setattr("edge_detect.verification.Detector", refuse)
    package = open_package(tiny)
    result = check_precision(package, package.encoder("fp32"), "cuda")
    assert result == NotRun("fp32", "cuda", "could not start")


def test_nothing_that_runs_is_no_pass(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    change(copy, with_graph(devices=("cuda",)))
    certificate = verify(open_package(copy))
    assert (certificate.passed, certificate.checks) == (False, ())


def test_one_changed_weight_is_a_changed_file(copy: Path) -> None:
    change_weight(copy / "encoder.onnx", 1e-6)
    certificate = verify(open_package(copy))
    assert not certificate.passed
    [problem] = [one.problem for one in certificate.files if one.problem]
    assert "sha256" in problem
    assert "install or export" in problem
    [check] = certificate.checks
    assert check.distance is None


@pytest.mark.filterwarnings("ignore::edge_detect.errors.TruncatedAudio")  # a FLAC is read even so
@pytest.mark.parametrize("file", ["classifier.onnx", "golden/clip_0.flac"])
def test_any_changed_file_fails(copy: Path, file: str) -> None:
    content = bytearray((copy / file).read_bytes())
    content[-1] ^= 1
    (copy / file).write_bytes(content)
    certificate = verify(open_package(copy))
    assert not certificate.passed
    assert [one.file for one in certificate.files if one.problem] == [file]


def test_a_missing_file_fails(copy: Path) -> None:
    (copy / "golden" / "clip_0.flac").unlink()
    certificate = verify(open_package(copy))
    assert not certificate.passed
    [check] = certificate.checks
    assert check.problem
    assert "no file" in check.problem


@pytest.mark.parametrize("by", [0.01, 0.5])
def test_one_changed_weight_with_its_sha256_has_other_answers(copy: Path, by: float) -> None:
    change_weight(copy / "encoder.onnx", by)
    sign(copy)
    certificate = verify(open_package(copy))
    assert not certificate.passed
    assert not any(one.problem for one in certificate.files)
    [check] = certificate.checks
    assert check.problem
    assert "embedding" in check.problem


def test_a_lower_precision_whose_answers_are_others_fails(quantised: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(quantised, tmp_path / "quantised")
    change_weight(folder / "encoder.onnx", 5.0)
    sign(folder)
    certificate = verify(open_package(folder))
    assert [one.precision for one in certificate.checks if one.problem] == [
        "fp32",
        "int8-fast",
        "int8",
    ]


def test_a_file_that_is_no_graph(copy: Path) -> None:
    (copy / "encoder.onnx").write_bytes(b"no graph")
    sign(copy)
    [check] = verify(open_package(copy)).checks
    assert check.problem
    assert "can't load" in check.problem


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("embedding", "the embedding is 1.0e-04 off"),
        ("probabilities", "the probability is 1.0e-04"),
    ],
)
def test_a_broken_tolerance(copy: Path, answer: str, what: str) -> None:
    [clip] = read_manifest(copy).golden
    change(copy, with_golden(**{answer: tuple(x + 1e-4 for x in getattr(clip, answer))}))
    certificate = verify(open_package(copy))
    assert not certificate.passed
    [check] = certificate.checks
    assert check.problem
    assert check.problem.startswith(what)
    assert "install" in check.problem


def test_another_label_fails(copy: Path) -> None:
    [clip] = read_manifest(copy).golden
    change(copy, with_golden(probabilities=tuple(reversed(clip.probabilities))))
    [check] = verify(open_package(copy)).checks
    assert check.problem
    assert "1 of 1 labels are others" in check.problem


def test_a_stated_quality_that_is_not_kept(quantised: Path) -> None:
    package = open_package(quantised)
    int8 = package.encoder("int8")
    assert int8.quality
    [clip] = package.manifest.golden
    off = replace(
        package.manifest,
        golden=(
            replace(
                clip,
                embedding=tuple(x + 1e-3 for x in clip.embedding),
                probabilities=tuple(x + 1e-3 for x in clip.probabilities),
            ),
        ),
    )
    for quality, passes in (
        (int8.quality, True),
        (replace(int8.quality, probability_max_abs=1e-4), False),
        (replace(int8.quality, probability_max_abs=math.nan), False),
        (replace(int8.quality, cosine_min=1.0), False),
        (replace(int8.quality, cosine_min=math.nan), False),
    ):
        one = replace(off, encoders=(replace(int8, quality=quality),))
        assert verify(replace(package, manifest=one)).passed is passes


SAMPLES, EXCERPTS = 1600, 13
STARTS = tuple(range(0, 200 * EXCERPTS, 200))


@pytest.fixture
def recorded(quantised: Path, tmp_path: Path) -> Path:
    """The package of several precisions whose int8 has answers of its own."""
    folder = shutil.copytree(quantised, tmp_path / "recorded")
    detector = Detector.load(folder, precision="int8", device="cpu")
    manifest = read_manifest(folder)
    cut = excerpts(np.concatenate(golden_waveforms(folder, manifest)), SAMPLES, STARTS)
    write_answers(folder, [detector.embed((one, manifest.sample_rate)) for one in cut])
    return folder


def write_answers(
    folder: Path,
    answers: Sequence[Waveform],
    kind: str | None = None,
    starts: tuple[int, ...] = STARTS,
) -> None:
    """Record what int8 is to answer, on this kind of CPU or another."""
    path = folder / "golden" / "int8.f32"
    path.write_bytes(np.array(answers).astype("<f4").tobytes())
    sha256 = file_sha256(path)
    own = Recorded("golden/int8.f32", sha256, kind or cpu_kind(), SAMPLES, starts)

    def update(manifest: Manifest) -> Manifest:
        encoders = tuple(
            replace(graph, recorded=own) if graph.precision == "int8" else graph
            for graph in manifest.encoders
        )
        return replace(manifest, encoders=encoders)

    change(folder, update)


def answers_of(folder: Path) -> Waveform:
    """(excerpts, hidden) of int8."""
    return np.fromfile(folder / "golden" / "int8.f32", "<f4").reshape(EXCERPTS, -1)


def int8_check(folder: Path) -> PrecisionCheck:
    """What int8's check says."""
    [check] = [one for one in verify(open_package(folder)).checks if one.precision == "int8"]
    return check


def test_a_lower_precision_answers_as_it_was_recorded(recorded: Path) -> None:
    package = open_package(recorded)
    certificate = verify(package)
    assert certificate.passed
    assert "golden/int8.f32" in {one.file for one in certificate.files}
    found = {one.precision: one.agreement for one in certificate.checks}
    assert found == {
        "fp32": None,
        "int8-fast": None,
        "int8": Agreement(excerpts=EXCERPTS, agreeing=EXCERPTS, least=7),
    }
    basis = int8_check(recorded).tolerance.basis
    assert f"50% of the excerpts within 1e-05 of its own answers, recorded on {cpu_kind()}" in basis
    assert "200 clips" in basis


@pytest.mark.parametrize(("agreeing", "passes"), [(EXCERPTS - 1, True), (7, True), (6, False)])
def test_a_rounding_may_hit_some_excerpts_but_not_most(
    recorded: Path, agreeing: int, passes: bool
) -> None:
    answers = answers_of(recorded)
    answers[agreeing:] += 2e-5
    write_answers(recorded, answers)
    check = int8_check(recorded)
    assert check.agreement == Agreement(EXCERPTS, agreeing, 7)
    assert (check.problem is None) is passes
    if check.problem:
        assert check.problem.startswith(
            "6 of 13 excerpts are answered as at export, at least 7 have to be; install"
        )


def test_a_changed_weight_of_a_lower_precision(recorded: Path) -> None:
    # 0.01 is within the quality that int8 states.
    change_weight(recorded / "encoder.onnx", 0.01)
    sign(recorded)
    check = int8_check(recorded)
    assert check.problem
    assert check.problem.startswith("0 of 13 excerpts")
    answers = answers_of(recorded)
    write_answers(recorded, answers, kind="another")
    assert int8_check(recorded).problem is None


def test_answers_of_another_kind_of_cpu_are_not_compared(recorded: Path) -> None:
    write_answers(recorded, answers_of(recorded) + 1, kind="another kind")
    check = int8_check(recorded)
    assert (check.agreement, check.problem) == (None, None)
    said = f"its own answers are of another kind and not compared on {cpu_kind()}"
    assert check.tolerance.basis.endswith(said)


@pytest.mark.parametrize("answers", [np.zeros(0), np.zeros(8 * 12), np.full(8 * 13, np.nan)])
def test_answers_that_are_none(recorded: Path, answers: Waveform) -> None:
    write_answers(recorded, list(answers))
    check = int8_check(recorded)
    assert check.problem
    assert f"'golden/int8.f32' holds {len(answers)} values, not 104 finite ones" in check.problem


def test_changed_answers_are_a_changed_file(recorded: Path) -> None:
    path = recorded / "golden" / "int8.f32"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    certificate = verify(open_package(recorded))
    assert [one.file for one in certificate.files if one.problem] == ["golden/int8.f32"]
    assert not certificate.passed


def test_the_command_says_how_many_excerpts_agree(recorded: Path) -> None:
    result = run(recorded)
    assert result.returncode == 0
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("int8 ")]
    assert rows[0][-4:] == ["13", "of", "13", "pass"]


def test_excerpts_beyond_the_golden_clips(recorded: Path) -> None:
    write_answers(recorded, answers_of(recorded), starts=(*STARTS[:-1], 10**6))
    check = int8_check(recorded)
    assert check.problem
    assert "1600 samples from 1000000 on go beyond the" in check.problem


@pytest.fixture
def manifest(quantised: Path) -> Manifest:
    return read_manifest(quantised)


@pytest.fixture
def fp32(manifest: Manifest) -> Graph:
    return manifest.encoders[0]


def test_fp32_keeps_the_bounds_of_its_export(manifest: Manifest, fp32: Graph) -> None:
    built = tolerance_of(manifest, fp32, "cpu")
    assert (built.embedding_max_abs, built.probability_max_abs, built.labels_differ) == (
        1e-5,
        1e-5,
        0,
    )
    assert tolerance_of(manifest, fp32, "cuda").embedding_max_abs == 1e-4
    traced = replace(manifest, parity=replace(manifest.parity, embedding_max_abs=3e-5))
    assert tolerance_of(traced, fp32, "cpu").embedding_max_abs == 1e-4
    widened = replace(manifest, parity=replace(manifest.parity, embedding_max_abs=0.1))
    assert tolerance_of(widened, fp32, "cpu").embedding_max_abs == 1e-4


def test_a_lower_precision_nobody_measured_is_held_to_the_same(
    manifest: Manifest, fp32: Graph
) -> None:
    unmeasured = replace(fp32, precision="int8", quality=None)
    assert tolerance_of(manifest, unmeasured, "cpu") == tolerance_of(manifest, fp32, "cpu")


def test_a_stated_quality_is_the_tolerance(manifest: Manifest) -> None:
    [int8] = [graph for graph in manifest.encoders if graph.precision == "int8"]
    assert int8.quality
    tolerance = tolerance_of(manifest, int8, "cpu")
    assert tolerance.probability_max_abs == int8.quality.probability_max_abs + 1e-5
    assert tolerance.labels_differ is None
    # Two embeddings of the golden one's length with the smallest cosine lie this far apart.
    length = math.hypot(*manifest.golden[0].embedding)
    angle = math.acos(int8.quality.cosine_min)
    assert tolerance.embedding_max_abs == pytest.approx(2 * length * math.sin(angle / 2) + 1e-5)
    assert "200 clips" in tolerance.basis


def test_a_long_golden_clip_is_judged_whole(copy: Path, speech: Waveform) -> None:
    soundfile.write(copy / "golden" / "long.flac", np.tile(speech, 7), 16_000)
    detector = Detector.load(copy, device="cpu", windowing=WHOLE)
    answer = detector.predict(copy / "golden" / "long.flac")
    assert answer.duration_s > 30
    clip = GoldenClip(
        file="golden/long.flac",
        sha256=file_sha256(copy / "golden" / "long.flac"),
        embedding=tuple(detector.embed(copy / "golden" / "long.flac").tolist()),
        probabilities=tuple(answer.probabilities.values()),
    )
    change(copy, lambda manifest: replace(manifest, golden=(clip,)))
    assert verify(open_package(copy)).passed


@pytest.mark.parametrize(
    "changes",
    [
        {"embedding": (0.0,)},
        {"probabilities": (0.0, 0.5, 0.5)},
        {"probabilities": (math.nan, 0.5)},
    ],
)
def test_answers_that_can_not_be_compared(copy: Path, changes: dict[str, Any]) -> None:
    change(copy, with_golden(**changes))
    with pytest.raises(InvalidManifest, match="golden/clip_0"):
        verify(open_package(copy))


def test_a_model_without_golden_clips(copy: Path) -> None:
    change(copy, lambda manifest: replace(manifest, golden=()))
    with pytest.raises(ModelError, match="no golden clip"):
        verify(open_package(copy))


def test_the_command_passes(tiny: Path) -> None:
    result = run(tiny)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == f"model tiny, sha256 {file_sha256(tiny / 'manifest.json')}"
    [row] = [line.split() for line in lines if line.startswith("fp32 ")][:1]
    assert row[:2] == ["fp32", "cpu"]
    assert row[-1] == "pass"
    assert lines[-1] == "PASS"


def test_the_commands_json(tiny: Path) -> None:
    result = run("--format", "json", tiny)
    assert (result.returncode, result.stderr) == (0, "")
    certificate = json.loads(result.stdout)
    assert list(certificate) == [
        "schema", "passed", "model", "model_sha256", "machine", "cpu_features", "files", "checks",
        "not_run",
    ]  # fmt: skip
    assert (certificate["schema"], certificate["passed"]) == (1, True)
    assert set(certificate["machine"]["versions"]) == {
        "edge-detect",
        "onnxruntime",
        "numpy",
        "python",
    }
    assert certificate["machine"]["system"]
    [check] = [one for one in certificate["checks"] if one["device"] == "cpu"]
    assert list(check) == [
        "precision", "device", "tolerance", "distance", "agreement", "problem",
    ]  # fmt: skip
    assert check["distance"]["embedding_max_abs"] <= check["tolerance"]["embedding_max_abs"]


@pytest.mark.parametrize("form", ["table", "json"])
def test_the_command_fails(copy: Path, form: str) -> None:
    change_weight(copy / "encoder.onnx", 0.5)
    result = run(copy, "--format", form)
    assert (result.returncode, result.stderr) == (1, "")
    assert "sha256" in result.stdout
    sign(copy)
    result = run(copy, "--format", form)
    assert (result.returncode, result.stderr) == (1, "")
    assert "the embedding is" in result.stdout
    assert ("FAIL" if form == "table" else '"passed": false') in result.stdout


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith("error: no model")
    assert len(result.stderr.splitlines()) == 1
