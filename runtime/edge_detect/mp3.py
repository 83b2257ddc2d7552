"""Whether an MP3, or MPEG audio of another layer, says how long it is: only then libsndfile reads
all of it.

The first frame may hold a tag instead of sound, with the stream's length (Xing's, which LAME and
FFmpeg write). Where it is missing libsndfile takes all frames to be as large as the first ones,
which ends a recording of variable bit rate early; where more follows, as in files joined end to
end, it stops at the length of the first. Layers I and II (MP2) have no such tag.
"""

import os
import struct

from edge_detect.content import Content

ID3_MAGIC = b"ID3"
ID3_HEADER_BYTES = 10
MAX_ID3_TAGS = 16  # a file of nothing but tags is not followed to its end
ID3V1_MAGIC = b"TAG"
ID3V1_BYTES = 128

# The first frame is at most 1441 bytes; some writers pad the tags before it.
HEAD_BYTES = 4096
LENGTH_MAGICS = (b"Xing", b"Info")
LENGTH_LAYOUT = struct.Struct(">4sIII")
"""Magic, flags, frames, bytes of the whole stream from the first frame on."""
HAS_BYTES = 0x2


def ends_unsaid(content: Content) -> bool:
    """Whether `content` is an MP3 that doesn't declare its length, or holds more than it declares.

    False of anything else. Leaves the file at its start.
    """
    start = behind_id3(content)
    content.seek(start)
    head = content.read(HEAD_BYTES)
    unsaid = is_frame(head.lstrip(b"\0")) and declared_end(head, start) < end_of_frames(content)
    content.seek(0)
    return unsaid


def behind_id3(content: Content) -> int:
    """Where the tags at the start end, in bytes (ID3v2, section 3.1)."""
    position = 0
    for _ in range(MAX_ID3_TAGS):
        content.seek(position)
        header = content.read(ID3_HEADER_BYTES)
        if len(header) < ID3_HEADER_BYTES or not header.startswith(ID3_MAGIC):
            break
        size = 0
        for byte in header[6:]:
            size = size << 7 | byte & 0x7F
        position += ID3_HEADER_BYTES + size
    return position


def is_frame(head: bytes) -> bool:
    """Whether bytes begin as a frame of MPEG audio does, of layer I, II or III."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0


def declared_end(head: bytes, start: int) -> int:
    """Where, in bytes of the file, the frames that begin at `start` with `head` end by the tag in
    the first one, or up to 36 bytes behind that; 0 without a tag."""
    for magic in LENGTH_MAGICS:
        place = head.find(magic)
        if 0 <= place <= len(head) - LENGTH_LAYOUT.size:
            _, flags, _, size = LENGTH_LAYOUT.unpack_from(head, place)
            return start + place + size if flags & HAS_BYTES else 0
    return 0


def end_of_frames(content: Content) -> int:
    """The file's size, less a tag at its end (ID3v1)."""
    size = content.seek(0, os.SEEK_END)
    content.seek(max(0, size - ID3V1_BYTES))
    return size - ID3V1_BYTES if content.read(len(ID3V1_MAGIC)) == ID3V1_MAGIC else size
