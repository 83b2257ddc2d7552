"""What a clip is heard through: a narrower band, a microphone, a room, a codec, amid noise or
silence, its first seconds; all in memory."""

import io
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from edge_detect.audio import load_audio
from edge_detect.decoded import Waveform
from edge_detect.errors import ConditionUnavailable

Kind: TypeAlias = Literal[
    "full", "bandwidth", "microphone", "room", "noise", "codec", "silence", "duration"
]
Hear: TypeAlias = Callable[[Waveform, int], Waveform | None]
"""Waveform (samples,) and its sample rate in Hz to what is heard; None where it's too short."""

Response: TypeAlias = npt.NDArray[np.complexfloating]
"""(bins,): s = j·f / corner of each bin, or what a filter makes of it; no unit."""

ALL = "all"
FULL = "full"

TONE_HZ = 440
ALL_PASS_Q = 0.7
FADING_PERIODS = 5
"""Of the corner's frequency: what a filter still says after a clip must not reach its beginning."""

NOISE_FROM_HZ = 20
REVERBERATION_SECONDS = 0.5
"""In which a sound falls by 60 dB: a living room's, or an office's."""
ROOM_SEED = 0


@dataclass(frozen=True)
class Condition:
    """One way of hearing a clip."""

    name: str
    kind: Kind
    title: str
    """What it is, for a person."""
    hear: Hear
    """Gives the very same array where the condition changes nothing."""


@dataclass(frozen=True)
class Codec:
    """A lossy codec of FFmpeg's, in a container that says how many samples it holds."""

    encoder: str
    container: str
    sample_rate: int
    """Hz that it codes at."""
    bit_rate: int
    """Bits a second."""
    delay: int = 0
    """Samples, at its rate, that decoding puts before the first and the container doesn't tell."""
    options: tuple[tuple[str, str], ...] = ()
    """Of the encoder."""


# Frames that lean on bits of earlier ones make libmpg123 complain when libsndfile rewinds.
MP3 = Codec("libmp3lame", "mp3", 16_000, 64_000, options=(("reservoir", "0"),))
# In MP4, PyAV writes nothing of the encoder's delay.
AAC = Codec("aac", "matroska", 44_100, 64_000)
OPUS = Codec("libopus", "ogg", 16_000, 24_000)
G722 = Codec("g722", "wav", 16_000, 64_000, delay=22)  # of its two filter banks (ITU-T G.722)
GSM = "GSM610"
GSM_RATE = 8_000  # Hz: full rate GSM 06.10, 13 kbit/s, knows no other


def as_it_is(waveform: Waveform, sample_rate: int) -> Waveform:
    """The clip itself."""
    return waveform


def low_pass(cutoff: float, waveform: Waveform, sample_rate: int) -> Waveform:
    """What lies below `cutoff` Hz, by resampling to twice that and back."""
    if 2 * cutoff >= sample_rate:
        return waveform
    narrow = soxr.resample(waveform, sample_rate, 2 * cutoff, quality="HQ")
    return cut(soxr.resample(narrow, 2 * cutoff, sample_rate, quality="HQ"), len(waveform))


def cut_bass(s: Response) -> Response:
    """A Butterworth high-pass of the second order: its response (bins,), -3 dB at the corner."""
    return np.asarray(s**2 / (s**2 + math.sqrt(2) * s + 1))


def turn_phases(s: Response, q: float = ALL_PASS_Q) -> Response:
    """An all-pass of the second order: its response (bins,), of magnitude 1, at the corner half a
    turn late."""
    return np.asarray((s**2 - s / q + 1) / (s**2 + s / q + 1))


def through_filter(
    response: Callable[[Response], Response],
    corner: float,
    waveform: Waveform,
    sample_rate: int,
) -> Waveform:
    """What an analogue filter with that `corner` in Hz makes of it, as long as it is."""
    samples = len(waveform)
    size = samples + math.ceil(FADING_PERIODS * sample_rate / corner)
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
    spectrum = np.fft.rfft(waveform, size) * response(1j * frequencies / corner)
    return cut(np.fft.irfft(spectrum, size).astype(np.float32), samples)


