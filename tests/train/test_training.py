"""From clips to a package that the detector uses, and the record and the page in it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from edge_detect import Detection, Detector
from edge_detect.audio import load_audio
from edge_detect.conditions import amid_silence
from edge_detect.errors import DatasetError
from edge_detect.store import open_package
from edge_export import ExportError
from edge_train import Selection, TrainError, Training, train
from edge_train.heads import KINDS
from tests.conftest import FIXTURES
from tests.train.conftest import RATE, clip, write_labels

COUNTS = {"bonafide": 20, "spoof": 20}

Trainer = Callable[..., Training]


@pytest.fixture
def trainer(tiny: Path, cache: Path, tmp_path: Path) -> Trainer:
    """Trains on the tiny encoder into `tmp_path / "model"`, or another folder of it."""

    def run(data: Path, out: str = "model", **options: Any) -> Training:
        return train(data, tmp_path / out, encoder=tiny, cache=cache, **options)

    return run


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """Forty tones of two labels."""
    return write_labels(tmp_path / "tones", COUNTS)


@pytest.fixture(scope="module")
def trained(tiny: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """A model of forty tones."""
    root = tmp_path_factory.mktemp("trained")
    return train(write_labels(root / "tones", COUNTS), root / "model", encoder=tiny, cache=cache)


@pytest.fixture
def one_kind(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Trains one kind of head alone, where the others would only take time."""

    def keep(name: str) -> None:
        kinds = tuple(kind for kind in KINDS if kind.name == name)
        monkeypatch.setattr("edge_train.heads.KINDS", kinds)

    return keep


def test_the_package_is_used_by_the_detector(trainer: Trainer, tmp_path: Path) -> None:
    """Every clip of the fixtures gets from the package what the record says of the test clips."""
    for label in ("real", "synthetic"):
        shutil.copytree(FIXTURES / label, tmp_path / "clips" / label)
    training = trainer(tmp_path / "clips", bonafide_labels=["real"], licence="MIT", name="mine")
    record = training.record
    assert training.package == tmp_path / "model"
    manifest = open_package(training.package).manifest
    assert (manifest.name, manifest.licence) == ("mine", "MIT")
    assert manifest.labels == record.label_names == ("real", "synthetic")
    assert manifest.bonafide_labels == ("real",)
    assert {counts.label: (counts.train, counts.test) for counts in record.labels} == {
        "real": (6, 1), "synthetic": (6, 1),
    }  # fmt: skip
    detector = Detector.load(training.package)
    for detection in detector.predict_batch(sorted((tmp_path / "clips").rglob("*.opus"))):
        assert isinstance(detection, Detection)
        assert detection.spoof_probability == pytest.approx(detection.probabilities["synthetic"])
    for mistake in record.misjudged:
        detection = detector.predict(mistake.name)
        assert detection.label == mistake.judged
        assert detection.confidence == pytest.approx(mistake.probability, abs=1e-5)
        assert Path(mistake.name).parent.name == mistake.label != mistake.judged


def test_tones_are_told_apart(trained: Training) -> None:
    best = trained.record.best.test
    assert (best.accuracy, best.eer, best.auc, best.macro.f1) == (1, 0, 1, 1)
    assert trained.record.bonafide_labels == ("bonafide",)
    assert trained.record.misjudged == ()
    detector = Detector.load(trained.package)
    for seed, label, hertz in ((777, "bonafide", 200), (778, "spoof", 600)):
        assert detector.predict((clip(seed, hertz), RATE)).label == label


def test_silence_is_cut_as_the_encoder_s_package_does(
    cutting: Path, trained: Training, tones: Path, cache: Path, tmp_path: Path
) -> None:
    """Tones amid silence are told apart however much of it there is."""
    for path in tones.rglob("*.wav"):
        soundfile.write(path, amid_silence(load_audio(path, RATE), RATE), RATE)
    training = train(tones, tmp_path / "model", encoder=cutting, cache=cache)
    assert open_package(training.package).manifest.cuts_silence
    assert training.record.encoder.cuts_silence
    assert not open_package(trained.package).manifest.cuts_silence
    assert training.record.best.test.accuracy == 1
    detector = Detector.load(training.package)
    for seed, label, hertz in ((777, "bonafide", 200), (778, "spoof", 600)):
        amid = amid_silence(amid_silence(clip(seed, hertz), RATE), RATE)
        assert detector.predict((amid, RATE)).label == label


