"""Channel augmentation, drawn once and applied alike to both clips of a pair.

A drawn `Channel` is a value: applying it twice gives the same noise and the same room, so a copy
and its original differ in nothing but the copying.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from random import Random

import numpy as np
import soundfile
from scipy.fft import irfft, next_fast_len, rfft  # type: ignore[import-untyped]
from scipy.ndimage import uniform_filter1d  # type: ignore[import-untyped]
from scipy.signal import fftconvolve  # type: ignore[import-untyped]

from edge_detect.conditions import (
    G722,
    Response,
    cut_bass,
    low_pass,
    through_ffmpeg,
    through_filter,
    turn_phases,
)
from waveform import SAMPLE_RATE, Waveform, from_short_time, resample, short_time_spectrum

TELEPHONE_HZ = 3_400
SLOWEST, FASTEST = 0.85, 1.2
"""Speaking rates relative to the recording's own, and with them pitch and formants: a known voice
must not stay one, nor a vocoder's trace at its frequency."""
CLEAN_SHARE = 0.25
"""Of channels that leave band, codec and room alone and add no noise that is heard."""
_CUTOFFS_HZ = (TELEPHONE_HZ, 4_000, 5_500, 7_000)
_NOISE_SLOPES = (0.0, 0.5, 1.0)
"""Amplitude falls as frequency to this power: white, pink, brown."""
_NOISE_DB, _FLOOR_DB = (12, 45), (55, 75)
"""Signal-to-noise ratios of noise that is heard, and of noise that only hides how often a clip was
rounded to 16 bits."""
_PREDELAY_SECONDS = 0.002
_DENOISING_WINDOW = 512
_QUIET_SHARE, _ABOVE_QUIET, _DENOISING_FLOOR = 0.15, 2.0, 0.05
"""Noise is so many times what the magnitudes of a band stay below in that share of the frames; at
least this much of every magnitude is left."""
_LEVEL_SAMPLES, _HOLD_SAMPLES, _RAMP_SAMPLES = 400, 1_600, 160
"""25 ms, 100 ms and 10 ms."""
_COMPRESSION_FLOOR = 0.03
_CORNERS_HZ = (20.0, 160.0)
"""Of the high-passes of microphones and of what stands behind them."""
_ALL_PASSES_HZ, _ALL_PASS_Q = (80.0, 3_000.0), (0.3, 1.5)
"""Where phases are turned by half, and how sharply about there."""
_LOW_CUT_SHARE, _ALL_PASS_SHARE = 0.3, 0.15
"""Of channels that are not clean."""
_EQUALISER_KNOTS = 9
"""Of a response drawn at equal distances from 0 Hz to half the sample rate."""


@dataclass(frozen=True)
class Filter:
    """An analogue filter."""

    response: Callable[[Response], Response]
    """Of frequency, relative to the corner and imaginary."""
    corner_hz: float

    def apply(self, waveform: Waveform) -> Waveform:
        """The waveform (samples,) after the filter."""
        return through_filter(self.response, self.corner_hz, waveform, SAMPLE_RATE)


@dataclass(frozen=True)
class Channel:
    """What happened to a recording between the mouth, or the loudspeaker, and the file."""

    seed: int
    """Of the noise and of the room."""
    speed: float
    cutoff_hz: int | None
    codec: str | None
    """A key of `CODECS`."""
    quality: float
    """Of MP3, Vorbis and Opus: 0 is the best, 1 the smallest."""
    decay_seconds: float | None
    """Reverberation time (60 dB) of the room; None is a dry recording."""
    response_db: tuple[float, ...] | None
    """Gains of loudspeaker and microphone at equal distances in frequency; None is flat."""
    low_cut: Filter | None
    """The high-pass of a microphone or an amplifier, which turns phases as well."""
    all_pass: Filter | None
    """What turns phases and does no more."""
    noise_slope: float
    snr_db: float
    denoising: float | None
    """How much of the noise is taken out of each band, 1 being all of it."""
    gate_db: float | None
    """Below the speech: what is quieter is silenced, between words."""
    compression: float | None
    """How many dB the level must rise for one more; None leaves it alone."""
    gain_db: float
    polarity: int

    def apply(self, waveform: Waveform) -> Waveform:
        """The waveform after the channel, float32 (samples,), as long as it went in but for speed.

        The order is the physical one: speaker, room, response, noise, what a studio or a telephone
        does about it, band, codec, gain.
        """
        rng = np.random.default_rng(self.seed)
        heard = resample(waveform, SAMPLE_RATE * self.speed, SAMPLE_RATE)
        if self.decay_seconds is not None:
            heard = reverberate(heard, self.decay_seconds, rng)
        if self.response_db is not None:
            heard = equalise(heard, self.response_db)
        for filter_ in (self.low_cut, self.all_pass):
            if filter_ is not None:
                heard = filter_.apply(heard)
        heard = heard + noise_for(heard, self.noise_slope, self.snr_db, rng)
        if self.denoising is not None:
            heard = denoise(heard, self.denoising)
        if self.gate_db is not None:
            heard = heard * gate(heard, self.gate_db)
        if self.compression is not None:
            heard = heard * compress(heard, self.compression)
        if self.cutoff_hz is not None:
            heard = low_pass(self.cutoff_hz, heard, SAMPLE_RATE)
        if self.codec is not None:
            heard = CODECS[self.codec](heard, self.quality)
        gain = self.polarity * 10 ** (self.gain_db / 20)
        return np.asarray((heard - heard.mean()) * gain, np.float32)


