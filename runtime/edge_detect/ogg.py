"""Where the streams of an Ogg file begin and end, by its pages (RFC 3533, section 6)."""

import os
import re

from edge_detect.content import Content

PAGE_MAGIC = b"OggS"
FLAGS_OFFSET = 5
SEGMENTS_OFFSET = 26
"""Of the byte that says how many there are; their sizes follow, a byte each, and then they."""
MAX_PAGE_BYTES = 27 + 255 + 255 * 255
LAST_PAGE_FLAG = 0x04

FIRST_PAGE = re.compile(rb"OggS\0[\x02\x03\x06\x07]")
LATER_PAGE = re.compile(rb"OggS\0[\x00\x01\x04\x05]")
"""Magic, version, and flags without that of a first page."""


def is_chained(content: Content) -> bool:
    """Whether `content` is an Ogg in which a stream begins behind pages of another, as in captures
    of a radio or files joined end to end: libsndfile reads the first alone.

    Streams side by side all begin before the later pages of any. Leaves the file at its start.
    """
    content.seek(0)
    chained = content.read(len(PAGE_MAGIC)) == PAGE_MAGIC and begins_again(content)
    content.seek(0)
    return chained


def begins_again(content: Content) -> bool:
    """Whether a first page comes behind a later one, from here on to the file's end."""
    later = False
    for block in content.overlapping_blocks(FLAGS_OFFSET):
        start = 0
        if not later and (found := LATER_PAGE.search(block)):
            later = True
            start = found.end()
        if later and FIRST_PAGE.search(block, start):
            return True
    return False


def is_cut(content: Content) -> bool:
    """Whether `content` is an Ogg whose last page is not whole, or not the last of its stream.

    Leaves the file where it is.
    """
    position = content.tell()
    content.seek(0)
    is_ogg = content.read(len(PAGE_MAGIC)) == PAGE_MAGIC
    size = content.seek(0, os.SEEK_END)
    content.seek(max(0, size - MAX_PAGE_BYTES))
    tail = content.read()
    content.seek(position)
    return is_ogg and not is_last(tail[max(0, tail.rfind(PAGE_MAGIC)) :])


def is_last(page: bytes) -> bool:
    """Whether bytes begin with a whole page that is the last of its stream."""
    if len(page) <= SEGMENTS_OFFSET:
        return False
    segments = page[SEGMENTS_OFFSET + 1 :][: page[SEGMENTS_OFFSET]]
    whole = len(page) >= SEGMENTS_OFFSET + 1 + page[SEGMENTS_OFFSET] + sum(segments)
    return whole and bool(page[FLAGS_OFFSET] & LAST_PAGE_FLAG)