def test_metrics_json_is_the_record(trained: Training) -> None:
    text = (trained.package / "metrics.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(asdict(trained.record)))
    record = json.loads(text)
    assert record["encoder"]["sha256"] == open_package(trained.package).manifest.encoders[0].sha256
    assert (record["seed"], record["train_clips"], record["test_clips"]) == (0, 32, 8)
    assert [head["name"] for head in record["heads"]] == ["lr", "svm", "rf"]
    assert "5-fold stratified cross-validation on the training clips alone" in record["rule"]
    assert record["versions"]["scikit-learn"]
    assert record["warnings"][0].startswith("the test set has 8 clips; below 100")


def test_the_same_input_and_seed_give_the_same_package(trained: Training, trainer: Trainer) -> None:
    data = Path(trained.record.data)
    again, other = trainer(data), trainer(data, "other", name="model", seed=1)
    assert (again.from_cache, other.from_cache) == (40, 40)
    files = sorted(path.relative_to(again.package) for path in again.package.rglob("*.*"))
    assert {path.name for path in files} >= {"metrics.json", "report.html", "classifier.onnx"}
    for path in files:
        assert (trained.package / path).read_bytes() == (again.package / path).read_bytes(), path
    assert other.record.seed == 1
    graphs = [(made.package / "classifier.onnx").read_bytes() for made in (again, other)]
    assert graphs[0] != graphs[1]


def test_five_labels(trainer: Trainer, tmp_path: Path) -> None:
    counts = {f"class_{i}": 10 for i in range(5)}
    training = trainer(write_labels(tmp_path / "five", counts))
    assert len(training.record.best.test.confusion) == 5
    assert training.record.best.test.eer is None
    assert any("no label is known to mean a real voice" in w for w in training.record.warnings)
    probabilities = Detector.load(training.package).predict((clip(1), RATE)).probabilities
    assert list(probabilities) == list(counts)


@pytest.mark.parametrize("kind", ["lr", "svm", "rf"])
@pytest.mark.parametrize("labels", [2, 3])
def test_whichever_head_is_chosen_serves_as_it_was_tested(
    trainer: Trainer, tmp_path: Path, one_kind: Callable[[str], None], kind: str, labels: int
) -> None:
    one_kind(kind)
    root = tmp_path / "noise"
    for label in "abc"[:labels]:
        (root / label).mkdir(parents=True)
        for i in range(15):  # nothing to tell apart, so that there are mistakes
            soundfile.write(root / label / f"{i}.wav", clip(100 * ord(label) + i), RATE)
    training = trainer(root)
    assert training.record.chosen == kind
    assert training.record.misjudged
    detector = Detector.load(training.package)
    for mistake in training.record.misjudged:
        detection = detector.predict(mistake.name)
        assert detection.confidence == pytest.approx(mistake.probability, abs=1e-5)
        assert detection.label == mistake.judged


def test_groups_stay_on_one_side(
    trainer: Trainer, tones: Path, one_kind: Callable[[str], None]
) -> None:
    one_kind("lr")
    lines = ["path,label,speaker"]
    paths = sorted(tones.rglob("*.wav"))
    lines += [f"{path},{path.parent.name},s{i // 2}" for i, path in enumerate(paths)]
    (tones / "list.csv").write_text("\n".join(lines))
    record = trainer(tones / "list.csv", selection=Selection(group="speaker")).record
    assert record.grouped_by == "speaker"
    assert "no speaker in two folds" in record.rule
    assert record.train_clips + record.test_clips == 40


def test_what_is_left_out_is_counted_and_named(
    trainer: Trainer, tones: Path, one_kind: Callable[[str], None]
) -> None:
    one_kind("lr")
    (tones / "single").mkdir()
    soundfile.write(tones / "single" / "x.wav", clip(5000), RATE)
    (tones / "hollow").mkdir()
    (tones / "spoof" / "notes.txt").write_text("not a clip")
    record = trainer(tones).record
    assert record.clips_found == 42
    assert [(e.name, e.reason) for e in record.left_out] == [
        (str(tones / "spoof" / "notes.txt"), "unsupported_audio")
    ]
    assert [(e.label, e.clips) for e in record.left_out_labels] == [("hollow", 0), ("single", 1)]
    used = record.train_clips + record.test_clips
    assert record.clips_found == used + len(record.left_out) + 1  # the single clip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bonafide_labels": ["human"]}, "'human' is none of 'bonafide', 'single', 'spoof'"),
        ({"bonafide_labels": ["single"]}, "'single' has too few clips"),
    ],
)
def test_a_bonafide_label_that_is_none(
    trainer: Trainer, tones: Path, options: dict[str, Any], message: str
) -> None:
    (tones / "single").mkdir()
    soundfile.write(tones / "single" / "x.wav", clip(5000), RATE)
    with pytest.raises(TrainError, match=message):
        trainer(tones, **options)
    assert not (tones.parent / "model").exists()


def test_an_existing_folder_is_refused_before_any_work(trainer: Trainer, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(ExportError, match="exists; remove it or choose another folder"):
        trainer(Path("nowhere"))


def test_nothing_is_left_behind(trainer: Trainer, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="fewer than two labels"):
        trainer(write_labels(tmp_path / "clips", {"a": 5, "b": 2}))
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]


LIGHT = """
import sys
from edge_train import train
train(sys.argv[1], sys.argv[2], encoder=sys.argv[3], cache=sys.argv[4])
heavy = {"torch", "transformers", "librosa", "safetensors", "optimum"}
print(sorted(heavy & set(sys.modules)))
"""


def test_a_package_is_trained_on_without_torch(tiny: Path, tones: Path, cache: Path) -> None:
    arguments = [str(tones), str(tones.parent / "model"), str(tiny), str(cache)]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIGHT, *arguments], capture_output=True, text=True
    )
    assert (result.stderr, result.stdout) == ("", "[]\n")


def test_a_checkpoint_is_exported_first_and_kept(
    tones: Path, tmp_path: Path, one_kind: Callable[[str], None]
) -> None:
    from tests.data.make_tiny_package import HIDDEN, save_encoder

    one_kind("lr")
    checkpoint, folder = tmp_path / "checkpoint", tmp_path / "cache"
    save_encoder(checkpoint)
    first = train(tones, tmp_path / "a", encoder=checkpoint, cache=folder)
    graphs = {path: path.stat().st_mtime_ns for path in folder.rglob("*.onnx")}
    assert graphs
    assert first.record.encoder.hidden_size == HIDDEN
    second = train(tones, tmp_path / "b", encoder=checkpoint, cache=folder)
    assert second.from_cache == 40
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.onnx")} == graphs
    detection = Detector.load(tmp_path / "b").predict((clip(1), RATE))
    assert np.isfinite(detection.confidence)
