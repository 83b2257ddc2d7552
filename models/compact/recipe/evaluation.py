"""The figures of the model and of the trivial baseline, per engine, per source and per band."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baseline import channel_features
from clips import Clip
from encoder import ENCODER_FOLDER, embed, load_encoder
from head import Head, Labelled, fit_head, labelled, load_head
from metrics import Figures, Scores, figures
from sources import Label, Split
from views import EVALUATED, Features, View, features_of
from waveform import Waveform

POOLED = "pooled"
_HEAD = "head.joblib"


@dataclass(frozen=True)
class Row:
    """One line of the report."""

    detector: str
    """"compact" or "baseline"."""
    split: Split
    view: View
    against: str
    """"pooled"; an engine, which is compared with all real clips of the split; or a real source,
    which is compared with all its synthetic clips."""
    figures: Figures


def encoder_features(folder: Path) -> Callable[[Waveform], Features]:
    """The mean-pooled embedding of a saved encoder as a feature extractor."""
    encoder = load_encoder(folder)
    return lambda waveform: embed(encoder, torch.from_numpy(waveform)).numpy()


def fit_classifier(clips: list[Clip], work: Path) -> Head:
    """The head on frozen embeddings of the training rows, as they are and augmented."""
    path = work / ENCODER_FOLDER / _HEAD
    if not path.exists():
        extract = encoder_features(work / ENCODER_FOLDER)
        train = _split(clips, Split.TRAIN)
        views = (View.FULL, View.AUGMENTED)
        stacked = np.concatenate([features_of(train, work, view, extract) for view in views])
        validation = [_labelled(clips, work, Split.VALIDATION, view, extract) for view in EVALUATED]
        fit_head(labelled(train * len(views), stacked), validation).save(path)
    return load_head(path)


def evaluate(clips: list[Clip], work: Path, head: Head) -> list[Row]:
    """All figures; the test rows are used here and nowhere else."""
    path = work / "metrics.json"
    if not path.exists():
        rows = [*_model_rows(clips, work, head), *_baseline_rows(clips, work)]
        path.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return [_from_json(item) for item in json.loads(path.read_text())]


def _model_rows(clips: list[Clip], work: Path, head: Head) -> Iterator[Row]:
    extract = encoder_features(work / ENCODER_FOLDER)
    for view in EVALUATED:
        yield from _rows("compact", clips, work, view, extract, head)


def _baseline_rows(clips: list[Clip], work: Path) -> Iterator[Row]:
    """The baseline is fitted anew for each band on training rows of that band: its best case."""
    for view in EVALUATED:
        train = _labelled(clips, work, Split.TRAIN, view, channel_features)
        validation = _labelled(clips, work, Split.VALIDATION, view, channel_features)
        head = fit_head(train, [validation])
        yield from _rows("baseline", clips, work, view, channel_features, head)


def _rows(
    detector: str,
    clips: list[Clip],
    work: Path,
    view: View,
    extract: Callable[[Waveform], Features],
    head: Head,
) -> Iterator[Row]:
    for split in (Split.VALIDATION, Split.TEST):
        rows = _split(clips, split)
        scores = head.bonafide_probability(features_of(rows, work, view, extract))
        for against, real, spoof in _comparisons(rows, scores):
            yield Row(detector, split, view, against, figures(real, spoof))


def _comparisons(clips: list[Clip], scores: Scores) -> Iterator[tuple[str, Scores, Scores]]:
    spoof = np.array([clip.label is Label.SPOOF for clip in clips])
    origins = np.array([clip.engine_or_source for clip in clips])
    yield POOLED, scores[~spoof], scores[spoof]
    for engine in np.unique(origins[spoof]):
        yield str(engine), scores[~spoof], scores[origins == engine]
    for source in np.unique(origins[~spoof]):
        yield str(source), scores[origins == source], scores[spoof]


def _labelled(
    clips: list[Clip],
    work: Path,
    split: Split,
    view: View,
    extract: Callable[[Waveform], Features],
) -> Labelled:
    rows = _split(clips, split)
    return labelled(rows, features_of(rows, work, view, extract))


def _split(clips: list[Clip], split: Split) -> list[Clip]:
    return [clip for clip in clips if clip.split is split]


def _from_json(item: dict[str, Any]) -> Row:
    return Row(
        detector=item["detector"],
        split=Split(item["split"]),
        view=View(item["view"]),
        against=item["against"],
        figures=Figures(**item["figures"]),
    )