def in_room(waveform: Waveform, sample_rate: int) -> Waveform:
    """At the critical distance of a diffuse room, where the walls are as loud as the mouth.

    What comes from the walls is noise that decays exponentially, from the mouth's sound on (Polack,
    1988), and is the same for every clip.
    """
    samples = len(waveform)
    times = np.arange(round(REVERBERATION_SECONDS * sample_rate)) / sample_rate
    walls = np.random.default_rng(ROOM_SEED).standard_normal(len(times))
    walls *= 10 ** (-3 * times / REVERBERATION_SECONDS)
    response = walls / np.linalg.norm(walls)
    response[0] += 1
    size = samples + len(response)
    spectrum = np.fft.rfft(waveform, size) * np.fft.rfft(response, size)
    return cut(np.fft.irfft(spectrum, size).astype(np.float32), samples)


def amid_noise(below_db: float, waveform: Waveform, sample_rate: int) -> Waveform:
    """With pink noise from 20 Hz on, whose mean power is `below_db` below the clip's; the same for
    every clip of its length."""
    samples = len(waveform)
    frequencies = np.fft.rfftfreq(samples, 1 / sample_rate)
    white = np.fft.rfft(np.random.default_rng(samples).standard_normal(samples))
    heard = frequencies >= NOISE_FROM_HZ
    pink = np.where(heard, white / np.sqrt(np.maximum(frequencies, NOISE_FROM_HZ)), 0)
    noise = np.fft.irfft(pink, samples)
    level = np.linalg.norm(waveform) / np.linalg.norm(noise) * 10 ** (-below_db / 20)
    return np.asarray(waveform + level * noise, np.float32)


def amid_silence(waveform: Waveform, sample_rate: int) -> Waveform:
    """With digital silence before and behind it, either as long as it is."""
    return np.pad(waveform, len(waveform))


def first_seconds(seconds: float, waveform: Waveform, sample_rate: int) -> Waveform | None:
    """The first `seconds`; None of a clip that is shorter."""
    samples = round(seconds * sample_rate)
    if len(waveform) <= samples:
        return waveform if len(waveform) == samples else None
    return waveform[:samples]


def through_ffmpeg(codec: Codec, waveform: Waveform, sample_rate: int) -> Waveform:
    """Encoded by FFmpeg, then decoded as the detector decodes a file.

    Raises:
        ConditionUnavailable: this FFmpeg has no such encoder.
    """
    import av  # 80 ms that the other conditions don't need

    lead = math.ceil(codec.delay * sample_rate / codec.sample_rate)
    try:
        coded = encoded(codec, np.pad(waveform, (0, lead)), sample_rate)
    except (av.codec.codec.UnknownCodecError, av.error.FFmpegError) as error:
        raise ConditionUnavailable(
            f"PyAV {av.__version__} can't encode with {codec.encoder!r} ({error}); install a wheel "
            "of av that can, or name other conditions"
        ) from error
    return cut(load_audio(coded, sample_rate)[lead:], len(waveform))


