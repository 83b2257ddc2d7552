"""The content of an audio file becomes mono samples at its own rate.

libsndfile decodes what it can, FFmpeg (through PyAV) the rest. Both read as far as a damaged file
goes and say whether that was all of it.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile

from edge_detect import mp3
from edge_detect.errors import TooLong, UnsupportedAudio
from edge_detect.windowing import MAX_SECONDS

Waveform: TypeAlias = npt.NDArray[np.float32]

NO_SAMPLES: Waveform = np.empty(0, np.float32)

# FLAC's usual frame: when a frame is damaged, libsndfile drops the whole block that was asked for,
# so a larger block would lose more of a damaged file.
BLOCK_FRAMES = 4096

# soundfile seeks behind every block, and in an MP3 a seek costs the more the later it is.
MP3_BLOCK_FRAMES = 16 * BLOCK_FRAMES

# libsndfile ends at a broken frame of a FLAC, and of an MP3 where more than a kilobyte is broken;
# FFmpeg passes it over.
ENDED_AT_BREAKS = ("MP3", "FLAC")

# FFmpeg's frames are often 10 ms; what comes after the decoder costs as much for one as for many.
FFMPEG_PIECE_SAMPLES = 32_768

MIN_SAMPLE_RATE = 1_000
MAX_SAMPLE_RATE = 768_000

# The containers that FFmpeg may open. Of its others some are playlists and session descriptions,
# which make it open more files or listen on the network: nothing that an upload should cause.
FFMPEG_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,g722,gsm,loas,matroska,webm,mov,mp3,mpeg,"
    "mpegts,mxf,nut,ogg,rm,sln,tak,tta,voc,w64,wav,wv"
)

# Containers round their declared duration to a packet or a video frame.
DURATION_TOLERANCE_SECONDS = 0.1

# Of eight or more, PyAV reads one that isn't there.
MOST_PLANES = 7

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
class Encoding:
    """How a file holds its sound, in the words of the decoder that reads it."""

    decoder: str
    """"libsndfile" or "FFmpeg"."""
    container: str
    codec: str
    sample_rate: int
    """Hz, of the file itself."""
    channels: int


@dataclass(frozen=True)
class Decoded:
    """What a decoder gave: `samples` float32 (samples,), mono, at `sample_rate` Hz."""

    samples: Waveform
    sample_rate: int
    complete: bool
    """False where the file is damaged or ends before its declared length."""
    missing: int = 0
    """Samples that the file declares and does not give, where that is known."""
    encoding: Encoding | None = None
    """Of the file; None of an array, and of a piece without samples."""


def decode(file: BinaryIO, name: str) -> Iterator[Decoded]:
    """Decode piece by piece with libsndfile, or with FFmpeg where libsndfile can't.

    No more than a piece is in memory. A file that is damaged or cut off ends with an empty piece
    that is not complete. libsndfile reads nothing of a file whose writer left the length open: a
    WAV of a recorder that lost power says 0 samples, a streamed FLAC says nothing; and not all of
    an MP3 that leaves it open.
    """
    if not mp3.ends_unsaid(file):
        with suppress(soundfile.LibsndfileError), soundfile.SoundFile(file) as sound:
            if 0 < sound.frames < OPEN_LENGTH:
                check_rate(sound.samplerate)
                yield from decode_with_libsndfile(sound, file)
                return
        file.seek(0)
    yield from decode_with_ffmpeg(file, name)


def gather(pieces: Iterable[Decoded]) -> Decoded:
    """All pieces in one, as long as one pass of the encoder can hold it.

    Raises:
        TooLong: they are longer.
    """
    blocks: list[Waveform] = []
    frames = sample_rate = 0
    complete = True
    for piece in pieces:
        blocks.append(piece.samples)
        frames += len(piece.samples)
        sample_rate = piece.sample_rate
        complete = complete and piece.complete
        check_duration(frames, sample_rate)
    return Decoded(concatenate(blocks), sample_rate, complete)


def decode_with_libsndfile(sound: soundfile.SoundFile, file: BinaryIO) -> Iterator[Decoded]:
    """Read block by block, so that a damaged end costs no more than its own block."""
    frames = 0
    complete = not header_exceeds_file(sound)
    encoding = Encoding("libsndfile", sound.format, sound.subtype, sound.samplerate, sound.channels)
    while len(block := read_block(sound)):
        yield Decoded(to_mono(block), sound.samplerate, complete=True, encoding=encoding)
        frames += len(block)
    if frames < sound.frames and sound.format in ENDED_AT_BREAKS:
        for piece in behind_break(file, sound.samplerate, frames):
            yield piece
            frames += len(piece.samples)
        complete = False
    complete = complete and frames == sound.frames
    if sound.format == "OGG":
        complete = complete and ogg_stream_ended(file)
    if not complete:
        yield nothing_more(sound.samplerate, max(0, sound.frames - frames))


def behind_break(file: BinaryIO, sample_rate: int, frames: int) -> Iterator[Decoded]:
    """What FFmpeg reads of a file behind its first `frames`, where libsndfile gave up."""
    file.seek(0)
    passed = 0
    with suppress(UnsupportedAudio):
        for piece in decode_with_ffmpeg(file, "the rest"):
            if piece.sample_rate != sample_rate:
                return
            skipped = min(len(piece.samples), frames - passed)
            passed += skipped
            if skipped < len(piece.samples):
                yield replace(piece, samples=piece.samples[skipped:], complete=True)


def read_block(sound: soundfile.SoundFile) -> Waveform:
    """The next samples, float32 (samples, channels); none at the end and where it is damaged."""
    frames = MP3_BLOCK_FRAMES if sound.format == "MP3" else BLOCK_FRAMES
    try:
        block: Waveform = sound.read(frames, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return NO_SAMPLES
    return block


def nothing_more(sample_rate: int, missing: int = 0) -> Decoded:
    """The piece that says that more should have come: so many samples, where that is known."""
    return Decoded(NO_SAMPLES, sample_rate, complete=False, missing=missing)


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


def decode_with_ffmpeg(file: BinaryIO, name: str) -> Iterator[Decoded]:
    """Decode the best audio stream of any container that FFmpeg reads."""
    import av  # 80 ms that WAV, FLAC, MP3 and Ogg don't need

    try:
        options = {"format_whitelist": FFMPEG_FORMATS}
        with av.open(NamelessFile(file), metadata_errors="replace", options=options) as container:
            yield from read_stream(container, name)
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "its text can't be decoded"
        raise UnsupportedAudio(
            f"{name!r} is no audio that libsndfile or FFmpeg can read ({reason}); "
            "convert it to WAV or FLAC"
        ) from error


class NamelessFile:
    """A file without the `name` that PyAV passes on: FFmpeg then judges by the content alone.

    What is appended from now on is left out: a recording that goes on would never end.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._read = file.read
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end; all that are left where `size` is negative."""
        left = max(0, self._size - self.tell())
        return self._read(left if size < 0 else min(size, left))


def read_stream(container: Any, name: str) -> Iterator[Decoded]:
    """Decode the best audio stream of an open PyAV container."""
    stream = container.streams.best("audio")
    if stream is None:
        raise UnsupportedAudio(f"{name!r} has no audio stream; give a file with sound")
    frames = passed = good = broken = rate = 0
    held: list[Any] = []
    for packet in decoded_packets(container, stream):
        good += bool(packet.frames)
        broken += packet.broken
        for frame in packet.frames:
            rate = rate or checked_rate(frame.sample_rate)
            if frame.sample_rate != rate:
                raise UnsupportedAudio(
                    f"{name!r} changes its sample rate from {rate} to {frame.sample_rate} Hz; "
                    "convert it to one rate"
                )
            held.append(frame)
            frames += frame.samples
        if frames - passed >= FFMPEG_PIECE_SAMPLES:
            yield piece_of(held, container, stream)
            passed = frames
            held.clear()
    if held:
        yield piece_of(held, container, stream)
    if broken > good:
        raise UnsupportedAudio(
            f"{name!r} is no readable audio ({broken} of {broken + good} packets are broken); "
            "download or record it again"
        )
    expected = declared_seconds(container, stream)
    short = expected is not None and frames < (expected - DURATION_TOLERANCE_SECONDS) * rate
    if broken or short:
        yield nothing_more(rate)


def piece_of(frames: list[Any], container: Any, stream: Any) -> Decoded:
    """Some of FFmpeg's frames as one piece."""
    rate = frames[0].sample_rate
    encoding = Encoding(
        "FFmpeg",
        container.format.name,
        stream.codec_context.name,
        rate,
        frames[0].layout.nb_channels,
    )
    mono = [to_mono(samples_of(frame)) for frame in frames]
    return Decoded(concatenate(mono), rate, complete=True, encoding=encoding)


