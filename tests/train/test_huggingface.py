"""Hugging Face datasets, from folders and from a hub on this machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from edge_detect.audio import load_audio
from edge_detect.clips import Selection
from edge_detect.errors import DatasetError
from edge_detect.store import open_package
from edge_train.dataset import read_dataset
from edge_train.embeddings import embed_clips
from tests.conftest import FIXTURES
from tests.export.hub_server import serve
from tests.train.conftest import RATE, CountingEncoder, Run, write_labels
from tests.train.dataset_hub import DatasetHub

REAL = FIXTURES / "real" / "armelle_fr.opus"
FAKE = FIXTURES / "synthetic" / "piper_en_joe.opus"


def table(audio: list[Any], labels: list[Any]) -> Any:
    """A dataset with the audio's bytes, two classes, and a speaker for each row."""
    file = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    classes = datasets.ClassLabel(names=["real", "fake"])
    features = datasets.Features(
        {"audio": file, "label": classes, "speaker": datasets.Value("int64")}
    )
    columns = {"audio": audio, "label": labels, "speaker": list(range(len(audio)))}
    data = datasets.Dataset.from_dict(columns, features=features)
    return data.cast_column("audio", datasets.Audio())  # needs no encoder, as rows of audio would


def as_bytes(*paths: Path) -> list[Any]:
    return [{"bytes": path.read_bytes(), "path": path.name} for path in paths]


WRITERS: dict[str, Callable[[Any, Path], object]] = {
    "saved": lambda data, folder: data.save_to_disk(folder),
    "saved splits": lambda data, folder: datasets.DatasetDict(train=data).save_to_disk(folder),
    "parquet": lambda data, folder: data.to_parquet(folder / "train.parquet"),
    "parquet in data": lambda data, folder: data.to_parquet(folder / "data" / "train.parquet"),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_our_decoder_reads_the_bytes(
    tmp_path: Path, encoder: CountingEncoder, write: Callable[[Any, Path], object]
) -> None:
    folder = tmp_path / "clips"
    (folder / "data").mkdir(parents=True)
    write(table(as_bytes(REAL, FAKE), [0, 1]), folder)
    dataset = read_dataset(str(folder), Selection(group="speaker"))
    assert [(clip.name, clip.label, clip.group) for clip in dataset.clips] == [
        (f"{folder}[0]", "real", "0"),
        (f"{folder}[1]", "fake", "1"),
    ]
    assert [clip.fetch() for clip in dataset.clips] == [REAL.read_bytes(), FAKE.read_bytes()]
    embedded = embed_clips(dataset.clips, encoder, tmp_path / "cache")
    assert embedded.left_out == ()
    files = [encoder.embed(load_audio(path, RATE)).tolist() for path in (REAL, FAKE)]
    assert embedded.matrix.tolist() == files


def test_a_path_is_read_from_the_disk(tmp_path: Path) -> None:
    rows = {"audio": [str(REAL), "https://localhost/x.wav"], "label": ["real", "real"]}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "clips")
    here, elsewhere = read_dataset(str(tmp_path / "clips"), Selection()).clips
    assert here.fetch() == REAL
    # A Path is a file for the decoder, whatever it says: a dataset makes nobody call an address.
    assert isinstance(elsewhere.fetch(), Path)


def test_what_a_row_lacks_is_left_out(tmp_path: Path, encoder: CountingEncoder) -> None:
    broken = [{"bytes": b"no audio", "path": None}]
    table([None, *as_bytes(REAL), *broken, *as_bytes(FAKE)], [0, -1, 1, 1]).save_to_disk(tmp_path)
    dataset = read_dataset(str(tmp_path), Selection())
    assert [(e.name, e.reason) for e in dataset.left_out] == [(f"{tmp_path}[1]", "unlabelled")]
    embedded = embed_clips(dataset.clips, encoder, tmp_path / "cache")
    assert [(e.name, e.reason) for e in embedded.left_out] == [
        (f"{tmp_path}[0]", "empty_file"),
        (f"{tmp_path}[2]", "unsupported_audio"),
    ]
    assert all(entry.name in entry.message for entry in embedded.left_out)
    assert [clip.name for clip in embedded.clips] == [f"{tmp_path}[3]"]


def test_selections_that_mean_nothing(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    data = table(as_bytes(REAL), [0])
    data.save_to_disk(one)
    datasets.DatasetDict(train=data, test=data).save_to_disk(two)
    assert len(read_dataset(str(two), Selection(split="test")).clips) == 1
    with pytest.raises(DatasetError, match="no split 'dev'; it has train, test"):
        read_dataset(str(two), Selection(split="dev"))
    with pytest.raises(DatasetError, match=r"no split 'test' to choose in .* saved as one split"):
        read_dataset(str(one), Selection(split="test"))
    with pytest.raises(DatasetError, match="no column 'sound'; it has 'audio', 'label', 'speaker'"):
        read_dataset(str(one), Selection(audio="sound"))
    [clip] = read_dataset(str(one), Selection(audio="speaker")).clips
    with pytest.raises(DatasetError, match="column 'speaker' holds no path and no bytes in row 0"):
        clip.fetch()


def test_a_broken_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DatasetError, match="datasets can't load") as caught:
        read_dataset(str(tmp_path), Selection())
    assert "\n" not in str(caught.value)


def test_the_hub_out_of_reach_is_one_line(run: Run, tmp_path: Path) -> None:
    result = run("someone/clips", "--out", tmp_path / "out", HF_HOME=str(tmp_path / "hf"))
    assert (result.returncode, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("error: datasets can't load 'someone/clips' (")


def test_from_the_hub(run: Run, tiny: Path, tmp_path: Path) -> None:
    tones = write_labels(tmp_path / "tones", {"real": 4, "fake": 4})
    paths = [tones / label / f"{i:02}.wav" for label in ("real", "fake") for i in range(4)]
    (tmp_path / "repository").mkdir()
    table(as_bytes(*paths), [0] * 4 + [1] * 4).to_parquet(tmp_path / "repository" / "x.parquet")
    hub = DatasetHub("someone/clips", tmp_path / "repository")
    with serve(hub) as address:
        online = {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf")}
        options = ("--encoder", tiny, "--bonafide", "real")
        result = run("someone/clips", *options, "--out", tmp_path / "out", **online)
        missing = run("someone/else", *options, "--out", tmp_path / "no", **online)
    assert result.returncode == 0, result.stderr
    assert "clips found: 8;" in result.stderr.splitlines()[0], "no progress bar in a pipe"
    assert open_package(tmp_path / "out").manifest.labels == ("fake", "real")
    assert (missing.returncode, missing.stdout) == (1, "")
    [line] = missing.stderr.splitlines()
    assert line.startswith("error: datasets can't load 'someone/else' (")
