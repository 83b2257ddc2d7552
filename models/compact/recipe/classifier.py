"""The trained encoder and its head as a model package: fitted, calibrated, exported."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from clips import Clip
from edge_detect.calibration import (
    Calibration,
    choose_band,
    choose_threshold,
    fit_calibration,
    measure_decision,
    to_probabilities,
)
from edge_detect.manifest import Decision
from edge_detect.silence import cut_silence
from edge_export import export_package
from encoder import ENCODER_FOLDER, MIN_SAMPLES, embed, load_encoder
from head import Head, Labelled, Scores, engine_error_rates, fit_head, joined, labelled
from sources import Label, Split
from views import Features, View, features_of
from waveform import SAMPLE_RATE, Waveform

_LOG = logging.getLogger("recipe")

NAME = "compact"
LICENCE = "MIT (the model); its training audio keeps the licences listed in the model card"

_FALSE_POSITIVE_RATE = 0.05
"""Wanted of the real speech of every training and validation source."""
_ERROR_OUTSIDE = 0.01
"""Wanted of either class outside of the inconclusive band."""
_THRESHOLD = 0.5
"""The spoof probability from which on a clip is accused."""
_BORDER = 1e-3
"""In log-odds: the last clip that is not to be accused stays so in the graph's arithmetic too."""
_FIT_STRIDE, _COPY_STRIDE = 2, 20
"""Every second training clip is plenty for 192 features. Of copies it is every twentieth: they lie
elsewhere than engines that speak, which many of them would make harder to hear."""
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
            precisions=("fp32", "int8"),
            quality_folder=lay_out(clips, work / "int8-on-validation-rows"),
            licence=LICENCE,
            source=f"models/{NAME}/recipe",
            decision=decision,
            cuts_silence=True,
        )
    return out


def lay_out(clips: list[Clip], folder: Path) -> Path:
    """The validation clips in sub-folders named by label, as the exporter judges int8 on them."""
    shutil.rmtree(folder, ignore_errors=True)
    for label in Label:
        (folder / label).mkdir(parents=True)
    for clip in clips:
        if clip.split is Split.VALIDATION:
            name = clip.path.replace("/", "-")
            (folder / clip.label / name).symlink_to(folder.parent / clip.path)
    return folder


def fit_calibrated_head(clips: list[Clip], work: Path) -> tuple[Head, Decision]:
    """The head whose odds are calibrated on rows that it has not met, of the training rows by heads
    without their engine and source, and what it does to test rows."""
    embeddings = Embeddings(work, encoder_features(work / ENCODER_FOLDER))
    train = fitted_on([clip for clip in clips if clip.split is Split.TRAIN])
    validation = [clip for clip in clips if clip.split is Split.VALIDATION]
    test = [clip for clip in clips if clip.split is Split.TEST]
    fitted = joined([embeddings.of(train, view) for view in (View.FULL, View.AUGMENTED)])
    unmet = joined([embeddings.of(validation, view) for view in View])
    head, left_out = fit_head(fitted)
    rates = engine_error_rates(fitted.spoof, fitted.origins, left_out)
    named = ", ".join(f"{engine} {rate:.1%}" for engine, rate in rates.items())
    _LOG.info("EER of left-out training rows: mean %.1f%%; %s", 100 * fmean(rates.values()), named)
    rows = joined([fitted, unmet])
    log_odds = np.concatenate([left_out, head.spoof_log_odds(unmet.features)])
    line, prior = calibrate(log_odds, rows)
    head = head.rescaled(line.slope, line.intercept)
    probabilities = to_probabilities(line.apply(log_odds))
    low, high = choose_band(probabilities, rows.spoof, _THRESHOLD, _ERROR_OUTSIDE)
    unseen = embeddings.of(test, View.FULL)
    judged = to_probabilities(head.spoof_log_odds(unseen.features))
    decision = measure_decision(judged, unseen.spoof, _THRESHOLD, low, high, prior, _MEASURED_ON)
    return head, decision


def fitted_on(train: list[Clip]) -> list[Clip]:
    """The training clips that the head is fitted on."""
    copies = [clip for clip in train if clip.source_clip]
    others = [clip for clip in train if not clip.source_clip]
    return others[::_FIT_STRIDE] + copies[::_COPY_STRIDE]


def calibrate(log_odds: Scores, rows: Labelled) -> tuple[Calibration, float]:
    """The line to calibrated odds, and the share of synthetic speech that they assume.

    The share is at most a half, and so low that at even odds no source has more than the wanted
    share of its real clips accused: the threshold is 0.5 by this choice.
    """
    even = fit_calibration(log_odds, rows.spoof, 0.5)
    probabilities = to_probabilities(even.apply(log_odds))
    least = [
        choose_threshold(probabilities[rows.origins == source], _FALSE_POSITIVE_RATE)
        for source in set(rows.origins[~rows.spoof])
    ]
    threshold = max(_THRESHOLD, *least)
    shift = math.log(threshold / (1 - threshold)) + _BORDER
    return Calibration(even.slope, even.intercept - shift), 1 / (1 + math.exp(shift))


@dataclass(frozen=True)
class Embeddings:
    """The mean-pooled embeddings of clips."""

    work: Path
    extract: Callable[[Waveform], Features]

    def of(self, clips: list[Clip], view: View) -> Labelled:
        """Those of whole clips under a view."""
        return labelled(clips, features_of(clips, self.work, view, self.extract))


def encoder_features(folder: Path) -> Callable[[Waveform], Features]:
    """The mean-pooled embedding of a saved encoder, without silence, as a feature extractor."""
    torch.set_num_threads(1)  # clips are embedded side by side
    encoder = load_encoder(folder)

    def features(waveform: Waveform) -> Features:
        speech = cut_silence(waveform, SAMPLE_RATE, MIN_SAMPLES)
        return embed(encoder, torch.from_numpy(speech)).numpy()

    return features
