"""A path, a buffer or an array becomes one mono waveform at the model's sample rate.

The result equals `librosa.load(path, sr=rate, mono=True)`: decode with libsndfile, average the
channels, resample with soxr HQ. What libsndfile can't open (AAC, M4A, WebM, video containers) is
decoded by FFmpeg through PyAV.
"""

import io
import math
import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from edge_detect.errors import (
    EmptyFile,
    FileNotFound,
    FileUnreadable,
    NoSamples,
    NoSpeech,
    NotAFile,
    NotFinite,
    TooLong,
    TooShort,
    TruncatedAudio,
    UnsupportedAudio,
)

Waveform: TypeAlias = npt.NDArray[np.float32]
Source: TypeAlias = str | os.PathLike[str] | bytes | tuple[npt.NDArray[Any], int]

# FLAC's usual frame: when a frame is damaged, libsndfile drops the whole block that was asked for,
# so a larger block would lose more of a damaged file.
BLOCK_FRAMES = 4096

# Whole-clip attention needs memory that grows with the square of the duration.
MAX_SECONDS = 5 * 60

MIN_SAMPLE_RATE = 1_000
MAX_SAMPLE_RATE = 768_000
MAX_CHANNELS = 1024  # libsndfile's own limit

# Digital silence and dither (16 bit: about -93 dBFS) lie below, the quietest usable speech above.
SILENCE_DBFS = -70.0
SILENCE_FRAME_SECONDS = 0.025

# Containers round their declared duration to a packet or a video frame.
DURATION_TOLERANCE_SECONDS = 0.1

# libsndfile's SF_COUNT_MAX: the header doesn't say how many frames there are.
OPEN_LENGTH = 2**63 - 1

# How libsndfile logs a size that the file contradicts, for WAV, AIFF, AU and W64.
DECLARED_SIZE = re.compile(r"^ *(?:data|SSND|Data Size|riff) *: (\d+) \(should be (\d+)\)", re.M)

# Programs that write into a pipe can't know the size and put about the largest there is.
PIPED_SIZE = 0x7FFF_0000

# The header of an Ogg page and the largest page there is (RFC 3533, section 6).
OGG_PAGE_MAGIC = b"OggS"
OGG_FLAGS_OFFSET = 5
OGG_LAST_PAGE_FLAG = 0x04
OGG_MAX_PAGE_BYTES = 27 + 255 + 255 * 255


@dataclass(frozen=True)
class Decoded:
    """What a decoder gave: `samples` float32 (samples,), mono, at `sample_rate` Hz."""

    samples: Waveform
    sample_rate: int
    complete: bool
    """False where the file is damaged or ends before its declared length."""


def load_audio(source: Source, sample_rate: int) -> Waveform:
    """Decode, average the channels and resample: float32 (samples,) at `sample_rate` Hz.

    `source` is a path, the bytes of a file, or `(waveform, its sample rate in Hz)` with the
    waveform shaped (samples,) or (samples, channels), as soundfile gives it; integer samples are
    scaled to [-1, 1).

    Warns:
        TruncatedAudio: the file is damaged or cut off; what could be read is returned.

    Raises:
        AudioError: the subclass says what is wrong with the source.
    """
    name = source_name(source)
    if isinstance(source, tuple):
        decoded = from_array(*source)
    else:
        with open_source(source) as file:
            decoded = decode(file, name)
    if not decoded.samples.size:
        raise NoSamples(f"{name!r} holds no audio samples; record or export it again")
    if not np.isfinite(decoded.samples).all():
        raise NotFinite(f"{name!r} has NaN or infinite samples; export it again as integer PCM")
    if not decoded.complete:
        seconds = len(decoded.samples) / decoded.sample_rate
        warnings.warn(
            f"{name!r} is damaged or cut off; the answer rests on the {seconds:.2f} s that "
            "could be read",
            TruncatedAudio,
            stacklevel=2,
        )
    return resample(decoded, sample_rate)


def check_waveform(waveform: Waveform, sample_rate: int, min_samples: int, name: str) -> None:
    """Refuse what no encoder can judge.

    Raises:
        TooShort: fewer than `min_samples` samples at `sample_rate` Hz.
        NoSpeech: no 25 ms of the clip is louder than -70 dBFS.
    """
    if len(waveform) < min_samples:
        raise TooShort(
            f"{name!r} has {len(waveform)} samples at {sample_rate} Hz, below the encoder's "
            f"{min_samples} ({min_samples / sample_rate:.3f} s); give a longer clip"
        )
    if loudest_frame_dbfs(waveform, sample_rate) < SILENCE_DBFS:
        raise NoSpeech(
            f"{name!r} is silent: nothing in it is louder than {SILENCE_DBFS:.0f} dBFS; "
            "give a clip with speech"
        )


