"""DATA in each of its forms, good and bad."""

import json
from pathlib import Path

import pytest

from edge_detect.clips import Dataset, Selection
from edge_detect.errors import DatasetError
from edge_train.dataset import read_dataset
from tests.train.conftest import write_labels

ODD_LABELS = ["<b>&amp;\"'</b>", "日本語", "a/b", "../x", "$x^2$", "Ünï | pipe"]


def labelled(dataset: Dataset) -> list[tuple[str, str]]:
    """File name and label of every clip."""
    return [(Path(str(clip.fetch())).name, clip.label) for clip in dataset.clips]


def test_a_folder_of_labels(tmp_path: Path) -> None:
    write_labels(tmp_path, {"fake": 1, "real": 2})
    nested = tmp_path / "real" / "speaker 1"
    nested.mkdir()
    (nested / "clip").write_bytes(b"audio?")
    for hidden in (".git", "real/.thumbnails"):
        (tmp_path / hidden).mkdir()
        (tmp_path / hidden / "x.wav").write_bytes(b"")
    (tmp_path / "real" / ".DS_Store").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    dataset = read_dataset(str(tmp_path), Selection())
    assert labelled(dataset) == [
        ("00.wav", "fake"), ("00.wav", "real"), ("01.wav", "real"), ("clip", "real"),
    ]  # fmt: skip
    assert [(entry.name, entry.reason) for entry in dataset.left_out] == [
        (str(tmp_path / "notes.txt"), "unlabelled")
    ]
    assert dataset.empty_labels == ("empty",)


@pytest.mark.parametrize("name", ["list.csv", "LIST.CSV"])
def test_csv(tmp_path: Path, name: str) -> None:
    rows = "\ufeffspeaker,label,path\nann,real,a.wav\nbob, fake ,sub/b.wav\nann,1,/abs/c.wav\n"
    (tmp_path / name).write_text(rows, encoding="utf-8")
    dataset = read_dataset(str(tmp_path / name), Selection(group="speaker"))
    assert [(clip.fetch(), clip.label, clip.group) for clip in dataset.clips] == [
        (tmp_path / "a.wav", "real", "ann"),
        (tmp_path / "sub/b.wav", "fake", "bob"),
        (Path("/abs/c.wav"), "1", "ann"),
    ]


def test_json_lines_with_other_columns(tmp_path: Path) -> None:
    lines = [{"file": "a.wav", "is": "real"}, {"file": "b.wav", "is": 0}, {"file": "c", "is": True}]
    (tmp_path / "list.jsonl").write_text("\n\n".join(map(json.dumps, lines)))
    dataset = read_dataset(str(tmp_path / "list.jsonl"), Selection(audio="file", label="is"))
    assert labelled(dataset) == [("a.wav", "real"), ("b.wav", "0"), ("c", "True")]


def test_blank_cells_are_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("path,label,who\na.wav,,x\nb.wav,real, \n,real,x\nc.wav\nd.wav,real,x\n")
    dataset = read_dataset(str(path), Selection(group="who"))
    assert labelled(dataset) == [("d.wav", "real")]
    assert [(entry.name, entry.reason) for entry in dataset.left_out] == [
        (str(tmp_path / "a.wav"), "unlabelled"),
        (str(tmp_path / "b.wav"), "ungrouped"),
        (f"{path}:4", "no_path"),
        (str(tmp_path / "c.wav"), "unlabelled"),
    ]


@pytest.mark.parametrize("label", ODD_LABELS)
def test_odd_labels_are_taken_as_they_are(tmp_path: Path, label: str) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text(json.dumps({"path": "a.wav", "label": label}), encoding="utf-8")
    assert [clip.label for clip in read_dataset(str(path), Selection()).clips] == [label]


BAD_LISTS = {
    "no label column": ("x.csv", b"path,class\na,b\n", "no column 'label'; it has 'path', 'class'"),
    "no columns": ("x.csv", b"a;b\n", "no column 'path' and no 'label'; it has 'a;b'"),
    "empty": ("x.csv", b"", "no column 'path' and no 'label'; it has none"),
    "open quote": ("x.csv", b'path,label\na,b\n"c,d\n', "line 3 is no CSV"),
    "no text": ("x.csv", b"path,label\n\xff\xfe,b\n", "as UTF-8 text"),
    "broken line": ("x.jsonl", b'{"path": "a", "label": "b"}\n{"path": \n', "line 2 is no JSON"),
    "no object": ("x.jsonl", b"[1]\n", "line 1 holds no JSON object"),
    "key missing": ("x.jsonl", b'\n{"path": "a"}\n', "x.jsonl:2' has no column 'label'"),
    "label is a list": ("x.jsonl", b'{"path": "a", "label": ["b"]}', "has ['b'] for a label"),
    "line break": ("x.jsonl", b'{"path": "a", "label": "b\\nc"}', "unprintable"),
    "lone surrogate": ("x.jsonl", b'{"path": "a", "label": "\\udc80"}', "unprintable"),
    "other ending": ("x.txt", b"a b", "no list of clips; give a .csv or .jsonl"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_bad_list_is_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        read_dataset(str(tmp_path / name), Selection())
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no file or folder 'nowhere', and it is no hub id"):
        read_dataset("nowhere", Selection())
    with pytest.raises(DatasetError, match="has no sub-folders"):
        read_dataset(str(tmp_path), Selection())


@pytest.mark.parametrize(
    "selection", [Selection(group="speaker"), Selection(split="test"), Selection(label="x")]
)
def test_a_folder_has_nothing_to_select(tmp_path: Path, selection: Selection) -> None:
    write_labels(tmp_path, {"a": 1})
    with pytest.raises(DatasetError, match="a folder of labels; give a list instead"):
        read_dataset(str(tmp_path), selection)


def test_a_list_has_no_split(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("path,label\n")
    with pytest.raises(DatasetError, match="no split 'test' to choose in the list"):
        read_dataset(str(tmp_path / "x.csv"), Selection(split="test"))
