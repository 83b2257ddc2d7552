"""The trained encoder and its head as a model package: fitted, calibrated, exported."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from clips import Clip
from edge_detect.calibration import (
    choose_band,
    choose_threshold,
    fit_calibration,
    measure_decision,
)
from edge_detect.manifest import Decision
from edge_export import export_package
from encoder import ENCODER_FOLDER, embed, load_encoder
from head import Head, Labelled, Scores, fit_head, labelled
from sources import Label, Split
from views import Features, View, features_of
from waveform import Waveform

NAME = "compact"
LICENCE = "MIT (the model); its training audio keeps the licences listed in the model card"

_FALSE_POSITIVE_RATE = 0.05
"""Wanted of the real speech of every validation source."""
_ERROR_OUTSIDE = 0.01
"""Wanted of either class outside of the inconclusive band."""
_THRESHOLD = 0.5
"""The spoof probability from which on a clip is accused."""
_BORDER = 1e-3
"""In log-odds: the last clip that is not to be accused stays so in the graph's arithmetic too."""
_FIT_STRIDE = 3
"""Every third training clip is plenty for 192 features."""
_MEASURED_ON = "the test rows: generators and sources that neither training nor the threshold met"


def make_package(clips: list[Clip], work: Path) -> Path:
    """Fit the head on frozen embeddings and export it with the encoder, unless that is done;
    returns the package's folder. The exporter fails unless the graphs agree with torch."""
    out = work / "package"
    if not out.exists():
        head, decision = fit_calibrated_head(clips, work)
        head.save(work / ENCODER_FOLDER / "head.joblib")
        export_package(
            encoder=work / ENCODER_FOLDER,
            scaler=head.scaler,
            classifier=head.classifier,
            labels=tuple(map(str, Label)),
            bonafide_labels=(str(Label.BONAFIDE),),
            out=out,
            name=NAME,
            licence=LICENCE,
            source=f"models/{NAME}/recipe",
            decision=decision,
        )
    return out


def fit_calibrated_head(clips: list[Clip], work: Path) -> tuple[Head, Decision]:
    """The head whose odds are calibrated on the validation rows, and what it does to test rows."""
    embeddings = Embeddings(work, encoder_features(work / ENCODER_FOLDER))
    train = [clip for clip in clips if clip.split is Split.TRAIN][::_FIT_STRIDE]
    validation = [clip for clip in clips if clip.split is Split.VALIDATION]
    test = [clip for clip in clips if clip.split is Split.TEST]
    views = [embeddings.of(validation, view) for view in View]
    rows = joined(views)
    origins = [clip.engine_or_source for clip in validation] * len(views)
    head = fit_head(joined([embeddings.of(train, v) for v in (View.FULL, View.AUGMENTED)]), views)
    head, prior = calibrate(head, origins, rows)
    low, high = choose_band(probability(head, rows), rows.spoof, _THRESHOLD, _ERROR_OUTSIDE)
    unseen = embeddings.of(test, View.FULL)
    decision = measure_decision(
        probability(head, unseen), unseen.spoof, _THRESHOLD, low, high, prior, _MEASURED_ON
    )
    return head, decision


def calibrate(head: Head, origins: list[str], rows: Labelled) -> tuple[Head, float]:
    """The head at calibrated odds, and the share of synthetic speech that they assume.

    The share is at most a half, and so low that at even odds no source of `origins` (clips,) has
    more than the wanted share of its real clips accused: the threshold is 0.5 by this choice.
    """
    calibration = fit_calibration(head.spoof_log_odds(rows.features), rows.spoof, 0.5)
    even = head.rescaled(calibration.slope, calibration.intercept)
    probabilities, names = probability(even, rows), np.array(origins)
    least = [
        choose_threshold(probabilities[names == source], _FALSE_POSITIVE_RATE)
        for source in set(names[~rows.spoof])
    ]
    threshold = max(_THRESHOLD, *least)
    shift = math.log(threshold / (1 - threshold)) + _BORDER
    return even.rescaled(1, -shift), 1 / (1 + math.exp(shift))


def probability(head: Head, rows: Labelled) -> Scores:
    """Of a synthetic voice, (clips,)."""
    return 1 / (1 + np.exp(-head.spoof_log_odds(rows.features)))


def joined(rows: list[Labelled]) -> Labelled:
    """All rows of several sets."""
    features = np.concatenate([part.features for part in rows])
    return Labelled(features, np.concatenate([part.spoof for part in rows]))


@dataclass(frozen=True)
class Embeddings:
    """The mean-pooled embeddings of clips."""

    work: Path
    extract: Callable[[Waveform], Features]

    def of(self, clips: list[Clip], view: View) -> Labelled:
        """Those of whole clips under a view."""
        return labelled(clips, features_of(clips, self.work, view, self.extract))


def encoder_features(folder: Path) -> Callable[[Waveform], Features]:
    """The mean-pooled embedding of a saved encoder as a feature extractor."""
    torch.set_num_threads(1)  # clips are embedded side by side
    encoder = load_encoder(folder)
    return lambda waveform: embed(encoder, torch.from_numpy(waveform)).numpy()
