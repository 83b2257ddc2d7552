"""Silence is cut out of a clip before the encoder, for models whose training clips had none."""

import numpy as np

from edge_detect.decoded import Waveform

FRAME_SECONDS = 0.025
LOUD_SHARE = 0.95
BELOW_LOUD_DB = 38.0
"""Frames so far below what that share of them stays below are silent: a click is no measure."""
LONGEST_SECONDS = 0.3
"""Between two sounds; a shorter pause belongs to the speech."""
MARGIN_SECONDS = 0.05
"""Of what is cut, left on either side of a sound."""


def cut_silence(waveform: Waveform, sample_rate: int, min_samples: int) -> Waveform:
    """The waveform, float32 (samples,) at `sample_rate` Hz, without the silence before and behind
    it and in pauses above 0.3 s.

    As it is where next to nothing would be left, fewer than `min_samples`.
    """
    frame = round(FRAME_SECONDS * sample_rate)
    longest, margin = round(LONGEST_SECONDS * sample_rate), round(MARGIN_SECONDS * sample_rate)
    count = len(waveform) // frame
    if count == 0:
        return waveform
    frames = waveform[: count * frame].reshape(count, frame)
    levels = np.sqrt(np.square(frames).mean(axis=1, dtype=np.float64))
    silent = np.quantile(levels, LOUD_SHARE) * 10 ** (-BELOW_LOUD_DB / 20)
    [sounding] = np.nonzero(levels > silent)
    if not len(sounding):
        return waveform
    [pauses] = np.nonzero((np.diff(sounding) - 1) * frame > longest)
    firsts, lasts = sounding[[0, *(pauses + 1)]], sounding[[*pauses, -1]]
    starts, ends = np.maximum(0, firsts * frame - margin), (lasts + 1) * frame + margin
    kept = np.concatenate([waveform[a:b] for a, b in zip(starts, ends, strict=True)])
    return kept if len(kept) >= min_samples else waveform
