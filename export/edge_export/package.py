"""Writes a model package: graphs, golden clips, manifest and card, whole or not at all."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from edge_detect.audio import Source, load_audio
from edge_detect.manifest import (
    MANIFEST_FILE,
    Decision,
    GoldenClip,
    Graph,
    Manifest,
    Provenance,
    format_manifest,
)
from edge_detect.schemas import SCHEMA
from edge_detect.session import GraphSession
from edge_detect.store import file_sha256
from edge_export.card import render_card
from edge_export.classifier import INPUT, OUTPUT, write_classifier_graph
from edge_export.decision import check_fits
from edge_export.errors import HeadError
from edge_export.fitted import make_head
from edge_export.heads import Head
from edge_export.parity import Reference, prove_probabilities
from edge_export.prepared import PreparedEncoder, Proven, trust
from edge_export.probes import Probe, golden_probes
from edge_export.quality import MAX_FLIP_RATE, judge_graph, quality_clips
from edge_export.recording import with_recorded
from edge_export.whole import whole_or_nothing

if TYPE_CHECKING:
    from edge_export.conversion import Exporter, Form, Precision

CLASSIFIER_FILE = "classifier.onnx"
CARD_FILE = "README.md"
GOLDEN_FOLDER = "golden"

HEAD_EXPORTERS = ("skl2onnx", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Description:
    """What the author says of a package."""

    name: str
    bonafide_labels: tuple[str, ...]
    decision: Decision | None
    licence: str
    card: str
    cuts_silence: bool = False


def export_package(
    encoder: str | os.PathLike[str],
    scaler: Any,
    classifier: Any,
    out: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    bonafide_labels: Sequence[str] | None = None,
    name: str | None = None,
    revision: str | None = None,
    exporter: "Exporter" = "torch",
    graph: "Form | None" = None,
    precisions: "Sequence[Precision]" = ("fp32",),
    quality_folder: str | os.PathLike[str] | None = None,
    max_flips: float = MAX_FLIP_RATE,
    decision: Decision | None = None,
    cuts_silence: bool = False,
    licence: str = "not stated",
    source: str = "scikit-learn objects",
    golden: Sequence[Source] = (),
    card: str = "",
) -> Path:
    """Export a Wav2Vec2 encoder and its scikit-learn head as the model package `out`.

    Args:
        encoder: a Hugging Face folder or a hub id, with config.json and safetensors, or where it
            has none the ONNX graph that optimum exports for feature-extraction.
        scaler: a StandardScaler, fitted on mean-pooled embeddings.
        classifier: a LogisticRegression, a OneVsRestClassifier of them, an SVC (rbf,
            probability=True) or a RandomForestClassifier, fitted on scaled embeddings.
        out: folder to make; it must not exist.
        labels: names of the classes in the order of `classifier.classes_`; the classes' own
            where not given.
        bonafide_labels: those that mean a real human voice; "bonafide" where it is a label and
            nothing is given.
        name: of the model; the folder's where not given.
        revision: branch, tag or commit of the hub repository.
        exporter: what turns safetensors into a graph: "torch" or "optimum".
        graph: "fast" (the default), "standard" for providers without onnxruntime's own operators,
            or "plain", as torch's exporter writes it.
        precisions: "int8" (CPU) and "fp16" (GPU) besides "fp32", which is always
            there.
        quality_folder: clips on which they are judged, in sub-folders named by label where the
            labels are known; clips made by arithmetic where not given.
        max_flips: share of those clips, 0 to 1, whose label a lower precision may change.
        decision: when a verdict is spoof, bona fide or inconclusive, and what was measured of it;
            answers have no verdict where not given.
        cuts_silence: whether silence is to be cut out of what is judged, at both ends and in
            longer pauses, for an encoder and a head whose training clips had none.
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
    from edge_export.checkpoint import open_checkpoint  # behind it stand torch and transformers
    from edge_export.conversion import Conversion, convert_encoder, open_encoder

    head = make_head(scaler, classifier, labels, source)
    bonafide = choose_bonafide(head.labels, bonafide_labels)
    check_fits(decision, head.labels, bonafide)
    description = Description(
        name or Path(out).resolve().name, bonafide, decision, licence, card, cuts_silence
    )
    with whole_or_nothing(Path(out)) as folder:
        checkpoint = open_checkpoint(encoder, revision)
        loaded = open_encoder(checkpoint)
        check_widths(loaded.hidden_size, head)
        clips = golden_clips(golden, loaded.sample_rate)
        how = Conversion(exporter, graph, tuple(precisions))
        proven = convert_encoder(loaded, checkpoint, folder, how)
        graphs = judged(proven, head, bonafide, quality_folder, max_flips)
        finish_package(folder, proven, graphs, head, clips, description)
    return Path(out)


