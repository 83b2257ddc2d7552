"""How well scores tell real speech from synthetic: pooled, and by engine, source and language.

Pure functions of arrays, for whatever detector gave the scores.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from edge_detect.errors import DatasetError
from edge_detect.manifest import Manifest
from edge_detect.rates import CONFIDENCE, Mask, Scores, check_scores, cllr, det_curve
from edge_detect.resampling import DrawnBy, Names, Units, find_units

RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class ScoredClips:
    """Clips and what a detector said of them; every array is (clips,), a text empty if unknown."""

    names: Names
    """Unique."""
    scores: Scores
    """Natural log-odds of bona fide: higher means bona fide."""
    bonafide: Mask
    """Which are real speech."""
    origins: Names
    """The source of a real clip, the engine of a synthetic one."""
    languages: Names
    speakers: Names
    source_clips: Names
    """Name of the clip that a copy was made from."""

    def select(self, clips: Mask) -> "ScoredClips":
        """Those clips."""
        return ScoredClips(*(getattr(self, field.name)[clips] for field in fields(self)))

    def units(self) -> Units:
        """What is resampled together: a speaker, else a source or an engine; copies with theirs."""
        spoken = np.char.add(np.char.add(self.origins, " / "), self.speakers)
        groups = np.where(self.speakers == "", self.origins, spoken)
        group_of = dict(zip(self.names.tolist(), groups.tolist(), strict=True))
        originals = np.where(self.source_clips == "", self.names, self.source_clips)
        kept = [
            group_of.get(original, group)
            for original, group in zip(originals.tolist(), groups.tolist(), strict=True)
        ]
        return find_units(self.bonafide, np.array(kept, np.str_), originals)


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Rates:
    """The figures; None where the clips are of one class and the figure needs both."""

    eer: Estimate | None
    """Equal error rate, 0 to 1."""
    auc: Estimate | None
    """Area under the ROC curve, 0 to 1."""
    min_dcf: Estimate | None
    """Lowest normalised detection cost; 1 is the best constant verdict's."""
    cllr: Estimate | None
    """Cost of the log-likelihood ratios in bits; 1 is that of saying nothing."""
    false_positive_rate: Estimate | None
    """Share of the real clips accused at the shipped threshold, 0 to 1."""
    miss_rate: Estimate | None
    """Share of the synthetic clips that pass at the shipped threshold, 0 to 1."""


@dataclass(frozen=True)
class Figures:
    """How well some real clips are told from some synthetic ones."""

    real_clips: int
    spoof_clips: int
    real_drawn: DrawnBy | None
    """What the intervals resample; None where there is no real clip."""
    spoof_drawn: DrawnBy | None
    """None where there is no synthetic clip."""
    eer_threshold: float | None
    """Score at which the equal error rate is reached; None where a class is missing."""
    rates: Rates


@dataclass(frozen=True)
class Evaluation:
    """All figures of one set of clips."""

    pooled: Figures
    """All real clips against all synthetic ones."""
    mean_over_engines: Rates | None
    """Mean of the figures of `engines`, each counted the same; None where none is known."""
    engines: dict[str, Figures]
    """An engine's clips against all real clips."""
    sources: dict[str, Figures]
    """A source's clips against all synthetic clips."""
    languages: dict[str, Figures]
    """A language's clips among themselves, which may be of one class."""


@dataclass(frozen=True)
class Flips:
    """Verdicts that a condition changes."""

    clips: int
    """Clips that were judged both as they are and under the condition."""
    flips: int
    """Those whose verdict at the shipped threshold differs."""
    rate: Estimate
    """Their share, 0 to 1."""


@dataclass(frozen=True)
class Operation:
    """Where a model's verdict turns, and what its probabilities assume."""

    threshold: float = 0.0
    """Score (log-odds of bona fide) on which, and below which, a clip is accused."""
    prior_log_odds: float = 0.0
    """Natural log-odds of bona fide before anything is heard, which Cllr takes off the scores."""


def log_odds(bonafide: float, spoof: float) -> float:
    """Natural log-odds of bona fide, finite even where a float32 probability has become 0."""
    least = float(np.finfo(np.float32).tiny)
    return math.log(max(bonafide, least)) - math.log(max(spoof, least))


def shipped_threshold(manifest: Manifest) -> float:
    """The spoof probability from which on a model's decision accuses; 0.5 where it has none."""
    return manifest.decision.threshold if manifest.decision else 0.5


def shipped_operation(manifest: Manifest) -> Operation:
    """The threshold and the prior of a model's decision; equal odds where it has none."""
    threshold = shipped_threshold(manifest)
    prior = manifest.decision.spoof_prior if manifest.decision else 0.5
    return Operation(log_odds(1 - threshold, threshold), log_odds(1 - prior, prior))


