"""Embedding of clips: once for each content, kept on disk, and whatever can't be read named."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_detect import Detector, OtherTracks
from edge_detect.audio import load_audio
from edge_detect.cache import cache_folder
from edge_detect.clips import Clip
from edge_detect.errors import DatasetError
from edge_detect.label_folder import read_folder
from edge_detect.silence import cut_silence
from edge_train.cache import Embedding, EmbeddingCache
from edge_train.embeddings import EmbeddedClips, embed_clips
from edge_train.errors import TrainError
from tests.conftest import FIXTURES, film
from tests.train.conftest import RATE, CountingEncoder, clip, write_labels


def embed(root: Path, encoder: CountingEncoder) -> EmbeddedClips:
    """Embed a folder of labels, with the cache beside it."""
    return embed_clips(read_folder(root).clips, encoder, root.parent / "cache")


def reasons(embedded: EmbeddedClips) -> dict[str, str]:
    return {Path(entry.name).name: entry.reason for entry in embedded.left_out}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_labels(tmp_path / "clips", {"a": 3, "b": 2})


def test_each_clip_is_computed_once(folder: Path, encoder: CountingEncoder) -> None:
    first = embed(folder, encoder)
    assert len(encoder.calls) == 5
    assert first.from_cache == 0
    assert [c.label for c in first.clips] == ["a", "a", "a", "b", "b"]
    for row, of_row in zip(first.matrix, first.clips, strict=True):
        assert row.tolist() == encoder.embed(load_audio(Path(of_row.name), RATE)).tolist()
    (folder / "a" / "00.wav").rename(folder / "a" / "zz.wav")  # the content counts, not the name
    encoder.calls.clear()
    again = embed(folder, encoder)
    assert (encoder.calls, again.from_cache) == ([], 5)
    assert sorted(again.matrix.tolist()) == sorted(first.matrix.tolist())


def test_an_encoder_whose_package_cuts_silence_is_given_speech_alone(
    folder: Path, encoder: CountingEncoder
) -> None:
    path = folder / "a" / "00.wav"
    silence = np.zeros(RATE, np.float32)
    soundfile.write(path, np.concatenate([silence, load_audio(path, RATE), silence]), RATE)
    cutting = CountingEncoder(cuts_silence=True)
    embedded = embed(folder, cutting)
    [row] = [i for i, of in enumerate(embedded.clips) if Path(of.name) == path]
    alone = cut_silence(load_audio(path, RATE), RATE, cutting.min_samples)
    assert len(alone) < RATE / 2
    assert embedded.matrix[row].tolist() == cutting.embed(alone).tolist()
    # What another was given of the same content is not taken for it.
    assert embed(folder, encoder).from_cache == 0
    assert max(encoder.calls) > 2 * RATE


def test_a_clip_with_several_tracks_is_warned_of_and_no_damage(
    tmp_path: Path, encoder: CountingEncoder
) -> None:
    root = tmp_path / "clips"
    for i, label in enumerate("ab"):
        (root / label).mkdir(parents=True)
        (root / label / "film.mkv").write_bytes(film(clip(i), clip(i + 2)))
    with pytest.warns(OtherTracks, match=r"film\.mkv' has 2 audio tracks") as caught:
        embedded = embed(root, encoder)
    assert len(caught) == len(embedded.clips) == 2
    assert not embedded.damaged


def test_another_encoder_has_its_own_cache(folder: Path, encoder: CountingEncoder) -> None:
    embed(folder, encoder)
    other = CountingEncoder(sha256="cd" * 32)
    assert embed(folder, other).from_cache == 0
    assert len(other.calls) == 5


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "another width", "text"])
def test_a_damaged_cache_file_is_computed_again(
    folder: Path, encoder: CountingEncoder, damage: str
) -> None:
    first = embed(folder, encoder)
    [stored, *_] = sorted(folder.parent.glob("cache/*/*.npz"))
    content = stored.read_bytes()
    flipped = bytearray(content)
    flipped[content.index(b"\x93NUMPY") + 130] ^= 1  # in the numbers, behind their header
    other = EmbeddingCache(folder.parent / "other", 4)
    other.write("x", Embedding(np.zeros(4, np.float32), damaged=False))
    stored.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "empty": b"",
            "flipped": bytes(flipped),
            "another width": (folder.parent / "other" / "x.npz").read_bytes(),
            "text": b"vector",
        }[damage]
    )
    encoder.calls.clear()
    again = embed(folder, encoder)
    assert (len(encoder.calls), again.from_cache) == (1, 4)
    assert again.matrix.tolist() == first.matrix.tolist()
    assert stored.read_bytes() != b""
    assert embed(folder, encoder).from_cache == 5


KILLED = """
import os, signal, sys
from pathlib import Path
from edge_train.embeddings import embed_clips
from edge_detect.label_folder import read_folder
from tests.train.conftest import CountingEncoder

