"""From labelled clips to a model package with its report, whole or not at all."""

import os
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

import edge_detect
from edge_detect.cache import cache_folder
from edge_detect.clips import Selection
from edge_detect.store import DEFAULT_MODEL
from edge_export.package import choose_bonafide, export_head
from edge_export.prepared import prepare_encoder
from edge_export.whole import check_absent
from edge_train.card import card_notes
from edge_train.dataset import read_dataset
from edge_train.embeddings import EmbeddedClips, Follow, embed_clips
from edge_train.errors import TrainError
from edge_train.heads import (
    KINDS,
    MAX_ITERATIONS,
    FittedHead,
    Half,
    choose,
    converged,
    fit_heads,
    scale,
)
from edge_train.metrics import Figures, measure, most_probable
from edge_train.plots import JudgedClips, project
from edge_train.record import (
    SCHEMA,
    EncoderIdentity,
    HeadResult,
    LabelCounts,
    Misjudged,
    Record,
)
from edge_train.report import render_report
from edge_train.split import Folds, Split, cross_validation_folds, split_rows

METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"

# Below this, the 95 % interval of an accuracy around 0.9 is wider than 0.12.
FEW_TEST_CLIPS = 100

# Versions that a figure may depend on.
TRAINERS = ("scikit-learn", "scipy", "numpy", "onnxruntime", "soundfile", "soxr", "av")


@dataclass(frozen=True)
class Training:
    """What `train` leaves behind."""

    package: Path
    """Folder of the model package; metrics.json and report.html are in it."""
    record: Record
    from_cache: int
    """Clips whose embedding was on disk before."""

    @property
    def report(self) -> Path:
        """The HTML page."""
        return self.package / REPORT_FILE


@dataclass(frozen=True)
class Fitted:
    """The heads, and the rows that they were fitted and tested on."""

    split: Split
    folds: Folds
    train: Half
    test: Half
    heads: list[FittedHead]
    best: FittedHead


def train(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    encoder: str | os.PathLike[str] = DEFAULT_MODEL,
    selection: Selection | None = None,
    seed: int = 0,
    bonafide_labels: Sequence[str] | None = None,
    name: str | None = None,
    licence: str = "not stated",
    cache: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    follow: Follow = iter,
) -> Training:
    """Fit heads on the embeddings of labelled clips and write the best as the model package `out`.

    Args:
        data: a folder with a sub-folder for each label, a CSV or JSON Lines list, or a Hugging
            Face dataset (folder or hub id).
        out: folder to make; it must not exist.
        encoder: a model package (name or folder), or a Wav2Vec2 (Hugging Face folder or hub id),
            which is exported first. Where a package cuts silence out of what it judges, so does
            the new one, and training did.
        selection: columns of a list or dataset, and the part of a dataset.
        seed: of the split, the cross-validation and the classifiers.
        bonafide_labels: labels that mean a real human voice; "bonafide" where it is a label and
            nothing is given.
        name: of the model; the folder's where not given.
        licence: of the weights.
        cache: folder of embeddings and exported encoders; the user's own where not given.
        threads: CPU threads of the encoder; all that the process may use where not given.
        follow: passes the clips on, for a progress bar.

    Returns:
        The package and what is known of it.

    Raises:
        TrainError: the data can't be trained on; `out` is then not there.
        ModelError: the encoder's model package can't be used.
        ExportError: `out` exists, or an encoder or a head can't be exported.
    """
    check_absent(Path(out))  # before hours of work, not after them
    selection = selection or Selection()
    dataset = read_dataset(os.fspath(data), selection)
    known = sorted({clip.label for clip in dataset.clips} | set(dataset.empty_labels))
    check_bonafide(bonafide_labels, known)
    root = Path(cache) if cache is not None else cache_folder()
    prepared = prepare_encoder(encoder, root / "encoders", threads=threads)
    embedded = embed_clips(dataset.clips, prepared, root / "embeddings", follow)
    fitted = fit_and_compare(embedded, selection.group is not None, seed, known)
    check_trained(bonafide_labels, fitted.best.labels)
    bonafide = choose_bonafide(fitted.best.labels, bonafide_labels)
    judged = judge(fitted)
    results = tuple(head_result(head, fitted.test) for head in fitted.heads)
    best = next(result for result in results if result.name == fitted.best.kind.name)
    record = Record(
        schema=SCHEMA,
        name=name or Path(out).resolve().name,
        data=os.fspath(data),
        seed=seed,
        grouped_by=selection.group,
        encoder=EncoderIdentity(
            os.fspath(encoder),
            prepared.sha256,
            prepared.sample_rate,
            prepared.hidden_size,
            prepared.cuts_silence,
        ),
        bonafide_labels=bonafide,
        labels=count_clips(fitted),
        clips_found=len(dataset.clips) + len(dataset.left_out),
        train_clips=len(fitted.train.truth),
        test_clips=len(fitted.test.truth),
        rule=rule(fitted.folds, selection.group),
        chosen=best.name,
        heads=results,
        misjudged=find_misjudged(embedded, fitted.split, judged),
        warnings=tuple(find_warnings(fitted, best.test, selection.group, bonafide)),
        damaged=embedded.damaged,
        left_out_labels=fitted.split.left_out,
        left_out=dataset.left_out + embedded.left_out,
        versions=trainer_versions(),
    )
    package = export_head(
        prepared,
        fitted.best.scaler,
        fitted.best.classifier,
        out,
        bonafide_labels=bonafide,
        cuts_silence=prepared.cuts_silence,
        name=record.name,
        licence=licence,
        source=f"edge-detect train {record.data}",
        card=card_notes(record),
        attachments={
            METRICS_FILE: record.to_json().encode(),
            REPORT_FILE: render_report(record, judged).encode("utf-8", "backslashreplace"),
        },
    )
    return Training(package, record, embedded.from_cache)


