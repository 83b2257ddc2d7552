"""Mono float32 waveforms at 16 kHz: reading, trimming, joining, levelling.

Both classes pass through the same functions, so that none of this tells them apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from random import Random

import av
import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray

Waveform = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

SAMPLE_RATE = 16_000
MIN_SECONDS = 3.0
MAX_SECONDS = 8.0
_LEVEL_RMS = 10 ** (-23 / 20)
_PEAK = 0.99
_FRAME = SAMPLE_RATE // 50
_SILENCE_RATIO = 10 ** (-40 / 20)
_MARGIN = SAMPLE_RATE // 20
"""Natural silence kept on either side of trimmed speech, 50 ms."""
_CROSSFADE = SAMPLE_RATE // 100
_LOWEST_HZ = 70.0
"""No voice is below; what is there tells recordings apart, not speech."""
_SPEECH_HZ = (200, 3_000)
_ROLL_OFF = 10 ** (-50 / 10)
"""A band this far below those of speech is beyond the recording's roll-off."""
_BAND_HZ = 100


def resample(waveform: Waveform, rate: float, new_rate: float) -> Waveform:
    """Change the sample rate (soxr HQ)."""
    return np.asarray(soxr.resample(waveform, rate, new_rate), np.float32)


def short_time_spectrum(waveform: Waveform, window: int) -> Spectrum:
    """(window / 2 + 1 bins, frames), complex64, of Hann windows of so many samples (divisible by 4)
    every quarter of that."""
    spectrum = torch.stft(
        torch.from_numpy(waveform),
        window,
        window // 4,
        window=torch.hann_window(window),
        return_complex=True,
    )
    return spectrum.numpy()


def from_short_time(spectrum: Spectrum, count: int) -> Waveform:
    """The waveform (count,) that has such a spectrum, or comes nearest to it."""
    window = 2 * (len(spectrum) - 1)
    waveform = torch.istft(
        torch.from_numpy(spectrum),
        window,
        window // 4,
        window=torch.hann_window(window),
        length=count,
    )
    return np.asarray(waveform.numpy(), np.float32)


def read(file: Path | BytesIO) -> Waveform:
    """Decode what libsndfile knows (WAV, FLAC, Ogg, MP3) and bring it to 16 kHz mono."""
    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    mono: Waveform = np.asarray(samples.mean(axis=1), np.float32)
    return resample(mono, rate, SAMPLE_RATE)


def read_telephone(path: Path) -> Waveform:
    """Decode headerless G.722 or GSM, named by the suffix, and bring it to 16 kHz mono."""
    with av.open(str(path), format=path.suffix[1:]) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    samples = np.concatenate(frames).astype(np.float32) / np.float32(2**15)
    return resample(samples, rate, SAMPLE_RATE)


def trim(waveform: Waveform) -> Waveform:
    """Cut the silence at both ends: frames 40 dB below the loudest, but for a margin."""
    count = len(waveform) // _FRAME
    if count == 0:
        return waveform[:0]
    frames = waveform[: count * _FRAME].reshape(count, _FRAME)
    rms = np.sqrt(np.square(frames).mean(axis=1))
    loud = np.flatnonzero(rms > _SILENCE_RATIO * rms.max())
    if len(loud) == 0:
        return waveform[:0]
    start = max(0, int(loud[0]) * _FRAME - _MARGIN)
    stop = (int(loud[-1]) + 1) * _FRAME + _MARGIN
    speech: Waveform = waveform[start:stop]
    return speech


def level(waveform: Waveform) -> Waveform:
    """Remove the offset and bring the RMS to -23 dBFS, or less where the peak forbids it."""
    centred = waveform - waveform.mean()
    gain = _LEVEL_RMS / max(float(np.sqrt(np.square(centred).mean())), 1e-6)
    limit = _PEAK / max(float(np.abs(centred).max()), 1e-6)
    return np.asarray(centred * min(gain, limit), np.float32)


def within_band(copy: Waveform, original: Waveform) -> Waveform:
    """The copy between 70 Hz and the original's roll-off, and the original outside, as long as it.

    A vocoder invents treble above a narrow recording and drops the rumble below a voice: a model
    that learns this knows channels, and mistakes every wide-band recording for a copy.
    """
    size = len(original)
    padded = np.pad(copy[:size], (0, max(0, size - len(copy))))
    scaled = as_loud(padded, original)
    band = (_LOWEST_HZ, roll_off(original))
    return join_bands(scaled, original, band, edges_hz=(_LOWEST_HZ, _BAND_HZ))


def as_loud(waveform: Waveform, other: Waveform) -> Waveform:
    """The waveform (samples,) with the other's standard deviation."""
    return waveform * (np.std(other) / max(float(np.std(waveform)), 1e-6))


def join_bands(
    inner: Waveform, outer: Waveform, band_hz: tuple[float, float], edges_hz: tuple[float, float]
) -> Waveform:
    """One waveform (samples,) between two frequencies and another, as long, outside of them; the
    edges are so wide, linear and about those frequencies."""
    frequencies = np.fft.rfftfreq(len(outer), 1 / SAMPLE_RATE)
    (low, high), (rise, fall) = band_hz, edges_hz
    inside = np.minimum((frequencies - low) / rise + 0.5, (high - frequencies) / fall + 0.5)
    inside = np.clip(inside, 0, 1)
    joined = inside * np.fft.rfft(inner) + (1 - inside) * np.fft.rfft(outer)
    return np.asarray(np.fft.irfft(joined, len(outer)), np.float32)


def roll_off(waveform: Waveform) -> float:
    """The upper edge, in Hz, of the highest band within 50 dB of those of speech; infinite where
    the recording reaches up to half the sample rate."""
    spectrum = np.fft.rfft(waveform * np.hanning(len(waveform)))
    bands = np.arange(len(spectrum)) * SAMPLE_RATE // (_BAND_HZ * len(waveform))
    power = np.bincount(bands, np.square(np.abs(spectrum))) / np.bincount(bands)
    speech = power[_SPEECH_HZ[0] // _BAND_HZ : _SPEECH_HZ[1] // _BAND_HZ].mean()
    top = (int(np.flatnonzero(power >= _ROLL_OFF * speech)[-1]) + 1) * _BAND_HZ
    return math.inf if top >= SAMPLE_RATE / 2 else float(top)


def join(pieces: list[Waveform]) -> Waveform:
    """Concatenate with a 10 ms cross-fade: no digital silence between the pieces."""
    joined = pieces[0]
    ramp = np.linspace(0, 1, _CROSSFADE, dtype=np.float32)
    for piece in pieces[1:]:
        overlap = joined[-_CROSSFADE:] * (1 - ramp) + piece[:_CROSSFADE] * ramp
        joined = np.concatenate((joined[:-_CROSSFADE], overlap, piece[_CROSSFADE:]))
    return joined


def cut_and_join(utterances: Iterable[Waveform], rng: Random) -> Iterator[Waveform]:
    """Make levelled clips of 3 to 8 seconds of one speaker's utterances; a short rest is lost."""
    pieces: list[Waveform] = []
    target = rng.uniform(MIN_SECONDS, MAX_SECONDS)
    for utterance in utterances:
        trimmed = trim(utterance)
        if len(trimmed) < 2 * _CROSSFADE:
            continue
        pieces.append(level(trimmed))
        if sum(map(len, pieces)) >= target * SAMPLE_RATE:
            yield level(join(pieces)[: int(MAX_SECONDS * SAMPLE_RATE)])
            pieces, target = [], rng.uniform(MIN_SECONDS, MAX_SECONDS)