def draw_channel(
    rng: Random, clean_share: float = CLEAN_SHARE, turned_share: float = 1.0
) -> Channel:
    """A random channel; a share of them is clean but for speed and gain.

    `turned_share` is how often phases are turned, relative to the end of the training.
    """
    clean = rng.random() < clean_share
    turned = 0.0 if clean else turned_share
    return Channel(
        seed=rng.getrandbits(32),
        speed=rng.uniform(SLOWEST, FASTEST),
        cutoff_hz=None if clean or rng.random() < 0.4 else rng.choice(_CUTOFFS_HZ),
        codec=None if clean or rng.random() < 0.65 else rng.choice(_DRAWN_CODECS),
        quality=rng.uniform(0.1, 0.9),
        decay_seconds=None if clean or rng.random() < 0.8 else rng.uniform(0.1, 0.6),
        response_db=None if clean or rng.random() < 0.4 else draw_response(rng),
        noise_slope=rng.choice(_NOISE_SLOPES),
        snr_db=rng.uniform(*(_FLOOR_DB if clean or rng.random() < 0.5 else _NOISE_DB)),
        denoising=None if clean or rng.random() < 0.8 else rng.uniform(0.5, 1.5),
        gate_db=None if clean or rng.random() < 0.75 else rng.uniform(20, 45),
        compression=None if clean or rng.random() < 0.75 else rng.uniform(1.3, 4.0),
        gain_db=rng.uniform(-12, 3),
        polarity=rng.choice((-1, 1)),
        low_cut=draw_low_cut(rng) if rng.random() < turned * _LOW_CUT_SHARE else None,
        all_pass=draw_all_pass(rng) if rng.random() < turned * _ALL_PASS_SHARE else None,
    )


def draw_response(rng: Random) -> tuple[float, ...]:
    """Gains in dB at the knots of an equaliser, of a random size."""
    size = rng.uniform(1, 7)
    return tuple(rng.gauss(0, size) for _ in range(_EQUALISER_KNOTS))


def draw_low_cut(rng: Random) -> Filter:
    """A Butterworth high-pass of the first order, as behind a capacitor, or of the second."""
    return Filter(rng.choice((cut_slowly, cut_bass)), draw_frequency(rng, _CORNERS_HZ))


def draw_all_pass(rng: Random) -> Filter:
    """An all-pass of the second order."""
    response = partial(turn_phases, q=rng.uniform(*_ALL_PASS_Q))
    return Filter(response, draw_frequency(rng, _ALL_PASSES_HZ))


def draw_frequency(rng: Random, between_hz: tuple[float, float]) -> float:
    """Each octave as likely as another."""
    return math.exp(rng.uniform(*map(math.log, between_hz)))


def cut_slowly(s: Response) -> Response:
    """A high-pass of the first order: its response (bins,), -3 dB at the corner."""
    return np.asarray(s / (s + 1))


def equalise(waveform: Waveform, response_db: tuple[float, ...]) -> Waveform:
    """Filter without delay; between the knots the gain in dB is linear in frequency."""
    size = next_fast_len(len(waveform), real=True)
    spectrum = rfft(waveform, size)
    knots = np.linspace(0, 1, len(response_db))
    gains_db = np.interp(np.linspace(0, 1, len(spectrum)), knots, response_db)
    gains = 10 ** (gains_db.astype(np.float32) / 20)
    return np.asarray(irfft(spectrum * gains, size)[: len(waveform)], np.float32)


def denoise(waveform: Waveform, strength: float) -> Waveform:
    """Spectral subtraction (Boll, 1979), (samples,): of each band's magnitudes, what it has in its
    quietest moments is taken off, down to a floor."""
    spectrum = short_time_spectrum(waveform, _DENOISING_WINDOW)
    magnitude = np.abs(spectrum) + np.float32(1e-9)
    noise = _ABOVE_QUIET * np.quantile(magnitude, _QUIET_SHARE, axis=1, keepdims=True)
    gains = np.maximum(1 - strength * noise / magnitude, _DENOISING_FLOOR)
    return from_short_time(np.asarray(spectrum * gains, np.complex64), len(waveform))