class Mortal(CountingEncoder):
    def embed(self, waveform):
        if len(self.calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(waveform)

embed_clips(read_folder(Path(sys.argv[1])).clips, Mortal(), Path(sys.argv[2]))
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, encoder: CountingEncoder) -> None:
    folder = write_labels(tmp_path / "clips", {"a": 4, "b": 4})
    command = [sys.executable, "-c", KILLED, str(folder), str(tmp_path / "cache")]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL
    embedded = embed(folder, encoder)
    assert embedded.from_cache == 3
    assert len(encoder.calls) == 5
    assert len(embedded.clips) == 8


def test_what_inference_refuses_is_left_out(folder: Path, encoder: CountingEncoder) -> None:
    (folder / "a" / "garbage.mp3").write_bytes(np.random.default_rng(1).bytes(5000))
    (folder / "a" / "zero.wav").write_bytes(b"")
    (folder / "a" / "gone.wav").symlink_to("nowhere")
    os.mkfifo(folder / "a" / "pipe.wav")
    soundfile.write(folder / "a" / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "a" / "short.wav", clip(0)[:399], RATE)
    soundfile.write(folder / "a" / "long.wav", np.tile(clip(0), 490), RATE)
    embedded = embed(folder, encoder)
    assert reasons(embedded) == {
        "garbage.mp3": "unsupported_audio",
        "zero.wav": "empty_file",
        "gone.wav": "file_not_found",
        "pipe.wav": "not_a_file",
        "silent.wav": "no_speech",
        "short.wav": "too_short",
        "long.wav": "too_long",
    }
    assert all(entry.name in entry.message for entry in embedded.left_out)
    assert len(embedded.clips) == len(encoder.calls) == 5


def test_a_damaged_clip_is_used_and_named_every_time(
    folder: Path, encoder: CountingEncoder
) -> None:
    whole = (FIXTURES / "real" / "armelle_fr.opus").read_bytes()
    (folder / "a" / "cut.opus").write_bytes(whole[:9000])
    for _ in range(2):  # from the encoder, then from the cache
        embedded = embed(folder, encoder)
        assert embedded.damaged == (str(folder / "a" / "cut.opus"),)
        assert len(embedded.clips) == 6


def test_the_same_content_twice_is_taken_once(folder: Path, encoder: CountingEncoder) -> None:
    twin = folder / "a" / "twin.wav"
    twin.write_bytes((folder / "a" / "00.wav").read_bytes())
    embedded = embed(folder, encoder)
    [left_out] = embedded.left_out
    assert (left_out.name, left_out.reason) == (str(twin), "duplicate")
    assert str(folder / "a" / "00.wav") in left_out.message
    assert (len(embedded.clips), embedded.from_cache) == (5, 0)


def test_the_same_content_under_two_labels_stops(folder: Path, encoder: CountingEncoder) -> None:
    (folder / "b" / "x.wav").write_bytes((folder / "a" / "00.wav").read_bytes())
    with pytest.raises(DatasetError) as caught:
        embed(folder, encoder)
    assert str(folder / "a" / "00.wav") in str(caught.value)
    assert str(folder / "b" / "x.wav") in str(caught.value)


def test_unreadable_twins_are_no_contradiction(folder: Path, encoder: CountingEncoder) -> None:
    for label in "ab":
        soundfile.write(folder / label / "silent.wav", np.zeros(RATE), RATE)
    assert [entry.reason for entry in embed(folder, encoder).left_out] == ["no_speech"] * 2


def test_progress_follows_every_clip(folder: Path, encoder: CountingEncoder) -> None:
    seen: list[str] = []

    def follow(clips: Sequence[Clip]) -> Sequence[Clip]:
        seen.extend(c.name for c in clips)
        return clips

    clips = read_folder(folder).clips
    embed_clips(clips, encoder, folder.parent / "cache", follow)
    assert seen == [c.name for c in clips]


def test_embeddings_are_those_of_the_detector(tiny: Path, tmp_path: Path) -> None:
    from edge_export.prepared import prepare_encoder

    paths = sorted((FIXTURES / "real").iterdir())[:2]
    clips = [Clip(str(path), "real", None, partial(Path, path)) for path in paths]
    embedded = embed_clips(clips, prepare_encoder(tiny, tmp_path), tmp_path)
    detector = Detector.load(tiny)
    assert embedded.matrix.tolist() == [detector.embed(path).tolist() for path in paths]


def test_a_cache_that_cannot_be_written(folder: Path, encoder: CountingEncoder) -> None:
    (folder.parent / "cache").write_text("a file")
    with pytest.raises(TrainError, match="can't write the cache"):
        embed(folder, encoder)


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EDGE_DETECT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "edge-detect"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "edge-detect"
    monkeypatch.setenv("EDGE_DETECT_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
