"""Batches of the recipe's training: what the teacher heard stays with what is heard."""

import numpy as np
import pytest
import torch

from batches import VOCODER_WEIGHTS, Batches, interpolate
from crops import CROP_SAMPLES, Crops
from encoder import frame_count

VOCODERS = tuple(VOCODER_WEIGHTS)
FRAMES, SIZE = 75, 4


@pytest.fixture(scope="module")
def crops() -> Crops:
    """A copy, its original and a real crop in turn; the answers tell which crop it is."""
    origins = [name for vocoder in VOCODERS for name in (vocoder, "", "ktuberling")]
    rng = np.random.default_rng(0)
    return Crops(
        samples=rng.integers(-3000, 3000, (len(origins), CROP_SAMPLES), np.int16),
        frames=np.tile(np.arange(len(origins), dtype=np.float16)[:, None, None], (1, FRAMES, SIZE)),
        origins=np.array(origins),
        copies=np.array([origin in VOCODERS for origin in origins]),
    )


def test_a_straight_line_is_interpolated_exactly() -> None:
    line = ((np.arange(FRAMES) + 0.5) / FRAMES)[:, np.newaxis].astype(np.float16)
    middles = 0.2 + 0.6 * (np.arange(30) + 0.5) / 30
    assert interpolate(line, (0.2, 0.8), 30)[:, 0] == pytest.approx(middles, abs=5e-4)


def test_beyond_the_crop_the_last_answer_stays() -> None:
    frames = np.arange(FRAMES, dtype=np.float16)[:, np.newaxis]
    assert interpolate(frames, (0.9, 1.3), 10)[-1, 0] == FRAMES - 1


def test_an_original_comes_before_its_copy_and_others_after_the_pairs(crops: Crops) -> None:
    batches = Batches(crops)
    told = np.array([batches.standardise(crops.frames[i])[0, 0] for i in range(len(crops.frames))])
    kinds = set()
    for batch in (batches[step] for step in range(4)):
        heard = np.abs(batch.heard[:, 0, :1].numpy() - told).argmin(axis=1)
        originals, copies = heard[: 2 * batch.pairs].reshape(-1, 2).T
        of_original, of_copy = batch.taught[: 2 * batch.pairs].numpy().reshape(-1, 2).T
        assert of_original.all()
        assert (originals == copies + 1)[of_copy].all()
        assert crops.copies[copies[of_copy]].all()
        assert batch.taught[2 * batch.pairs :].all()
        assert set(crops.origins[heard[2 * batch.pairs :]]) == {"ktuberling"}
        kinds |= set(of_copy.tolist())
    assert kinds == {True, False}  # the teacher has heard no copy that is made or blended


def test_a_pair_is_heard_through_one_channel(crops: Crops) -> None:
    batch = Batches(crops)[0]  # which is clean
    originals, copies = batch.waveforms[: 2 * batch.pairs].view(batch.pairs, 2, -1).unbind(dim=1)
    levels = [x.std(dim=1) for x in (originals, copies)]
    assert torch.allclose(*levels, rtol=0.2)
    assert not torch.equal(originals, copies)


def test_the_answers_have_a_frame_for_each_of_the_encoder(crops: Crops) -> None:
    batch = Batches(crops)[7]
    assert len(batch.heard) == len(batch.waveforms)
    assert batch.heard.shape[1] == frame_count(batch.waveforms.shape[1])


def test_a_step_draws_the_same_batch_again(crops: Crops) -> None:
    first, second, other = Batches(crops)[3], Batches(crops)[3], Batches(crops)[4]
    assert torch.equal(first.waveforms, second.waveforms)
    assert first.waveforms.shape != other.waveforms.shape or not torch.equal(
        first.waveforms, other.waveforms
    )
