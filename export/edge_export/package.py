"""Writes a model package: graphs, golden clips, manifest and card, whole or not at all."""

import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import edge_detect
from edge_detect.audio import Source, load_audio
from edge_detect.manifest import (
    MANIFEST_FILE,
    SCHEMA,
    GoldenClip,
    Graph,
    Manifest,
    Parity,
    Provenance,
    format_manifest,
)
from edge_detect.session import GraphSession
from edge_detect.store import file_sha256
from edge_export import classifier as classifier_graph
from edge_export import graph as encoder_graph
from edge_export.card import render_card
from edge_export.checkpoint import open_checkpoint
from edge_export.classifier import Head, make_head, write_classifier_graph
from edge_export.encoder import Encoder, load_encoder
from edge_export.errors import ExportError, HeadError
from edge_export.graph import write_plain_graph
from edge_export.parity import prove_parity
from edge_export.probes import Probe, golden_probes, parity_probes
from edge_export.reference import Reference

ENCODER_FILE = "encoder.onnx"
CLASSIFIER_FILE = "classifier.onnx"
CARD_FILE = "README.md"
GOLDEN_FOLDER = "golden"

EXPORTERS = ("torch", "transformers", "scikit-learn", "skl2onnx", "onnx", "onnxscript",
             "onnxruntime", "numpy")  # fmt: skip

GraphWriter: TypeAlias = Callable[[Encoder, Path], None]


def export_package(
    encoder: str | os.PathLike[str],
    scaler: StandardScaler,
    classifier: LogisticRegression,
    out: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    bonafide_labels: Sequence[str] | None = None,
    name: str | None = None,
    revision: str | None = None,
    licence: str = "not stated",
    source: str = "scikit-learn objects",
    golden: Sequence[Source] = (),
    card: str = "",
) -> Path:
    """Export a Wav2Vec2 encoder and its scikit-learn head as the model package `out`.

    Args:
        encoder: a Hugging Face folder (config.json and safetensors), or a hub id.
        scaler: fitted on mean-pooled embeddings.
        classifier: fitted on scaled embeddings.
        out: folder to make; it must not exist.
        labels: names of the classes in the order of `classifier.classes_`; the classes' own
            where not given.
        bonafide_labels: those that mean a real human voice; "bonafide" where it is a label and
            nothing is given.
        name: of the model; the folder's where not given.
        revision: branch, tag or commit of the hub repository.
        licence: of the weights.
        source: what the scaler and the classifier come from.
        golden: real clips whose answers are stored with the package; synthetic ones where none.
        card: Markdown for the model card, after what the manifest knows.

    Returns:
        The package's folder.

    Raises:
        ExportError: an input can't be used, or the graphs don't give what torch and scikit-learn
            give; `out` is then not there.
        AudioError: a golden clip can't be read.
    """
    head = make_head(scaler, classifier, tuple(labels) if labels is not None else None, source)
    bonafide = choose_bonafide(head.labels, bonafide_labels)
    with whole_or_nothing(Path(out)) as folder:
        checkpoint = open_checkpoint(encoder, revision)
        loaded = load_encoder(checkpoint)
        check_widths(loaded, head)
        clips = golden_clips(golden, loaded.sample_rate)
        encoder_entry = write_encoder(loaded, folder, write_plain_graph)
        classifier_entry = write_classifier(head, folder)
        reference = Reference(loaded, head)
        parity = check_parity(loaded, reference, folder, encoder_entry, classifier_entry)
        manifest = Manifest(
            schema=SCHEMA,
            name=name or Path(out).resolve().name,
            sample_rate=loaded.sample_rate,
            min_samples=loaded.min_samples,
            hidden_size=loaded.hidden_size,
            normalize=loaded.normalize,
            labels=head.labels,
            bonafide_labels=bonafide,
            encoders=(encoder_entry,),
            classifier=classifier_entry,
            golden=write_golden(folder, reference, clips),
            provenance=Provenance(
                checkpoint.origin, checkpoint.revision, checkpoint.sha256, head.origin
            ),
            licence=licence,
            parity=parity,
            versions=exporter_versions(),
        )
        (folder / MANIFEST_FILE).write_text(format_manifest(manifest), encoding="utf-8")
        (folder / CARD_FILE).write_text(render_card(manifest, card), encoding="utf-8")
    return Path(out)