def encoded(codec: Codec, waveform: Waveform, sample_rate: int) -> bytes:
    """The file that an encoder of FFmpeg's makes of a waveform."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=codec.container) as container:
        options = dict(codec.options)
        stream: Any = container.add_stream(codec.encoder, codec.sample_rate, options, layout="mono")
        stream.bit_rate = codec.bit_rate
        resampler = av.AudioResampler(stream.codec_context.format, "mono", codec.sample_rate)
        pcm = to_pcm(waveform)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = sample_rate
        for resampled in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(resampled))
        container.mux(stream.encode(None))
    return file.getvalue()


def through_gsm(waveform: Waveform, sample_rate: int) -> Waveform:
    """Encoded and decoded by libsndfile: FFmpeg has a decoder of GSM and no encoder.

    Raises:
        ConditionUnavailable: this libsndfile was built without GSM.
    """
    if GSM not in soundfile.available_subtypes("WAV"):
        raise ConditionUnavailable(
            f"libsndfile {soundfile.__libsndfile_version__} can't encode GSM; install a wheel of "
            "soundfile, or name other conditions"
        )
    coded = io.BytesIO()
    narrow = soxr.resample(waveform, sample_rate, GSM_RATE, quality="HQ")
    soundfile.write(coded, to_pcm(narrow), GSM_RATE, format="WAV", subtype=GSM)
    return cut(load_audio(coded.getvalue(), sample_rate), len(waveform))


def to_pcm(waveform: Waveform) -> npt.NDArray[np.int16]:
    """16-bit samples, which codecs take; what is louder than full scale is clipped."""
    return np.rint(np.clip(waveform, -1, 1) * 32767).astype(np.int16)


def cut(waveform: Waveform, samples: int) -> Waveform:
    """Without what a codec or a resampler added at the end."""
    return waveform[:samples]


CONDITIONS: tuple[Condition, ...] = (
    Condition(FULL, "full", "as it is", as_it_is),
    Condition("band-3.4k", "bandwidth", "below 3.4 kHz", partial(low_pass, 3400)),
    Condition("band-4k", "bandwidth", "below 4 kHz", partial(low_pass, 4000)),
    Condition("band-5.5k", "bandwidth", "below 5.5 kHz", partial(low_pass, 5500)),
    Condition("band-8k", "bandwidth", "below 8 kHz", partial(low_pass, 8000)),
    Condition(
        "low-cut", "microphone", "bass cut at 100 Hz", partial(through_filter, cut_bass, 100)
    ),
    Condition(
        "all-pass",
        "microphone",
        "phases turned at 300 Hz",
        partial(through_filter, turn_phases, 300),
    ),
    Condition("room", "room", "in a room, 0.5 s of reverberation", in_room),
    Condition("noise-20db", "noise", "amid noise, 20 dB below it", partial(amid_noise, 20)),
    Condition("noise-10db", "noise", "amid noise, 10 dB below it", partial(amid_noise, 10)),
    Condition("mp3", "codec", "MP3, 64 kbit/s", partial(through_ffmpeg, MP3)),
    Condition("aac", "codec", "AAC, 64 kbit/s", partial(through_ffmpeg, AAC)),
    Condition("opus", "codec", "Opus, 24 kbit/s", partial(through_ffmpeg, OPUS)),
    Condition("g722", "codec", "G.722, 64 kbit/s", partial(through_ffmpeg, G722)),
    Condition("gsm", "codec", "GSM full rate, 13 kbit/s", through_gsm),
    Condition("silence", "silence", "amid twice its length of silence", amid_silence),
    Condition("1s", "duration", "the first 1 s", partial(first_seconds, 1)),
    Condition("2s", "duration", "the first 2 s", partial(first_seconds, 2)),
    Condition("4s", "duration", "the first 4 s", partial(first_seconds, 4)),
    Condition("8s", "duration", "the first 8 s", partial(first_seconds, 8)),
)


def choose_conditions(names: Iterable[str]) -> tuple[Condition, ...]:
    """The conditions of these names, in the order of `CONDITIONS`; "all" are all of them.

    The clips as they are come first, asked for or not: every other condition is compared with
    them.

    Raises:
        ConditionUnavailable: nothing has that name.
    """
    wanted = {FULL, *names}
    known = {condition.name for condition in CONDITIONS}
    for name in sorted(wanted - known - {ALL}):
        raise ConditionUnavailable(
            f"no condition {name!r}; there are {ALL}, {', '.join(c.name for c in CONDITIONS)}"
        )
    return tuple(c for c in CONDITIONS if c.name in wanted or ALL in wanted)


def check_conditions(conditions: Iterable[Condition], sample_rate: int) -> None:
    """Prove on a tone that every encoder is there, before hours are spent on the rest.

    Raises:
        ConditionUnavailable: one isn't.
    """
    tone = np.sin(2 * np.pi * TONE_HZ * np.arange(sample_rate) / sample_rate)
    for condition in conditions:
        condition.hear(0.5 * tone.astype(np.float32), sample_rate)