def evaluate_scores(
    clips: ScoredClips,
    operation: Operation = Operation(),
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """All figures of scored clips; the same seed gives the same intervals.

    Raises:
        DatasetError: a class has no clip, or a score is not finite.
    """
    check_scores(clips.bonafide, clips.scores)
    judge = Judge(operation, seed, resamples)
    real, origins = clips.bonafide, clips.origins
    engines = {
        engine: judge.sample(clips.select(real | (origins == engine)))
        for engine in known(origins[~real])
    }
    return Evaluation(
        pooled=judge.figures(clips),
        mean_over_engines=mean_rates([sample for _, sample in engines.values()]),
        engines={engine: figures for engine, (figures, _) in engines.items()},
        sources={
            source: judge.figures(clips.select(~real | (origins == source)))
            for source in known(origins[real])
        },
        languages={
            language: judge.figures(clips.select(clips.languages == language))
            for language in known(clips.languages)
        },
    )


def count_flips(
    before: ScoredClips,
    after: ScoredClips,
    operation: Operation = Operation(),
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Flips:
    """How many verdicts differ; every clip of `after` is one of `before`, by its name.

    Raises:
        DatasetError: `after` has no clip, or one that `before` hasn't.
    """
    scores = dict(zip(before.names.tolist(), before.scores.tolist(), strict=True))
    if not len(after.names) or not scores.keys() >= set(after.names.tolist()):
        raise DatasetError("there are no two verdicts on the same clips to compare; score both")
    earlier = np.array([scores[name] for name in after.names.tolist()])
    flipped = (earlier <= operation.threshold) != (after.scores <= operation.threshold)
    every = np.ones(len(flipped), bool)
    drawn = after.units().weights(seed, resamples)
    samples = np.concatenate([share(flipped, every, weights) for weights in drawn])
    rate = Sampled(float(flipped.mean()), samples)
    return Flips(len(flipped), int(flipped.sum()), rate.estimate())


@dataclass(frozen=True, eq=False)
class Sampled:
    """A figure, and what it comes to in each resample."""

    value: float
    samples: Scores
    """(resamples,)"""

    def estimate(self) -> Estimate:
        """With its percentile interval."""
        tail = 100 * (1 - CONFIDENCE) / 2
        low, high = np.percentile(self.samples, (tail, 100 - tail))
        return Estimate(self.value, float(low), float(high))


@dataclass(frozen=True)
class Judge:
    """Measures clips under one operation, each figure with its interval."""

    operation: Operation
    seed: int
    resamples: int

    def figures(self, clips: ScoredClips) -> Figures:
        """The figures of clips of one class or both."""
        figures, _ = self.sample(clips)
        return figures

    def sample(self, clips: ScoredClips) -> tuple[Figures, dict[str, Sampled]]:
        """The same, and each figure's values in the resamples."""
        real, units = clips.bonafide, clips.units()
        values = self.measure(clips, np.ones(len(real)))
        blocks = [self.measure(clips, w) for w in units.weights(self.seed, self.resamples)]
        sampled = {
            name: Sampled(float(value), np.concatenate([block[name] for block in blocks]))
            for name, value in values.items()
        }
        threshold = sampled.pop("eer_threshold", None)
        figures = Figures(
            real_clips=int(real.sum()),
            spoof_clips=int((~real).sum()),
            real_drawn=units.drawn_by(real) if real.any() else None,
            spoof_drawn=units.drawn_by(~real) if not real.all() else None,
            eer_threshold=threshold.value if threshold else None,
            rates=to_rates(sampled),
        )
        return figures, sampled

    def measure(self, clips: ScoredClips, weights: Scores) -> dict[str, Scores]:
        """Each figure (...,) for weights (..., clips), as far as the classes there allow."""
        real, scores = clips.bonafide, clips.scores
        accused = scores <= self.operation.threshold
        found: dict[str, Scores] = {}
        if real.any():
            found["false_positive_rate"] = share(accused, real, weights)
        if not real.all():
            found["miss_rate"] = share(~accused, ~real, weights)
        if len(found) == 2:
            curve = det_curve(real, scores, weights)
            found["eer"], found["eer_threshold"] = curve.equal_error_rates()
            found["auc"], found["min_dcf"] = curve.areas(), curve.min_costs()
            found["cllr"] = cllr(real, scores - self.operation.prior_log_odds, weights)
        return found


def share(counted: Mask, among: Mask, weights: Scores) -> Scores:
    """The weighted share (...,) of clips among others, for weights (..., clips)."""
    shares: Scores = weights @ (counted & among).astype(float) / (weights @ among.astype(float))
    return shares


def to_rates(sampled: dict[str, Sampled]) -> Rates:
    """Figures with their intervals; None for those that are not there."""
    return Rates(
        **{
            field.name: sampled[field.name].estimate() if field.name in sampled else None
            for field in fields(Rates)
        }
    )


def mean_rates(sampled: list[dict[str, Sampled]]) -> Rates | None:
    """The mean of each figure over several sets of clips, resample by resample."""
    if not sampled:
        return None
    return to_rates(
        {
            name: Sampled(
                float(np.mean([one[name].value for one in sampled])),
                np.mean([one[name].samples for one in sampled], axis=0),
            )
            for name in sampled[0]
        }
    )


def known(texts: Names) -> Iterator[str]:
    """Each text once, in order; the empty one is none."""
    return (text for text in np.unique(texts).tolist() if text)