def samples_of(frame: Any) -> Waveform:
    """Those of one of FFmpeg's frames of float32, (samples, channels)."""
    samples: Waveform = frame.to_ndarray()
    return samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)


@dataclass(frozen=True)
class Packet:
    """A packet's audio frames as float32 at the stream's rate."""

    frames: list[Any]
    broken: bool
    """Marked so by the container, or refused by the decoder."""


def decoded_packets(container: Any, stream: Any) -> Iterator[Packet]:
    """Decode packet by packet; a broken one is passed over, and where the container itself breaks
    off, that is the last one."""
    import av

    planar, packed = (av.AudioResampler(format=name) for name in ("fltp", "flt"))
    packets = demuxed(container, stream)
    while True:
        try:
            packet = next(packets)
            decoded = packet.decode()
        except StopIteration:
            return
        except av.error.FFmpegError:  # decoders have many words for what they can't make sense of
            yield Packet([], broken=True)
            continue
        frames: list[Any] = []
        for frame in decoded:
            many = frame.layout.nb_channels > MOST_PLANES
            frames += (packed if many else planar).resample(frame)
        yield Packet(frames, packet.is_corrupt)


def demuxed(container: Any, stream: Any) -> Iterator[Any]:
    """The stream's packets, then the empty one that flushes the decoder."""
    while True:
        try:
            yield from container.demux(stream)
            return
        except IndexError:  # PyAV's, at a packet of a stream that was not there at first
            continue


def declared_seconds(container: Any, stream: Any) -> float | None:
    """The audio stream's duration in seconds as its header declares it, None where it doesn't."""
    if container.format.name == "mp3":
        return None  # guessed from the first frames and the file's size
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return float(container.duration / 1_000_000)  # FFmpeg's AV_TIME_BASE: microseconds
    return None


def checked_rate(sample_rate: int) -> int:
    """The sample rate, in Hz, unless `check_rate` refuses it."""
    check_rate(sample_rate)
    return sample_rate


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
        raise TooLong(
            f"the audio is longer than {MAX_SECONDS} s, too long to be judged whole; "
            "judge it in windows or cut it"
        )


def to_mono(samples: Waveform) -> Waveform:
    """Average the channels: (samples, channels) or (samples,) to (samples,)."""
    if samples.ndim == 1 or samples.shape[1] == 1 or not samples.size:
        return samples.reshape(-1)
    mono: Waveform = samples.mean(axis=1)
    return mono


def concatenate(blocks: list[Waveform]) -> Waveform:
    """Join mono blocks; none give an empty waveform."""
    return np.concatenate(blocks) if blocks else NO_SAMPLES
