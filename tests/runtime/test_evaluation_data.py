"""DATA of an evaluation: which clips are real, and where each comes from."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge_detect.errors import DatasetError, ModelError
from edge_detect.evaluation_data import EvaluationData, read_data
from edge_detect.manifest import Manifest, read_manifest


@pytest.fixture
def manifest(tiny: Path) -> Manifest:
    return read_manifest(tiny)


def write_files(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"audio?")


def real_names(data: EvaluationData) -> list[str]:
    return [Path(clip.name).stem for clip in data.clips if clip.bonafide]


def test_a_folder_of_labels(manifest: Manifest, tmp_path: Path) -> None:
    write_files(tmp_path, "Real/radio/a.wav", "Real/radio/2020/b.wav", "Real/c.wav",
                "fake/espeak/d.wav", "notes.txt")  # fmt: skip
    data = read_data(str(tmp_path), manifest)
    assert sorted((Path(c.name).stem, c.label, c.bonafide, c.origin) for c in data.clips) == [
        ("a", "Real", True, "radio"),
        ("b", "Real", True, "radio"),
        ("c", "Real", True, ""),
        ("d", "fake", False, "espeak"),
    ]
    assert [entry.reason for entry in data.left_out] == ["unlabelled"]


def test_a_list_with_all_columns(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(
        "path,label,engine,source,language,speaker,source_clip\n"
        "a.wav,bonafide,,radio,en,ann,\n"
        "b.wav,spoof,world,,en,,a.wav\n"
    )
    real, copy = read_data(str(tmp_path / "list.csv"), manifest).clips
    assert (real.origin, real.language, real.speaker) == ("radio", "en", "ann")
    assert real.source_clip == ""
    assert (copy.origin, copy.language, copy.speaker) == ("world", "en", "")
    assert copy.source_clip == real.name == str(tmp_path / "a.wav")
    assert real.fetch() == tmp_path / "a.wav"


def test_a_list_with_one_column_for_engine_and_source(manifest: Manifest, tmp_path: Path) -> None:
    lines = [
        {"path": "a.wav", "label": "bonafide", "engine_or_source": "radio", "speaker": 7},
        {"path": "b.wav", "label": "spoof", "engine_or_source": "pico", "speaker": None},
    ]
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, lines)))
    clips = read_data(str(tmp_path / "list.jsonl"), manifest).clips
    assert [(clip.origin, clip.speaker) for clip in clips] == [("radio", "7"), ("pico", "")]


def test_a_list_with_the_two_columns_it_needs(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,label\na.wav,human\nb.wav,DeepFake\n")
    data = read_data(str(tmp_path / "list.csv"), manifest)
    assert real_names(data) == ["a"]
    assert {clip.origin for clip in data.clips} == {""}


def test_the_models_own_labels_come_first(manifest: Manifest, tmp_path: Path) -> None:
    odd = replace(manifest, labels=("real", "class_1"), bonafide_labels=("class_1",))
    (tmp_path / "list.csv").write_text("path,label\na.wav,real\nb.wav,class_1\nc.wav,Genuine\n")
    assert real_names(read_data(str(tmp_path / "list.csv"), odd)) == ["b", "c"]


def test_named_labels_are_real_and_all_others_are_not(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,label\na.wav,radio\nb.wav,bonafide\nc.wav,tv\n")
    path = str(tmp_path / "list.csv")
    assert real_names(read_data(path, manifest, ["radio", "tv"])) == ["a", "c"]
    with pytest.raises(DatasetError, match=r"label 'radio' means real .* by --bonafide-label"):
        read_data(path, manifest)
    with pytest.raises(DatasetError, match=r"no clip has the label 'Radio' .*'bonafide', 'radio'"):
        read_data(path, manifest, ["Radio"])


def test_a_clip_that_is_there_twice(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("path,label\na.wav,real\na.wav,real\nb.wav,fake\n")
    data = read_data(str(path), manifest)
    assert len(data.clips) == 2
    assert [(entry.name, entry.reason) for entry in data.left_out] == [
        (str(tmp_path / "a.wav"), "duplicate")
    ]
    path.write_text("path,label\na.wav,real\na.wav,fake\n")
    with pytest.raises(DatasetError, match="has the labels 'real' and 'fake'; remove one"):
        read_data(str(path), manifest)


def test_what_is_no_data(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no file or folder 'nowhere'"):
        read_data("nowhere", manifest)
    write_files(tmp_path, "x.txt")
    with pytest.raises(DatasetError, match="no list of clips"):
        read_data(str(tmp_path / "x.txt"), manifest)


def test_a_model_that_does_not_say_what_is_real(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"doesn't say which of its labels .* with --bonafide"):
        read_data(str(tmp_path), replace(manifest, bonafide_labels=()))