def source_name(source: Source) -> str:
    """How a source is called in results and messages."""
    if isinstance(source, bytes):
        return "<bytes>"
    if isinstance(source, tuple):
        return "<waveform>"
    return os.fspath(source)


@contextmanager
def open_source(source: str | os.PathLike[str] | bytes) -> Iterator[BinaryIO]:
    """A seekable binary file over a path or a buffer.

    The decoders get the open file rather than its name: a name's ending is no evidence of its
    content, and FFmpeg would take some names for addresses.
    """
    if isinstance(source, bytes):
        if not source:
            raise EmptyFile("the buffer has zero bytes; give the bytes of an audio file")
        yield io.BytesIO(source)
        return
    path = Path(source)
    check_regular_file(path)
    try:
        file = path.open("rb")
    except OSError as error:
        raise FileUnreadable(f"can't open {str(path)!r}: {error.strerror}") from error
    with file:
        yield file


def check_regular_file(path: Path) -> None:
    """Raise the error that says why `path` is no file with content."""
    name = str(path)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFound(f"no file {name!r}; check the path") from error
    except (OSError, ValueError) as error:
        raise FileUnreadable(f"can't open {name!r}: {error}") from error
    if stat.S_ISDIR(status.st_mode):
        raise NotAFile(f"{name!r} is a folder; give the files in it")
    if not stat.S_ISREG(status.st_mode):
        raise NotAFile(f"{name!r} is no regular file; save its content to a file first")
    if not status.st_size:
        raise EmptyFile(f"{name!r} has zero bytes; record or download it again")


def from_array(waveform: npt.NDArray[Any], sample_rate: int) -> Decoded:
    """Check an array from the caller: (samples,) or (samples, channels), floats or signed PCM."""
    samples = np.asarray(waveform)
    check_rate(sample_rate)
    if samples.ndim not in (1, 2) or samples.shape[1:] > (MAX_CHANNELS,):
        raise UnsupportedAudio(
            f"the waveform has shape {samples.shape}; give (samples,) or (samples, channels)"
        )
    if np.issubdtype(samples.dtype, np.signedinteger):
        samples = samples / -float(np.iinfo(samples.dtype).min)
    elif not np.issubdtype(samples.dtype, np.floating):
        raise UnsupportedAudio(
            f"the waveform has dtype {samples.dtype}; give floats in [-1, 1] or signed integers"
        )
    check_duration(len(samples), sample_rate)
    return Decoded(to_mono(samples.astype(np.float32)), sample_rate, complete=True)


def decode(file: BinaryIO, name: str) -> Decoded:
    """Decode the whole file with libsndfile, or with FFmpeg where libsndfile can't.

    libsndfile reads nothing of a file whose writer left the length open: a WAV of a recorder that
    lost power says 0 samples, a streamed FLAC says nothing.
    """
    with suppress(soundfile.LibsndfileError), soundfile.SoundFile(file) as sound:
        if 0 < sound.frames < OPEN_LENGTH:
            check_rate(sound.samplerate)
            return decode_with_libsndfile(sound, file)
    file.seek(0)
    return decode_with_ffmpeg(file, name)


def decode_with_libsndfile(sound: soundfile.SoundFile, file: BinaryIO) -> Decoded:
    """Read block by block, so that a damaged end costs no more than its own block."""
    blocks: list[Waveform] = []
    frames = 0
    complete = not header_exceeds_file(sound)
    try:
        while len(block := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            blocks.append(to_mono(block))
            frames += len(block)
            check_duration(frames, sound.samplerate)
    except soundfile.LibsndfileError:
        complete = False
    complete = complete and frames == sound.frames
    if sound.format == "OGG":
        complete = complete and ogg_stream_ended(file)
    return Decoded(concatenate(blocks), sound.samplerate, complete)


def header_exceeds_file(sound: soundfile.SoundFile) -> bool:
    """Whether the header promises more samples than the file holds.

    libsndfile clips `frames` to the file's size and leaves the difference in its log alone.
    """
    sizes = DECLARED_SIZE.findall(sound.extra_info)
    return any(int(actual) < int(declared) < PIPED_SIZE for declared, actual in sizes)


def ogg_stream_ended(file: BinaryIO) -> bool:
    """Whether the last page carries the end-of-stream flag (RFC 3533, section 6)."""
    position = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - OGG_MAX_PAGE_BYTES))
    tail = file.read()
    file.seek(position)
    flags = tail.rfind(OGG_PAGE_MAGIC) + OGG_FLAGS_OFFSET
    return flags < len(tail) and bool(tail[flags] & OGG_LAST_PAGE_FLAG)


