"""Where the streams of a FLAC file begin (RFC 9639, sections 6 and 8)."""

import re

from edge_detect.content import Content

MAGIC = b"fLaC"
STREAM_START = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
"""Magic, then the header of the streaminfo block, of 34 bytes, which is the last one or not."""
START_BYTES = 8


def is_joined(content: Content) -> bool:
    """Whether `content` is a FLAC with another behind it: libsndfile reads the first alone.

    Leaves the file at its start.
    """
    content.seek(0)
    joined = content.read(len(MAGIC)) == MAGIC and starts_again(content)
    content.seek(0)
    return joined


def starts_again(content: Content) -> bool:
    """Whether a stream begins from here on to the file's end."""
    blocks = content.overlapping_blocks(START_BYTES - 1)
    return any(STREAM_START.search(block) for block in blocks)
