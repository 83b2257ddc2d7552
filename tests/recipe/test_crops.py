"""The recipe's crops: a copy at the place of its original, takes at places of their own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clips import Clip, store
from crops import CROP_SAMPLES, Place, choose_places
from sources import Label, Split
from waveform import SAMPLE_RATE

REAL = Clip("a.flac", Label.BONAFIDE, "a", "ann", "en", "MIT", Split.TRAIN, "", 8.0)
COPY = replace(REAL, path="b.flac", label=Label.SPOOF, engine_or_source="v", source_clip="a.flac")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 8 s and a copy of it at half the level."""
    folder = tmp_path_factory.mktemp("work")
    noise = np.random.default_rng(0).normal(0, 0.2, 8 * SAMPLE_RATE).astype(np.float32)
    store(noise, folder / "a.flac")
    store(noise / 2, folder / "b.flac")
    return folder


def test_takes_are_three_of_each_crop_and_all_different() -> None:
    rows = [REAL, replace(REAL, path="c.flac")]
    plain, takes = choose_places(rows), choose_places(rows, takes=True)
    assert [place.take for place in plain] == [None, None]
    assert len(takes) == 6
    assert len({place.position for place in takes}) == 6
    assert len({place.take for place in takes}) == 6
    assert all(place.take is not None for place in takes)


def test_a_crop_is_what_was_recorded(work: Path) -> None:
    (crop,) = Place(REAL, 0.0, None).cut(work)
    assert np.array_equal(crop, REAL.read(work)[:CROP_SAMPLES])


def test_a_copy_and_its_original_are_cut_and_taken_alike(work: Path) -> None:
    for place in (Place(COPY, 0.4, None), *choose_places([COPY], takes=True)):
        copied, original = place.cut(work)
        assert len(copied) == len(original) == CROP_SAMPLES
        assert copied * 2 == pytest.approx(original, abs=2e-4)


def test_a_take_that_is_too_loud_is_lowered_with_its_original(work: Path) -> None:
    peaks = []
    for place in choose_places([COPY] * 20, takes=True):
        copied, original = place.cut(work)
        peaks.append(float(np.abs(original).max()))
        assert copied.std() * 2 == pytest.approx(original.std(), rel=1e-3)
    assert max(peaks) == pytest.approx(1)
