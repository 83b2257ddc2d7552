"""How well a model tells real speech from synthetic, on labelled clips under every condition."""

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import av
import numpy as np
import soundfile
import soxr

from edge_detect import __version__
from edge_detect.conditions import ALL, FULL, Condition, check_conditions, choose_conditions
from edge_detect.detector import Detector
from edge_detect.errors import DatasetError
from edge_detect.evaluation import (
    RESAMPLES,
    Operation,
    count_flips,
    evaluate_scores,
    shipped_operation,
    shipped_threshold,
)
from edge_detect.evaluation_data import EvaluationData, read_data
from edge_detect.evaluation_report import (
    SCHEMA,
    ClipRecord,
    ConditionReport,
    EvaluationReport,
    NotUsed,
    Threshold,
)
from edge_detect.rates import ASVSPOOF_5, CONFIDENCE
from edge_detect.scoring import Follow, Hearing, score_clips, scored_under
from edge_detect.session import ONNXRUNTIME_VERSION


def evaluate(
    detector: Detector,
    data: str,
    *,
    conditions: Iterable[str] = (ALL,),
    bonafide_labels: Sequence[str] = (),
    seed: int = 0,
    follow: Follow = iter,
) -> EvaluationReport:
    """Judge every clip of DATA under every condition, and measure the detector by its labels.

    `data` and `bonafide_labels` are those of `evaluation_data.read_data`, `conditions` are names of
    `conditions.CONDITIONS` or "all"; `follow` passes the clips on, a progress bar for example.
    Clips that can't be judged are in the report's `failures`.

    Raises:
        DatasetError: DATA can't be read, a label isn't known, or a class has no clip.
        ConditionUnavailable: there is no such condition, or its encoder is missing.
        ModelError: the model doesn't say which of its labels mean real speech.
    """
    chosen = choose_conditions(conditions)
    found = read_data(data, detector.manifest, bonafide_labels)
    check_classes(found)
    check_conditions(chosen, detector.manifest.sample_rate)
    hearings = score_clips(detector, found.clips, chosen, follow)
    operation = shipped_operation(detector.manifest)
    return EvaluationReport(
        schema=SCHEMA,
        data=data,
        model=detector.model,
        device=detector.device,
        threshold=Threshold(
            shipped_threshold(detector.manifest), operation.threshold, operation.prior_log_odds
        ),
        dcf=ASVSPOOF_5,
        confidence=CONFIDENCE,
        resamples=RESAMPLES,
        seed=seed,
        versions=versions(),
        conditions=tuple(report_condition(hearings, one, operation, seed) for one in chosen),
        failures=tuple(failures(hearings)),
        left_out=tuple(NotUsed(e.name, e.reason, e.message) for e in found.left_out),
        clips=tuple(clip_record(hearing) for hearing in hearings if hearing.error is None),
    )


def check_classes(data: EvaluationData) -> None:
    """Refuse clips of one class before they are judged; raises DatasetError."""
    real = sum(clip.bonafide for clip in data.clips)
    for name, count in (("real", real), ("synthetic", len(data.clips) - real)):
        if not count:
            raise DatasetError(f"there is no {name} clip to compare with; give clips of both kinds")


def report_condition(
    hearings: Sequence[Hearing], condition: Condition, operation: Operation, seed: int
) -> ConditionReport:
    """The figures of the clips under one condition."""
    clips = scored_under(hearings, condition.name)
    full = scored_under(hearings, FULL)
    judged = [hearing for hearing in hearings if hearing.error is None]
    left_out = Counter(
        hearing.unheard[condition.name] for hearing in judged if condition.name in hearing.unheard
    )
    compared = condition.name != FULL and len(clips.names) > 0
    both = bool(clips.bonafide.any()) and not bool(clips.bonafide.all())
    return ConditionReport(
        name=condition.name,
        kind=condition.kind,
        title=condition.title,
        left_out=dict(left_out),
        flips=count_flips(full, clips, operation, seed=seed) if compared else None,
        evaluation=evaluate_scores(clips, operation, seed=seed) if both else None,
    )


def failures(hearings: Iterable[Hearing]) -> Iterator[NotUsed]:
    """The clips that could not be judged."""
    for hearing in hearings:
        if (error := hearing.error) is not None:
            name = hearing.clip.name
            message = error.message.replace("'<waveform>'", repr(name))
            yield NotUsed(name, error.type, message if name in message else f"{name!r}: {message}")


def clip_record(hearing: Hearing) -> ClipRecord:
    """What the report keeps of a clip."""
    clip = hearing.clip
    return ClipRecord(
        name=clip.name,
        label=clip.label,
        bonafide=clip.bonafide,
        origin=clip.origin,
        language=clip.language,
        speaker=clip.speaker,
        source_clip=clip.source_clip,
        duration_s=hearing.duration_s,
        scores=hearing.scores,
        unheard=hearing.unheard,
    )


def versions() -> dict[str, str]:
    """Of everything that the figures may depend on."""
    return {
        "edge-detect": __version__,
        "python": platform.python_version(),
        "onnxruntime": ONNXRUNTIME_VERSION,
        "numpy": np.__version__,
        "soxr": soxr.__version__,
        "soundfile": soundfile.__version__,
        "libsndfile": soundfile.__libsndfile_version__,
        "av": av.__version__,
    }