def gate(waveform: Waveform, below_db: float) -> Waveform:
    """Gains (samples,) of a noise gate: none where the level is far below the loudest."""
    level = level_of(waveform)
    opened = level > loudest_of(level) * 10 ** (-below_db / 20)
    held = uniform_filter1d(opened.astype(np.float32), _HOLD_SAMPLES) > 0
    return np.asarray(uniform_filter1d(held.astype(np.float32), _RAMP_SAMPLES))


def compress(waveform: Waveform, ratio: float) -> Waveform:
    """Gains (samples,) of a compressor, by the level relative to the loudest."""
    level = level_of(waveform)
    relative = np.maximum(level / loudest_of(level), _COMPRESSION_FLOOR)
    return np.asarray(relative ** (1 / ratio - 1), np.float32)


def level_of(waveform: Waveform) -> Waveform:
    """The root mean square about each sample, (samples,)."""
    power = uniform_filter1d(np.square(waveform), _LEVEL_SAMPLES)
    return np.asarray(np.sqrt(np.maximum(power, 0)), np.float32)


def loudest_of(level: Waveform) -> float:
    """What a level (samples,) stays below but for a twentieth of the time; above 0."""
    return max(float(np.quantile(level, 0.95)), 1e-6)


def transcode(kind: str, subtype: str, rate: int, waveform: Waveform, quality: float) -> Waveform:
    """Code and decode in memory with a codec of libsndfile, at `rate` Hz."""
    coded = BytesIO()
    level = None if kind == "WAV" else quality
    samples = np.clip(resample(waveform, SAMPLE_RATE, rate), -1, 1)
    soundfile.write(coded, samples, rate, format=kind, subtype=subtype, compression_level=level)
    coded.seek(0)
    decoded, rate = soundfile.read(coded, dtype="float32")
    return fit(resample(decoded, rate, SAMPLE_RATE), len(waveform))


def g722(waveform: Waveform, quality: float) -> Waveform:
    """Through the wideband telephone's codec, which has but one quality."""
    return through_ffmpeg(G722, waveform, SAMPLE_RATE)


CODECS: dict[str, Callable[[Waveform, float], Waveform]] = {
    "mu-law": partial(transcode, "WAV", "ULAW", 8_000),
    "A-law": partial(transcode, "WAV", "ALAW", 8_000),
    "GSM": partial(transcode, "WAV", "GSM610", 8_000),
    "G.722": g722,
    "MP3": partial(transcode, "MP3", "MPEG_LAYER_III", SAMPLE_RATE),
    "Vorbis": partial(transcode, "OGG", "VORBIS", SAMPLE_RATE),
    "Opus": partial(transcode, "OGG", "OPUS", SAMPLE_RATE),
}
_DRAWN_CODECS = [*CODECS, "GSM", "GSM"]
"""GSM three times as often as the others: the model in place was trained so. That it changes fewer
verdicts by that was not seen."""


def noise_for(
    waveform: Waveform, slope: float, snr_db: float, rng: np.random.Generator
) -> Waveform:
    """Coloured noise, as long as the waveform, at a signal-to-noise ratio below it."""
    size = next_fast_len(len(waveform), real=True)
    spectrum = rfft(rng.standard_normal(size, np.float32))
    spectrum /= np.maximum(np.arange(len(spectrum), dtype=np.float32), 1) ** slope
    noise = irfft(spectrum, size)[: len(waveform)]
    ratio = np.sqrt(np.square(waveform).mean() / np.square(noise).mean())
    return np.asarray(noise * ratio * 10 ** (-snr_db / 20), np.float32)


def reverberate(waveform: Waveform, decay: float, rng: np.random.Generator) -> Waveform:
    """Convolve with a direct path and an exponentially decaying noise tail, 60 dB in `decay` s."""
    times = np.arange(int(decay * SAMPLE_RATE)) / SAMPLE_RATE
    response = rng.standard_normal(len(times)) * 10 ** (-3 * times / decay)
    response[times < _PREDELAY_SECONDS] = 0
    response *= rng.uniform(0.2, 0.8) / np.sqrt(np.square(response).sum())
    response[0] = 1
    return np.asarray(fftconvolve(waveform, response)[: len(waveform)], np.float32)


def fit(waveform: Waveform, count: int) -> Waveform:
    """Exactly `count` samples: the rest cut off, or repeated from the start."""
    return waveform[:count] if len(waveform) >= count else np.resize(waveform, count)
