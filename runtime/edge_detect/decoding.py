"""The content of an audio file becomes mono samples at its own rate.

libsndfile decodes what it can, FFmpeg (through PyAV) the rest. Both read as far as a damaged file
goes and say whether that was all of it.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

import soundfile

from edge_detect import flac, mp3, ogg
from edge_detect.content import Content
from edge_detect.decoded import (
    NO_SAMPLES,
    Decoded,
    Encoding,
    Waveform,
    average,
    check_rate,
    nothing_more,
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


def decode(file: BinaryIO, name: str) -> Iterator[Decoded]:
    """Decode piece by piece with libsndfile, or with FFmpeg where libsndfile can't.

    No more than a piece is in memory. A file that is damaged or cut off ends with an empty piece
    that is not complete.

    Raises:
        UnsupportedAudio: neither can.
        OSError: `file` can't be read.
    """
    content = Content(file)
    rate = 0
    try:
        for piece in decode_by_either(content, name):
            yield piece
            rate = piece.sample_rate
    except UnsupportedAudio:
        content.raise_error()
        raise
    if rate and ogg.is_cut(content):
        yield nothing_more(rate)
    content.raise_error()


def decode_by_either(content: Content, name: str) -> Iterator[Decoded]:
    """What libsndfile decodes of a file that it reads whole, else what FFmpeg does.

    libsndfile reads nothing of a file whose writer left the length open: a WAV of a recorder that
    lost power says 0 samples, a streamed FLAC says nothing; and not all of an MP3 that leaves it
    open, nor of a chained Ogg or of FLACs joined end to end.
    """
    several = ogg.is_chained(content) or flac.is_joined(content)
    if not several and not mp3.ends_unsaid(content):
        with suppress(soundfile.LibsndfileError), soundfile.SoundFile(content) as sound:
            if 0 < sound.frames < OPEN_LENGTH and not is_mpeg_in_wav(sound):
                check_rate(sound.samplerate)
                yield from decode_with_libsndfile(sound, content)
                return
    yield from decode_with_ffmpeg(content, name)


def decode_with_libsndfile(sound: soundfile.SoundFile, content: Content) -> Iterator[Decoded]:
    """Read block by block, so that a damaged end costs no more than its own block."""
    frames = 0
    complete = not header_exceeds_file(sound)
    encoding = Encoding("libsndfile", sound.format, sound.subtype, sound.samplerate, sound.channels)
    while len(block := read_block(sound)):
        yield average([block], sound.samplerate, encoding)
        frames += len(block)
    if frames < sound.frames and sound.format in ENDED_AT_BREAKS:
        for piece in behind_break(content, sound.samplerate, frames):
            yield piece
            frames += len(piece.samples)
        complete = False
    complete = complete and frames == sound.frames
    if not complete:
        yield nothing_more(sound.samplerate, max(0, sound.frames - frames))


def behind_break(content: Content, sample_rate: int, frames: int) -> Iterator[Decoded]:
    """What FFmpeg reads of a file behind its first `frames`, where libsndfile gave up."""
    passed = 0
    with suppress(UnsupportedAudio):
        for piece in decode_with_ffmpeg(content, "the rest"):
            if piece.sample_rate != sample_rate:
                return
            skipped = min(len(piece.samples), frames - passed)
            passed += skipped
            if skipped < len(piece.samples):
                rest = piece.samples[skipped:]
                yield replace(piece, samples=rest, complete=True, unrelated_energy=0.0)


def is_mpeg_in_wav(sound: soundfile.SoundFile) -> bool:
    """Whether a WAV holds MPEG audio: libsndfile guesses its length from the bit rate."""
    return bool(sound.format == "WAV" and sound.subtype.startswith("MPEG_LAYER"))


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
