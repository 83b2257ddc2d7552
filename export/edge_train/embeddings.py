"""The embedding of every clip, each computed once and kept on disk."""

import hashlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from edge_detect.audio import check_waveform, load_audio, open_source, source_name, warn
from edge_detect.clips import Audio, Clip, LeftOut
from edge_detect.decoded import Waveform
from edge_detect.errors import (
    AudioError,
    DatasetError,
    EdgeDetectError,
    InferenceError,
    TruncatedAudio,
)
from edge_detect.fetching import DEFAULT_FETCHING
from edge_detect.silence import cut_silence
from edge_train.cache import Embedding, EmbeddingCache, Vector

Follow: TypeAlias = Callable[[Sequence[Clip]], Iterable[Clip]]
"""Passes the clips on as they are asked for: a progress bar."""

READ_BYTES = 1 << 20


class ClipEncoder(Protocol):
    """What turns a waveform into an embedding."""

    sha256: str
    sample_rate: int
    min_samples: int
    hidden_size: int
    cuts_silence: bool
    """Whether it is given clips without their silence."""

    def embed(self, waveform: Waveform) -> Vector:
        """Float32 (samples,) to float32 (hidden,)."""


@dataclass(frozen=True)
class EmbeddedClips:
    """The clips that can be trained on, in order, and what became of the rest."""

    clips: tuple[Clip, ...]
    matrix: Vector
    """(clips, hidden)"""
    left_out: tuple[LeftOut, ...]
    damaged: tuple[str, ...]
    """Names of the clips that rest on the readable part of a damaged file."""
    from_cache: int
    """How many embeddings were on disk before."""


def embed_clips(
    clips: Sequence[Clip], encoder: ClipEncoder, cache: Path, follow: Follow = iter
) -> EmbeddedClips:
    """Embed every clip that can be read; one content is taken once.

    Raises:
        DatasetError: the same content under two labels.
        TrainError: the cache can't be written.
    """
    folder = f"{encoder.sha256}-cut" if encoder.cuts_silence else encoder.sha256
    store = EmbeddingCache(cache / folder, encoder.hidden_size)
    from_cache = 0
    taken: dict[str, tuple[Clip, Embedding]] = {}
    left_out: list[LeftOut] = []
    for clip in follow(clips):
        audio = clip.fetch()
        try:
            digest = content_sha256(audio)
            if digest in taken:
                left_out.append(duplicate(clip, of=taken[digest][0]))
                continue
            embedding = store.read(digest)
            from_cache += embedding is not None
            if embedding is None:
                embedding = compute(audio, encoder)
                store.write(digest, embedding)
            taken[digest] = clip, embedding
        except (AudioError, InferenceError) as error:
            left_out.append(unreadable(clip, audio, error))
    kept = tuple(taken.values())
    return EmbeddedClips(
        clips=tuple(clip for clip, _ in kept),
        matrix=np.array([embedding.vector for _, embedding in kept], np.float32),
        left_out=tuple(left_out),
        damaged=tuple(clip.name for clip, embedding in kept if embedding.damaged),
        from_cache=from_cache,
    )


def content_sha256(audio: Audio) -> str:
    """Hex digest of an audio file's content; raises AudioError where it can't be read."""
    digest = hashlib.sha256()
    with open_source(audio, DEFAULT_FETCHING) as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def compute(audio: Audio, encoder: ClipEncoder) -> Embedding:
    """Read, check and embed one clip, as the detector does."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TruncatedAudio)
        waveform = load_audio(audio, encoder.sample_rate)
    damaged = False
    for warning in caught:
        if warning.category is TruncatedAudio:
            damaged = True
        else:
            warn(str(warning.message), warning.category)
    check_waveform(waveform, encoder.sample_rate, encoder.min_samples, source_name(audio))
    if encoder.cuts_silence:
        waveform = cut_silence(waveform, encoder.sample_rate, encoder.min_samples)
    return Embedding(encoder.embed(waveform), damaged)


def unreadable(clip: Clip, audio: Audio, error: EdgeDetectError) -> LeftOut:
    """A clip that could not be judged; content from a dataset has no name of its own."""
    message = error.message.replace(repr(source_name(audio)), repr(clip.name))
    if clip.name not in message:
        message = f"{clip.name!r}: {message}"
    return LeftOut(clip.name, error.type, message)


def duplicate(clip: Clip, of: Clip) -> LeftOut:
    """The second of two clips with the same content: split apart, one would leak into the test.

    Raises:
        DatasetError: their labels differ, so one of them is wrong.
    """
    if clip.label != of.label:
        raise DatasetError(
            f"{of.name!r} ({of.label}) and {clip.name!r} ({clip.label}) have the same content "
            "and different labels; remove one"
        )
    return LeftOut(clip.name, "duplicate", f"{clip.name!r} has the same content as {of.name!r}")
