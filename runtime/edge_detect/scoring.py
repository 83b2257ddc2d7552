"""Labelled clips through a detector, under every condition: one score for each."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from edge_detect.audio import check_waveform, load_audio
from edge_detect.conditions import FULL, Condition
from edge_detect.decoded import Waveform
from edge_detect.detection import Detection, Failure
from edge_detect.detector import Detector
from edge_detect.errors import ConditionUnavailable, EdgeDetectError
from edge_detect.evaluation import ScoredClips, log_odds
from edge_detect.evaluation_data import LabelledClip
from edge_detect.manifest import Manifest
from edge_detect.processor import usable_cpus
from edge_detect.workers import answers_in_order

Follow: TypeAlias = Callable[[Sequence[LabelledClip]], Iterable[LabelledClip]]
"""Passes the clips on as they are asked for: a progress bar."""

TOO_SHORT = "too_short"


@dataclass
class Hearing:
    """A clip and what the detector said of it, as the answers come in."""

    clip: LabelledClip
    duration_s: float = 0.0
    """Of the clip as it is."""
    scores: dict[str, float] = field(default_factory=dict)
    """Condition to the natural log-odds of bona fide."""
    unheard: dict[str, str] = field(default_factory=dict)
    """Condition under which there is no score to the reason: `too_short`, or an error's `type`."""
    unchanged: list[str] = field(default_factory=list)
    """Conditions that change nothing of this clip."""
    error: EdgeDetectError | None = None
    """Why the clip can't be judged at all."""


def score_clips(
    detector: Detector,
    clips: Sequence[LabelledClip],
    conditions: Sequence[Condition],
    follow: Follow = iter,
) -> list[Hearing]:
    """The scores of every clip; each is decoded once, and heard through all conditions.

    The first of the conditions is `full`. A clip that can't be judged as it is has an error.

    Raises:
        ConditionUnavailable: an encoder is missing.
    """
    hearings: list[Hearing] = []
    asked: deque[tuple[Hearing, str]] = deque()  # what the detector has and not answered yet

    def heard(clip: LabelledClip) -> tuple[Hearing, list[tuple[str, Waveform]]]:
        hearing = Hearing(clip)
        return hearing, list(hear(hearing, conditions, detector.manifest))

    def sources() -> Iterator[tuple[Waveform, int]]:
        # Coding takes longer than judging.
        for hearing, waveforms in answers_in_order(heard, follow(clips), usable_cpus(), no_stop):
            hearings.append(hearing)
            for name, waveform in waveforms:
                asked.append((hearing, name))
                yield waveform, detector.manifest.sample_rate

    for answer in detector.predict_batch(sources()):
        hearing, name = asked.popleft()
        take(hearing, name, answer, detector.manifest)
    for hearing in hearings:
        for name in hearing.unchanged:
            take_unchanged(hearing, name)
    return hearings


def no_stop() -> None:
    """A clip that is being heard is heard to its end."""


def hear(
    hearing: Hearing, conditions: Sequence[Condition], manifest: Manifest
) -> Iterator[tuple[str, Waveform]]:
    """What the detector is to judge of a clip: the names of the conditions and the waveforms."""
    rate, name = manifest.sample_rate, hearing.clip.name
    try:
        waveform = load_audio(hearing.clip.fetch(), rate)
        check_waveform(waveform, rate, manifest.min_samples, name)
    except EdgeDetectError as error:
        # Frames and causes hold the clip's content: a list of failures would keep it all.
        error.__traceback__ = error.__cause__ = error.__context__ = None
        hearing.error = error
        return
    hearing.duration_s = len(waveform) / rate
    for condition in conditions:
        try:
            heard = condition.hear(waveform, rate)
        except ConditionUnavailable:
            raise
        except EdgeDetectError as error:
            hearing.unheard[condition.name] = error.type
            continue
        if heard is None:
            hearing.unheard[condition.name] = TOO_SHORT
        elif heard is waveform and condition.name != FULL:
            hearing.unchanged.append(condition.name)
        else:
            yield condition.name, heard


def take(hearing: Hearing, name: str, answer: Detection | Failure, manifest: Manifest) -> None:
    """Keep the detector's answer on a clip under a condition."""
    if isinstance(answer, Detection):
        hearing.scores[name] = score_of(answer, manifest)
    elif name == FULL:
        hearing.error = answer.error
    else:
        hearing.unheard[name] = answer.error.type


def take_unchanged(hearing: Hearing, name: str) -> None:
    """Keep what was said of the clip as it is."""
    if FULL in hearing.scores:
        hearing.scores[name] = hearing.scores[FULL]


def score_of(detection: Detection, manifest: Manifest) -> float:
    """The natural log-odds of bona fide."""
    probabilities = detection.probabilities
    bonafide = sum(probabilities[label] for label in manifest.bonafide_labels)
    spoof = sum(p for label, p in probabilities.items() if label not in manifest.bonafide_labels)
    return log_odds(bonafide, spoof)


def scored_under(hearings: Iterable[Hearing], condition: str) -> ScoredClips:
    """The clips that have a score under a condition, as arrays; those with an error are none."""
    heard = [h for h in hearings if h.error is None and condition in h.scores]
    return ScoredClips(
        names=np.array([h.clip.name for h in heard], np.str_),
        scores=np.array([h.scores[condition] for h in heard], np.float64),
        bonafide=np.array([h.clip.bonafide for h in heard], np.bool_),
        origins=np.array([h.clip.origin for h in heard], np.str_),
        languages=np.array([h.clip.language for h in heard], np.str_),
        speakers=np.array([h.clip.speaker for h in heard], np.str_),
        source_clips=np.array([h.clip.source_clip for h in heard], np.str_),
    )