def decode_with_ffmpeg(file: BinaryIO, name: str) -> Decoded:
    """Decode the best audio stream of any container that FFmpeg reads."""
    import av  # 80 ms that WAV, FLAC, MP3 and Ogg don't need

    try:
        # Without the no-op `name`, PyAV would hand FFmpeg the file's, ending and all.
        with av.open(NamelessFile(file), metadata_errors="replace") as container:
            return read_stream(container, name)
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "its text can't be decoded"
        raise UnsupportedAudio(
            f"{name!r} is no audio that libsndfile or FFmpeg can read ({reason}); "
            "convert it to WAV or FLAC"
        ) from error


class NamelessFile:
    """A file without a `name`: FFmpeg then judges by the content, never by a name's ending."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


def read_stream(container: Any, name: str) -> Decoded:
    """Decode one open PyAV container; broken packets are skipped and counted."""
    import av

    stream = container.streams.best("audio")
    if stream is None:
        raise UnsupportedAudio(f"{name!r} has no audio stream; give a file with sound")
    to_float = av.AudioResampler(format="fltp")
    blocks: list[Waveform] = []
    frames = good = broken = rate = 0
    for packet in container.demux(stream):
        try:
            decoded = packet.decode()
        except av.error.InvalidDataError:
            broken += 1
            continue
        good += bool(decoded)
        broken += packet.is_corrupt
        for frame in decoded:
            rate = rate or frame.sample_rate
            if frame.sample_rate != rate:
                raise UnsupportedAudio(
                    f"{name!r} changes its sample rate from {rate} to {frame.sample_rate} Hz; "
                    "convert it to one rate"
                )
            for converted in to_float.resample(frame):
                blocks.append(to_mono(converted.to_ndarray().T.astype(np.float32, copy=False)))
                frames += converted.samples
            check_duration(frames, rate)
    if broken > good:
        raise UnsupportedAudio(
            f"{name!r} is no readable audio ({broken} of {broken + good} packets are broken); "
            "download or record it again"
        )
    if rate:
        check_rate(rate)
    expected = declared_seconds(container, stream)
    short = expected is not None and frames < (expected - DURATION_TOLERANCE_SECONDS) * rate
    return Decoded(concatenate(blocks), rate, complete=not broken and not short)


def declared_seconds(container: Any, stream: Any) -> float | None:
    """The audio stream's duration in seconds as its header declares it, None where it doesn't."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return float(container.duration / 1_000_000)  # FFmpeg's AV_TIME_BASE: microseconds
    return None


def check_rate(sample_rate: int) -> None:
    """Refuse sample rates (Hz) that no recording has: a crafted header could ask for terabytes."""
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise UnsupportedAudio(
            f"the sample rate is {sample_rate} Hz; "
            f"give audio between {MIN_SAMPLE_RATE} and {MAX_SAMPLE_RATE} Hz"
        )


def check_duration(frames: int, sample_rate: int) -> None:
    """Refuse more than one pass of the encoder can hold, before the memory is taken."""
    if frames > MAX_SECONDS * sample_rate:
        raise TooLong(f"the audio is longer than {MAX_SECONDS} s; cut it into shorter clips first")


def to_mono(samples: Waveform) -> Waveform:
    """Average the channels: (samples, channels) or (samples,) to (samples,)."""
    if samples.ndim == 1 or not samples.size:
        return samples.reshape(-1)
    mono: Waveform = samples.mean(axis=1)
    return mono


def concatenate(blocks: list[Waveform]) -> Waveform:
    """Join mono blocks; none give an empty waveform."""
    return np.concatenate(blocks) if blocks else np.empty(0, np.float32)


def resample(decoded: Decoded, sample_rate: int) -> Waveform:
    """Resample to `sample_rate` Hz with soxr HQ, to librosa's length: the ceiling of the ratio."""
    if decoded.sample_rate == sample_rate:
        return decoded.samples
    length = math.ceil(len(decoded.samples) * sample_rate / decoded.sample_rate)
    waveform: Waveform = soxr.resample(
        decoded.samples, decoded.sample_rate, sample_rate, quality="HQ"
    )
    return np.pad(waveform[:length], (0, max(0, length - len(waveform))))


def loudest_frame_dbfs(waveform: Waveform, sample_rate: int) -> float:
    """Root mean square of the loudest 25 ms, in dB below full scale, with the offset removed."""
    frame = min(len(waveform), round(SILENCE_FRAME_SECONDS * sample_rate))
    exact = waveform.astype(np.float64)  # float32 squares of wild floats would overflow
    centred = exact - exact.mean()
    frames = centred[: len(centred) // frame * frame].reshape(-1, frame)
    loudest = float(np.square(frames).mean(axis=1).max())
    return 10 * math.log10(loudest) if loudest else -math.inf