def check_bonafide(wanted: Sequence[str] | None, known: Sequence[str]) -> None:
    """Refuse a bona fide label that no clip has."""
    for label in wanted or ():
        if label not in known:
            raise TrainError(
                f"the bona fide label {label!r} is none of {', '.join(map(repr, known))}"
            )


def check_trained(wanted: Sequence[str] | None, labels: Sequence[str]) -> None:
    """Refuse a bona fide label that could not be trained on."""
    for label in wanted or ():
        if label not in labels:
            raise TrainError(f"the bona fide label {label!r} has too few clips; give more of them")


def fit_and_compare(
    embedded: EmbeddedClips, grouped: bool, seed: int, known: Sequence[str]
) -> Fitted:
    """Split the clips, fit every head on the one half and choose by that half alone.

    Raises:
        DatasetError: there are no two labels to tell apart.
    """
    truth = np.array([clip.label for clip in embedded.clips], np.str_)
    groups = np.array([clip.group for clip in embedded.clips], np.str_) if grouped else None
    split = split_rows(truth, groups, seed, known)
    train, test = (Half(embedded.matrix[half], truth[half]) for half in split.halves)
    train_groups = None if groups is None else groups[split.train]
    folds = cross_validation_folds(train.truth, train_groups, seed)
    heads = fit_heads(train, folds, seed)
    return Fitted(split, folds, train, test, heads, choose(heads))


def judge(fitted: Fitted) -> JudgedClips:
    """What the chosen head says of the test clips."""
    best, test = fitted.best, fitted.test
    projection = project(*(scale(best.scaler, half.matrix) for half in (fitted.train, test)))
    return JudgedClips(best.labels, test.truth, best.probabilities(test.matrix), projection)


def find_misjudged(
    embedded: EmbeddedClips, split: Split, judged: JudgedClips
) -> tuple[Misjudged, ...]:
    """The test clips that were taken for something else, the surest mistake first."""
    predicted = most_probable(judged.probabilities, judged.labels)
    mistakes = [
        Misjudged(embedded.clips[row].name, str(truth), str(label), float(probability))
        for row, truth, label, probability in zip(
            split.test, judged.truth, predicted, judged.probabilities.max(axis=1), strict=True
        )
        if truth != label
    ]
    return tuple(sorted(mistakes, key=lambda mistake: -mistake.probability))


def head_result(head: FittedHead, test: Half) -> HeadResult:
    """A head's figures on the test rows."""
    figures = measure(test.truth, head.probabilities(test.matrix), head.labels)
    return HeadResult(head.kind.name, head.kind.title, head.macro_f1, figures)


def count_clips(fitted: Fitted) -> tuple[LabelCounts, ...]:
    """Training and test clips of each label."""
    train, test = Counter(fitted.train.truth.tolist()), Counter(fitted.test.truth.tolist())
    return tuple(LabelCounts(label, train[label], test[label]) for label in fitted.best.labels)


def rule(folds: Folds, group: str | None) -> str:
    """How the head was chosen, in a sentence."""
    kept = f", no {group} in two folds" if folds.by_group else ""
    order = ", then ".join(kind.title for kind in KINDS)
    return (
        f"the highest macro F1 in {len(folds.pairs)}-fold stratified cross-validation on the "
        f"training clips alone{kept}; of equals the simpler: {order}"
    )


def find_warnings(
    fitted: Fitted, figures: Figures, group: str | None, bonafide: Sequence[str]
) -> Iterator[str]:
    """What a reader of the chosen head's figures must know."""
    if (clips := len(fitted.test.truth)) < FEW_TEST_CLIPS:
        yield (
            f"the test set has {clips} clips; below {FEW_TEST_CLIPS} the 95 % interval of the "
            f"accuracy is wide: here {figures.accuracy_low:.1%} to {figures.accuracy_high:.1%}"
        )
    if group is not None and not fitted.folds.by_group:
        yield (
            f"a label has too few values of {group!r} in the training clips, so the heads were "
            "compared on folds that share them; the test is not affected"
        )
    if not converged(fitted.best.classifier):
        yield (
            f"the logistic regression did not converge in {MAX_ITERATIONS} iterations; its figures "
            "hold, more data or fewer labels may do better"
        )
    if not bonafide:
        yield (
            "no label is known to mean a real voice, so the model gives no spoof probability; "
            "name it by --bonafide"
        )


def trainer_versions() -> dict[str, str]:
    """Version of everything that the figures may depend on."""
    return {
        "edge-detect": edge_detect.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in TRAINERS},
    }