@contextmanager
def whole_or_nothing(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` at the end, and vanishes on any error."""
    if out.exists():
        raise ExportError(f"{str(out)!r} exists; remove it or choose another folder")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
            folder = Path(scratch, out.name)
            folder.mkdir()
            yield folder
            folder.rename(out)
    except OSError as error:
        raise ExportError(f"can't write {str(out)!r}: {error}") from error


def check_widths(encoder: Encoder, head: Head) -> None:
    """Refuse a head that was trained on embeddings of another width."""
    if head.scaler.n_features_in_ != encoder.hidden_size:
        raise HeadError(
            f"the classifier takes {head.scaler.n_features_in_} features, the encoder gives "
            f"{encoder.hidden_size}; give the encoder that it was trained on"
        )


def choose_bonafide(labels: tuple[str, ...], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """The labels that mean a real human voice."""
    if wanted is None:
        return tuple(label for label in labels if label == "bonafide")
    for label in wanted:
        if label not in labels:
            raise HeadError(f"the bona fide label {label!r} is none of {', '.join(labels)}")
    return tuple(wanted)


def write_encoder(encoder: Encoder, folder: Path, write: GraphWriter) -> Graph:
    """Write the fp32 encoder graph."""
    path = folder / ENCODER_FILE
    write(encoder, path)
    return Graph(path.name, file_sha256(path), "fp32", encoder_graph.INPUT, encoder_graph.OUTPUT)


def write_classifier(head: Head, folder: Path) -> Graph:
    """Write the scaler and the classifier."""
    path = folder / CLASSIFIER_FILE
    write_classifier_graph(head, path)
    return Graph(
        path.name, file_sha256(path), "fp32", classifier_graph.INPUT, classifier_graph.OUTPUT
    )


def check_parity(
    encoder: Encoder, reference: Reference, folder: Path, encoder_entry: Graph, head_entry: Graph
) -> Parity:
    """Prove the two graphs, as the runtime runs them, against the reference."""
    return prove_parity(
        reference,
        GraphSession(folder / encoder_entry.file, encoder_entry, "cpu", None),
        GraphSession(folder / head_entry.file, head_entry, "cpu", None),
        parity_probes(encoder.sample_rate, encoder.min_samples),
    )


def golden_clips(sources: Sequence[Source], sample_rate: int) -> list[Probe]:
    """The caller's clips at `sample_rate` Hz, or synthetic ones where there are none."""
    clips = [load_audio(source, sample_rate) for source in sources]
    named = [Probe(f"clip_{i}", waveform) for i, waveform in enumerate(clips)]
    return named or golden_probes(sample_rate)


def write_golden(
    folder: Path, reference: Reference, clips: Sequence[Probe]
) -> tuple[GoldenClip, ...]:
    """Store clips as 16-bit FLAC with the reference's answer to what was stored."""
    (folder / GOLDEN_FOLDER).mkdir()
    return tuple(write_golden_clip(folder, reference, clip) for clip in clips)


def write_golden_clip(folder: Path, reference: Reference, probe: Probe) -> GoldenClip:
    """Store one clip and its answer."""
    path = folder / GOLDEN_FOLDER / f"{probe.name}.flac"
    soundfile.write(path, np.clip(probe.waveform, -1, 1), reference.sample_rate, subtype="PCM_16")
    embedding = reference.embed(reference.load_audio(path))
    return GoldenClip(
        file=path.relative_to(folder).as_posix(),
        sha256=file_sha256(path),
        embedding=tuple(embedding.tolist()),
        probabilities=tuple(reference.probabilities(embedding).tolist()),
    )


def exporter_versions() -> dict[str, str]:
    """Version of everything that had a hand in the export."""
    return {
        "edge-detect": edge_detect.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in EXPORTERS},
    }