def export_head(
    encoder: PreparedEncoder,
    scaler: Any,
    classifier: Any,
    out: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    bonafide_labels: Sequence[str] | None = None,
    decision: Decision | None = None,
    cuts_silence: bool = False,
    name: str | None = None,
    licence: str = "not stated",
    source: str = "scikit-learn objects",
    golden: Sequence[Source] = (),
    card: str = "",
    attachments: Mapping[str, bytes] | None = None,
) -> Path:
    """Export a scikit-learn head beside an encoder that was exported before, without torch.

    Of the encoder, the fp32 graph is taken. The arguments are those of `export_package`;
    `attachments` are further files of the package, name to content. The embedding's parity is the
    one that the encoder was exported with.

    Raises:
        ExportError: an input can't be used, or the classifier graph doesn't give what scikit-learn
            gives; `out` is then not there.
        AudioError: a golden clip can't be read.
    """
    head = make_head(scaler, classifier, labels, source)
    bonafide = choose_bonafide(head.labels, bonafide_labels)
    check_fits(decision, head.labels, bonafide)
    description = Description(
        name or Path(out).resolve().name, bonafide, decision, licence, card, cuts_silence
    )
    check_widths(encoder.hidden_size, head)
    clips = golden_clips(golden, encoder.sample_rate)
    with whole_or_nothing(Path(out)) as folder:
        for file in (file for graph in encoder.record.graphs for file in graph.files):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(encoder.folder / file, folder / file)
        finish_package(folder, trust(encoder), encoder.record.graphs, head, clips, description)
        for file, content in (attachments or {}).items():
            (folder / file).write_bytes(content)
    return Path(out)


def judged(
    proven: Proven,
    head: Head,
    bonafide: Sequence[str],
    quality_folder: str | os.PathLike[str] | None,
    max_flips: float,
) -> tuple[Graph, ...]:
    """The encoder's graphs, those of lower precision with what they cost this head.

    Raises:
        QualityError: one changes too many verdicts.
    """
    exact, *lower = proven.encoder.record.graphs
    if not lower:
        return (exact,)
    clips = quality_clips(quality_folder, proven.encoder.sample_rate, head.labels)
    rest = [judge_graph(g, proven.encoder, head, bonafide, clips, max_flips) for g in lower]
    return (exact, *rest)


def finish_package(
    folder: Path,
    proven: Proven,
    graphs: tuple[Graph, ...],
    head: Head,
    clips: Sequence[Probe],
    description: Description,
) -> None:
    """Write what stands beside the encoder graphs, and prove the classifier graph."""
    graph = write_classifier(head, folder)
    session = GraphSession(folder / graph.file, graph, "cpu", 1)
    encoder = proven.encoder.record
    manifest = Manifest(
        schema=SCHEMA,
        name=description.name,
        sample_rate=encoder.sample_rate,
        min_samples=encoder.min_samples,
        hidden_size=encoder.hidden_size,
        normalize=encoder.normalize,
        cuts_silence=description.cuts_silence,
        labels=head.labels,
        bonafide_labels=description.bonafide_labels,
        decision=description.decision,
        encoders=graphs,
        classifier=graph,
        golden=write_golden(folder, proven.reference, head, clips),
        provenance=Provenance(
            encoder.origin, encoder.revision, encoder.weights_sha256, head.description
        ),
        licence=description.licence,
        parity=prove_probabilities(encoder.parity, proven.pairs, head, session),
        versions=encoder.versions | {package: version(package) for package in HEAD_EXPORTERS},
    )
    manifest = with_recorded(manifest, folder)
    (folder / MANIFEST_FILE).write_text(format_manifest(manifest), encoding="utf-8")
    (folder / CARD_FILE).write_text(render_card(manifest, description.card), encoding="utf-8")


def check_widths(hidden_size: int, head: Head) -> None:
    """Refuse a head that was trained on embeddings of another width."""
    if head.classifier.features != hidden_size:
        raise HeadError(
            f"the classifier takes {head.classifier.features} features, the encoder gives "
            f"{hidden_size}; give the encoder that it was trained on"
        )


def choose_bonafide(labels: tuple[str, ...], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """The labels that mean a real human voice."""
    if wanted is None:
        return tuple(label for label in labels if label == "bonafide")
    for label in wanted:
        if label not in labels:
            raise HeadError(f"the bona fide label {label!r} is none of {', '.join(labels)}")
    return tuple(wanted)


def write_classifier(head: Head, folder: Path) -> Graph:
    """Write the scaler and the classifier."""
    path = folder / CLASSIFIER_FILE
    write_classifier_graph(head, path)
    return Graph(path.name, file_sha256(path), "fp64", INPUT, OUTPUT)


def golden_clips(sources: Sequence[Source], sample_rate: int) -> list[Probe]:
    """The caller's clips at `sample_rate` Hz, or synthetic ones where there are none."""
    clips = [load_audio(source, sample_rate) for source in sources]
    named = [Probe(f"clip_{i}", waveform) for i, waveform in enumerate(clips)]
    return named or golden_probes(sample_rate)


def write_golden(
    folder: Path, reference: Reference, head: Head, clips: Sequence[Probe]
) -> tuple[GoldenClip, ...]:
    """Store clips as 16-bit FLAC with the reference's answer to what was stored."""
    (folder / GOLDEN_FOLDER).mkdir()
    return tuple(write_golden_clip(folder, reference, head, clip) for clip in clips)


def write_golden_clip(folder: Path, reference: Reference, head: Head, probe: Probe) -> GoldenClip:
    """Store one clip and its answer."""
    path = folder / GOLDEN_FOLDER / f"{probe.name}.flac"
    soundfile.write(path, np.clip(probe.waveform, -1, 1), reference.sample_rate, subtype="PCM_16")
    embedding = reference.embed(reference.load_audio(path))
    return GoldenClip(
        file=path.relative_to(folder).as_posix(),
        sha256=file_sha256(path),
        embedding=tuple(embedding.tolist()),
        probabilities=tuple(head.probabilities(embedding[np.newaxis])[0].tolist()),
    )
