"""Copies made while training, by arithmetic: what generators of speech do to it, drawn at random.

A vocoder that nobody has met leaves traces of its own, so each of these copies has its own too: the
phase forgotten in some way, bands put together that do not quite fit, treble mirrored from below, a
pattern that repeats with the frames, spectra smoothed over time. None of it is what a channel does.
And any copy, a real vocoder's too, may be one in a part of the spectrum only (`blend`), so that a
trace has to be found wherever it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from random import Random

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft  # type: ignore[import-untyped]
from scipy.ndimage import gaussian_filter1d  # type: ignore[import-untyped]

from waveform import (
    SAMPLE_RATE,
    Spectrum,
    Waveform,
    as_loud,
    from_short_time,
    join_bands,
    short_time_spectrum,
)

_WINDOWS = (256, 400, 512, 800, 1024)
_NYQUIST = SAMPLE_RATE / 2
_EDGES_HZ = (150, 150)
"""How wide the edges of a blended part are."""
_DELAY_SAMPLES = 4.0
"""Standard deviation of the bands' delays."""
_PARTS = (1, 2, 2, 3)
"""How many of the traces a copy has."""


def made_copy(waveform: Waveform, seed: int) -> Waveform:
    """A copy (samples,) with one to three of the traces, drawn by the seed, at the same level."""
    rng = Random(f"copy {seed}")
    made = waveform
    for trace in rng.sample(TRACES, rng.choice(_PARTS)):
        made = trace(made, rng)
    return as_loud(made, waveform)


def blend(copy: Waveform, original: Waveform, seed: int) -> Waveform:
    """The copy (samples,) below a frequency, above one or between two, the original elsewhere."""
    rng = Random(f"blend {seed}")
    parts_hz = (
        (-math.inf, rng.uniform(1_200, 4_500)),
        (rng.uniform(400, 2_200), math.inf),
        (rng.uniform(200, 1_200), rng.uniform(2_200, 5_500)),
    )
    return join_bands(copy, original, rng.choice(parts_hz), _EDGES_HZ)


def forget_phase(waveform: Waveform, rng: Random) -> Waveform:
    """Noise on the phases of a short-time spectrum: of all, or from a frequency up to 2 kHz on."""
    spectrum = short_time_spectrum(waveform, rng.choice(_WINDOWS))
    angles = _generator(rng).standard_normal(spectrum.shape, np.float32) * rng.uniform(0.6, 3.0)
    if rng.random() < 0.5:
        angles = gaussian_filter1d(angles, 1.0, axis=1) * np.float32(1.9)  # as large as before
    angles[: max(0, int(rng.uniform(-2_000, 2_000) / _NYQUIST * len(spectrum)))] = 0
    return from_short_time(spectrum * np.exp(1j * angles), len(waveform))


def smooth_spectra(waveform: Waveform, rng: Random) -> Waveform:
    """Logarithmic magnitudes smoothed over time and frequency, phases kept."""
    spectrum = short_time_spectrum(waveform, rng.choice(_WINDOWS))
    levels = _log_magnitudes(spectrum)
    smoothed = gaussian_filter1d(levels, rng.uniform(0.7, 2.5), axis=1)
    smoothed = gaussian_filter1d(smoothed, rng.uniform(0.3, 1.5), axis=0)
    return from_short_time(spectrum * np.exp(smoothed - levels), len(waveform))


def misfit_bands(waveform: Waveform, rng: Random) -> Waveform:
    """Two to eight equal bands, each with a phase and a delay of its own, that leak into their
    neighbours, mirrored at the edges and at most 4 dB down."""
    size = next_fast_len(len(waveform), real=True)
    spectrum = rfft(waveform, size)
    bins = len(spectrum)
    edges = np.linspace(0, bins, rng.choice((2, 3, 4, 4, 6, 8)) + 1).astype(int)
    omega = np.linspace(0, np.pi, bins)
    made = np.empty_like(spectrum)
    for start, stop in pairwise(edges):
        phases = rng.uniform(-2, 2) - rng.gauss(0, _DELAY_SAMPLES) * omega[start:stop]
        made[start:stop] = spectrum[start:stop] * np.exp(1j * phases)
    reach = int(rng.uniform(100, 500) / _NYQUIST * bins)
    leak = 10 ** (rng.uniform(-18, -4) / 20)
    fade = np.linspace(1, 0, reach, dtype=np.float32) * leak
    for edge in edges[1:-1]:
        below, above = spectrum[edge - reach : edge][::-1], spectrum[edge : edge + reach]
        made[edge : edge + reach] += np.conj(below) * fade
        made[edge - reach : edge] += (np.conj(above) * fade)[::-1]
    return np.asarray(irfft(made, size)[: len(waveform)], np.float32)


def mirror_treble(waveform: Waveform, rng: Random) -> Waveform:
    """Above 1.8 to 5 kHz, the mirrored or moved spectrum below, at the levels that were there."""
    spectrum = short_time_spectrum(waveform, rng.choice(_WINDOWS))
    cut = int(rng.uniform(1_800, 5_000) / _NYQUIST * len(spectrum))
    places = np.arange(len(spectrum) - cut)
    sources = rng.choice((cut - 1 - places % cut, places % cut))
    levels = _log_magnitudes(spectrum)
    coarse = gaussian_filter1d(levels, rng.uniform(3, 8), axis=0)
    fine = spectrum[sources] * np.exp(coarse[cut:] - coarse[sources])
    return from_short_time(np.concatenate([spectrum[:cut], fine]), len(waveform))


def repeat_pattern(waveform: Waveform, rng: Random) -> Waveform:
    """A pattern of 3 to 20 ms, as long as a generator's frame, that scales the samples and is added
    to them."""
    noise = _generator(rng)
    period = rng.randint(48, 320)
    pattern, beside = noise.normal(size=(2, period)).astype(np.float32)
    width = rng.uniform(0.5, 4.0)
    pattern, beside = (gaussian_filter1d(p, width, mode="wrap") for p in (pattern, beside))
    count = len(waveform)
    level = np.sqrt(gaussian_filter1d(np.square(waveform), 160) + 1e-10)
    gains = 1 + rng.uniform(0.05, 0.3) * np.resize(pattern / np.std(pattern), count)
    added = rng.uniform(0.0, 0.1) * level * np.resize(beside / np.std(beside), count)
    return np.asarray(waveform * gains + added, np.float32)


TRACES: tuple[Callable[[Waveform, Random], Waveform], ...] = (
    forget_phase,
    smooth_spectra,
    misfit_bands,
    mirror_treble,
    repeat_pattern,
)


def _log_magnitudes(spectrum: Spectrum) -> NDArray[np.float32]:
    return np.log(np.abs(spectrum) + np.float32(1e-5))


def _generator(rng: Random) -> np.random.Generator:
    return np.random.default_rng(rng.getrandbits(32))
