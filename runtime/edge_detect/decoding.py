"""The content of an audio file becomes mono samples at its own rate.

libsndfile decodes what it can, FFmpeg (through PyAV) the rest. Both read as far as a damaged file
goes and say whether that was all of it.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

import soundfile

from edge_detect import mp3
from edge_detect.decoded import (
    NO_SAMPLES,
    Decoded,
    Encoding,
    Waveform,
    check_rate,
    nothing_more,
    to_mono,
)
from edge_detect.errors import UnsupportedAudio
from edge_detect.ffmpeg import decode_with_ffmpeg

# FLAC's usual frame: when a frame is damaged, libsndfile drops the whole block that was asked for,
# so a larger block would lose more of a damaged file.
BLOCK_FRAMES = 4096

# soundfile seeks behind every block, and in an MP3 a seek costs the more the later it is.
MP3_BLOCK_FRAMES = 16 * BLOCK_FRAMES

# libsndfile ends at a broken frame of a FLAC, and of an MP3 where more than a kilobyte is broken;
# FFmpeg passes it over.
ENDED_AT_BREAKS = ("MP3", "FLAC")

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
