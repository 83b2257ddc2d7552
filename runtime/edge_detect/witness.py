"""One source while it is judged: what its content is, how it is encoded, how it looks."""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from edge_detect.audio import OpenFile, open_source, other_tracks, truncation
from edge_detect.decoded import Decoded, Encoding, Track
from edge_detect.detection import Detection, Failure
from edge_detect.detector import Detector
from edge_detect.envelope import Envelope
from edge_detect.errors import EdgeDetectError, FileUnreadable
from edge_detect.fetching import Fetching
from edge_detect.store import stream_sha256


class Witness:
    """Opens a source once, hashes what is judged, and gathers what passes; all of it in constant
    memory. An address is fetched once."""

    def __init__(self, name: str, content: bytes | None, fetching: Fetching, digest: bool) -> None:
        """`name` is a path or an address, or what `content` is called; with `digest` the content is
        hashed, before and after it is judged."""
        self.name = name
        self.detection: Detection | None = None
        self.envelope = Envelope()
        self.bytes = 0
        self.sha256 = ""
        self._content = content
        self._fetching = fetching
        self._digest = digest
        self._frames = self._missing = self._rate = 0
        self._encodings: list[Encoding] = []
        self._complete = True
        self._track: Track | None = None

    def answer(self, detector: Detector) -> Iterator[Detection | Failure]:
        """The one answer, which is what the detector gives for the source."""
        source = self.name if self._content is None else self._content
        try:
            with open_source(source, self._fetching) as file:
                self._measure(file)
                [result] = detector.predict_batch([OpenFile(self.name, file, self._watch)])
                self._check_unchanged(file)
        except EdgeDetectError as error:
            yield Failure(self.name, error)
            return
        if isinstance(result, Detection):
            self.detection = result
        yield result

    @property
    def encoding(self) -> Encoding:
        """Of what was answered; a second decoder, which takes over behind a break, is named too."""
        decoders = dict.fromkeys(encoding.decoder for encoding in self._encodings)
        return replace(self._encodings[0], decoder=", ".join(decoders))

    @property
    def seconds(self) -> float:
        """What was decoded of it."""
        return self._frames / self._rate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the command warned of."""
        texts = []
        if not self._complete:
            texts.append(truncation(self.seconds, self._missing / self._rate, self.name))
        if self._track:
            texts.append(other_tracks(self._track, self.name))
        return tuple(texts)

    def _watch(self, piece: Decoded) -> None:
        self.envelope.add(piece.samples)
        self._frames += len(piece.samples)
        self._missing += piece.missing
        self._rate = piece.sample_rate
        self._complete = self._complete and piece.complete
        self._track = self._track or piece.track
        if piece.encoding and piece.encoding not in self._encodings:
            self._encodings.append(piece.encoding)

    def _measure(self, file: BinaryIO) -> None:
        if self._digest:
            self.sha256 = digest_of(file)
        self.bytes = file.seek(0, os.SEEK_END)
        file.seek(0)

    def _check_unchanged(self, file: BinaryIO) -> None:
        """Refuse to speak for a content that was not the one that was judged."""
        if self._digest and digest_of(file) != self.sha256:
            raise FileUnreadable(
                f"{self.name!r} changed while it was judged; copy it and judge the copy"
            )


def digest_of(file: BinaryIO) -> str:
    """sha256 in hex of the whole of a file, wherever it was read to."""
    file.seek(0)
    return stream_sha256(file)
