"""An encoder as graphs on disk: a model package's, or one converted for a package to come.

Nothing here needs torch; a checkpoint that is yet to be converted does.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edge_detect.audio import load_audio
from edge_detect.manifest import MANIFEST_FILE, Graph
from edge_detect.records import build
from edge_detect.session import GraphSession
from edge_detect.store import ModelPackage, file_sha256, installed_packages, open_package
from edge_export.errors import ExportError
from edge_export.parity import EmbeddingParity, Pair, Reference
from edge_export.probes import parity_probes

Float32: TypeAlias = npt.NDArray[np.float32]

RECORD_FILE = "encoder.json"


@dataclass(frozen=True)
class EncoderRecord:
    """What a manifest says of its encoder."""

    graphs: tuple[Graph, ...]
    """One for each precision, the most exact one first."""
    sample_rate: int
    """Hz"""
    min_samples: int
    hidden_size: int
    normalize: bool
    origin: str
    """Hub id or folder name of the checkpoint."""
    revision: str | None
    weights_sha256: str
    parity: EmbeddingParity
    versions: dict[str, str]


class PreparedEncoder:
    """The graphs of an encoder, the first of them ready to run."""

    def __init__(
        self,
        record: EncoderRecord,
        folder: Path,
        session: GraphSession,
        cuts_silence: bool = False,
    ) -> None:
        self.record = record
        self.folder = folder
        self.sample_rate = record.sample_rate
        self.min_samples = record.min_samples
        self.hidden_size = record.hidden_size
        self.sha256 = record.graphs[0].sha256
        self.cuts_silence = cuts_silence
        self._session = session

    @classmethod
    def open(
        cls,
        record: EncoderRecord,
        folder: Path,
        threads: int | None,
        cuts_silence: bool = False,
    ) -> "PreparedEncoder":
        """Load the first of the graphs in `folder`.

        `cuts_silence` is what a package says of the clips that the encoder is given; `embed`
        leaves that to its caller.
        """
        exact = record.graphs[0]
        session = GraphSession(folder / exact.file, exact, "cpu", threads)
        return cls(record, folder, session, cuts_silence)

    def load_audio(self, path: str | os.PathLike[str]) -> Float32:
        """Mono float32 (samples,) at the encoder's sample rate."""
        return load_audio(path, self.sample_rate)

    def embed(self, waveform: Float32) -> Float32:
        """Float32 (samples,) at the encoder's sample rate to float32 (hidden,)."""
        embedding: Float32 = self._session.run(waveform[np.newaxis])[0]
        return embedding


@dataclass(frozen=True)
class Proven:
    """An encoder beside its reference, and both on the clips of the parity check."""

    encoder: PreparedEncoder
    reference: Reference
    pairs: Sequence[Pair]


def trust(encoder: PreparedEncoder) -> Proven:
    """An encoder that was proven when it was exported, as its own reference."""
    probes = parity_probes(encoder.sample_rate, encoder.min_samples)
    embeddings = [(probe.name, encoder.embed(probe.waveform)) for probe in probes]
    return Proven(encoder, encoder, [Pair(name, own, own) for name, own in embeddings])


def prepare_encoder(
    encoder: str | os.PathLike[str],
    cache: Path,
    *,
    revision: str | None = None,
    threads: int | None = None,
) -> PreparedEncoder:
    """The encoder of a model package, by name or folder, or a checkpoint's.

    A checkpoint (a Hugging Face folder or a hub id) is converted into a folder of its own in
    `cache`, and taken from there the next time.

    Raises:
        ModelError: the package can't be used.
        ExportError: the checkpoint can't be used, or its graph differs from it.
    """
    name = os.fspath(encoder)
    if name in installed_packages() or (Path(name) / MANIFEST_FILE).is_file():
        return encoder_of_package(open_package(name), threads)
    from edge_export.conversion import convert_into_cache  # torch and transformers

    folder = convert_into_cache(encoder, cache, revision)
    return PreparedEncoder.open(read_record(folder), folder, threads)


def encoder_of_package(package: ModelPackage, threads: int | None = None) -> PreparedEncoder:
    """The fp32 graph of a model package, checked against its manifest.

    What a lower precision costs depends on the head: it is no part of an encoder for another one.
    """
    manifest = package.manifest
    exact = package.encoder("fp32")
    package.verified(exact)
    record = EncoderRecord(
        graphs=(exact,),
        sample_rate=manifest.sample_rate,
        min_samples=manifest.min_samples,
        hidden_size=manifest.hidden_size,
        normalize=manifest.normalize,
        origin=manifest.provenance.encoder,
        revision=manifest.provenance.encoder_revision,
        weights_sha256=manifest.provenance.encoder_sha256,
        parity=EmbeddingParity(
            manifest.parity.clips,
            manifest.parity.max_seconds,
            manifest.parity.embedding_max_abs,
            manifest.parity.embedding_min_cosine,
        ),
        versions=manifest.versions,
    )
    return PreparedEncoder.open(record, package.folder, threads, manifest.cuts_silence)


def write_record(record: EncoderRecord, folder: Path) -> None:
    """Write down what the graphs in `folder` are."""
    (folder / RECORD_FILE).write_text(json.dumps(asdict(record), indent=2), encoding="utf-8")


def read_record(folder: Path) -> EncoderRecord:
    """Read what `write_record` wrote, and check the graphs against it.

    Raises:
        ExportError: a file was changed.
    """
    try:
        text = (folder / RECORD_FILE).read_text(encoding="utf-8")
        record: EncoderRecord = build(EncoderRecord, json.loads(text), "")
        files = [item for graph in record.graphs for item in graph.files.items()]
        damaged = [file for file, sha256 in files if file_sha256(folder / file) != sha256]
    except (OSError, ValueError) as error:
        raise ExportError(f"{str(folder)!r} is damaged ({error}); remove it") from error
    if damaged:
        raise ExportError(f"{str(folder / damaged[0])!r} was changed; remove {str(folder)!r}")
    return record
