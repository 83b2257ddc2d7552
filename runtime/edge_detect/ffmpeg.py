"""What FFmpeg, through PyAV, decodes of any container."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from edge_detect.content import Content
from edge_detect.decoded import (
    Decoded,
    Encoding,
    Track,
    Waveform,
    average,
    checked_rate,
    nothing_more,
)
from edge_detect.errors import UnsupportedAudio

# FFmpeg's frames are often 10 ms; what comes after the decoder costs as much for one as for many.
FFMPEG_PIECE_SAMPLES = 32_768

# The containers that FFmpeg may open. Of its others some are playlists and session descriptions,
# which make it open more files or listen on the network: nothing that an upload should cause.
FFMPEG_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,g722,gsm,loas,matroska,webm,mov,mp3,mpeg,"
    "mpegts,mxf,nut,ogg,rm,sln,tak,tta,voc,w64,wav,wv"
)

# Bare streams, which say nowhere how long they are: FFmpeg guesses it from the first frames and the
# file's size.
BARE_STREAMS = frozenset({"aac", "ac3", "amr", "dts", "eac3", "g722", "gsm", "loas", "mp3"})

# FFmpeg's own decoders of AMR refuse what telephones send in pauses (DTX, 3GPP TS 26.093 and
# 26.193): those would be missing from the recording.
DECODERS = {"amrnb": "libopencore_amrnb", "amrwb": "libopencore_amrwb"}

# Containers round their declared duration to a packet or a video frame.
DURATION_TOLERANCE_SECONDS = 0.1

# Of eight or more, PyAV reads one that isn't there.
MOST_PLANES = 7


def decode_with_ffmpeg(content: Content, name: str) -> Iterator[Decoded]:
    """Decode the best audio stream of any container that FFmpeg reads."""
    import av  # 80 ms that WAV, FLAC, MP3 and Ogg don't need

    content.seek(0)
    try:
        options = {"format_whitelist": FFMPEG_FORMATS}
        with av.open(content, metadata_errors="replace", options=options) as container:
            yield from read_stream(container, name)
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "its text can't be decoded"
        raise UnsupportedAudio(
            f"{name!r} is no audio that libsndfile or FFmpeg can read ({reason}); "
            "convert it to WAV or FLAC"
        ) from error


def read_stream(container: Any, name: str) -> Iterator[Decoded]:
    """Decode the best audio stream of an open PyAV container."""
    stream = container.streams.best("audio")
    if stream is None:
        raise UnsupportedAudio(f"{name!r} has no audio stream; give a file with sound")
    frames = passed = good = broken = rate = 0
    held: list[Any] = []
    decoder = decoder_of(stream, name)
    for packet in decoded_packets(container, stream, decoder):
        good += bool(packet.frames)
        broken += packet.broken
        for frame in packet.frames:
            rate = frame.sample_rate
            held.append(frame)
            frames += frame.samples
        if frames - passed >= FFMPEG_PIECE_SAMPLES:
            yield piece_of(held, container, stream, decoder)
            passed = frames
            held.clear()
    if held:
        yield piece_of(held, container, stream, decoder)
    if broken > good:
        raise UnsupportedAudio(
            f"{name!r} is no readable audio ({broken} of {broken + good} packets are broken); "
            "download or record it again"
        )
    expected = declared_seconds(container, stream)
    short = expected is not None and frames < (expected - DURATION_TOLERANCE_SECONDS) * rate
    if broken or short:
        yield nothing_more(rate)


def decoder_of(stream: Any, name: str) -> Any:
    """The codec context that decodes a stream: FFmpeg's choice, but for AMR."""
    import av

    own = stream.codec_context
    if own is None:
        raise UnsupportedAudio(
            f"{name!r} has sound in a format that FFmpeg can't decode; convert it to WAV or FLAC"
        )
    if own.name not in DECODERS:
        return own
    try:
        return av.CodecContext.create(DECODERS[own.name], "r")
    except av.codec.codec.UnknownCodecError as error:
        raise UnsupportedAudio(
            f"{name!r} is AMR, and PyAV {av.__version__} lacks the decoder {DECODERS[own.name]!r}; "
            "install a wheel of av that has it, or convert it to WAV or FLAC"
        ) from error


def piece_of(frames: list[Any], container: Any, stream: Any, decoder: Any) -> Decoded:
    """Some of FFmpeg's frames as one piece."""
    rate = frames[0].sample_rate
    encoding = Encoding(
        "FFmpeg",
        container.format.name,
        decoder.name,
        rate,
        frames[0].layout.nb_channels,
    )
    piece = average([samples_of(frame) for frame in frames], rate, encoding)
    return replace(piece, track=track_of(container, stream))


def track_of(container: Any, stream: Any) -> Track | None:
    """Which of several audio streams it is; None of the only one."""
    indices = [audio.index for audio in container.streams.audio]
    return Track(indices.index(stream.index) + 1, len(indices)) if len(indices) > 1 else None


def samples_of(frame: Any) -> Waveform:
    """Those of one of FFmpeg's frames of float32, (samples, channels)."""
    samples: Waveform = frame.to_ndarray()
    return samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)


@dataclass(frozen=True)
class Packet:
    """A packet's audio frames as float32 at the rate of the stream's first."""

    frames: list[Any]
    broken: bool
    """Marked so by the container, or refused by the decoder."""


def decoded_packets(container: Any, stream: Any, decoder: Any) -> Iterator[Packet]:
    """Decode packet by packet; a broken one is passed over, and where the container itself breaks
    off, that is the last one."""
    import av

    converter = Converter()
    packets = demuxed(container, stream)
    while True:
        try:
            packet = next(packets)
            decoded = decoder.decode(packet)
        except StopIteration:
            yield Packet(converter.rest(), broken=False)
            return
        except av.error.FFmpegError:  # decoders have many words for what they can't make sense of
            yield Packet([], broken=True)
            continue
        frames = [converted for frame in decoded for converted in converter.convert(frame)]
        yield Packet(frames, packet.is_corrupt)


class Converter:
    """Makes float32 at one rate, that of the first, of frames: a recording may go on at another
    rate, and with other channels."""

    def __init__(self) -> None:
        self._rate = 0
        self._kind: tuple[int, str, str] | None = None
        self._resampler: Any = None

    def convert(self, frame: Any) -> list[Any]:
        """What can be told of a frame, and of those before it."""
        import av

        kind = (frame.sample_rate, frame.layout.name, frame.format.name)
        before: list[Any] = []
        if kind != self._kind:
            before = self.rest()
            self._kind = kind
            rate = checked_rate(frame.sample_rate)
            self._rate = self._rate or rate
            many = frame.layout.nb_channels > MOST_PLANES
            self._resampler = av.AudioResampler("flt" if many else "fltp", rate=self._rate)
        return before + list(self._resampler.resample(frame))

    def rest(self) -> list[Any]:
        """What is left of the frames so far, behind the last one."""
        return list(self._resampler.resample(None)) if self._resampler else []


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
    if container.format.name in BARE_STREAMS:
        return None
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        end = container.duration - max(0, container.start_time or 0)
        return float(end / 1_000_000)  # FFmpeg's AV_TIME_BASE: microseconds
    return None
