"""The verdict: by a model's own threshold and inconclusive band, or none."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_detect import Detection, Detector
from edge_detect.detection import verdict_of
from edge_detect.output import Format, write_results
from edge_detect.precision import Choice
from edge_detect.store import open_package
from edge_detect.summary import summarise
from tests.runtime.conftest import DECISION

Decided = Callable[..., Path]


@pytest.mark.parametrize(
    ("low", "threshold", "high", "probability", "verdict"),
    [
        (0.2, 0.5, 0.8, 0.0, "bonafide"),
        (0.2, 0.5, 0.8, 0.2, "bonafide"),
        (0.2, 0.5, 0.8, 0.20001, "inconclusive"),
        (0.2, 0.5, 0.8, 0.5, "inconclusive"),
        (0.2, 0.5, 0.8, 0.79999, "inconclusive"),
        (0.2, 0.5, 0.8, 0.8, "spoof"),
        (0.2, 0.5, 0.8, 1.0, "spoof"),
        (0.5, 0.5, 0.5, 0.49999, "bonafide"),
        (0.5, 0.5, 0.5, 0.5, "spoof"),
        (0.5, 0.5, 0.8, 0.5, "spoof"),
        (0.5, 0.5, 0.8, 0.50001, "inconclusive"),
        (0.2, 0.5, 0.5, 0.49999, "inconclusive"),
        (0.2, 0.5, 0.5, 0.5, "spoof"),
        (0.9, 0.9, 0.9, 0.6, "bonafide"),
    ],
)
def test_at_the_borders(
    low: float, threshold: float, high: float, probability: float, verdict: str
) -> None:
    decision = replace(DECISION, inconclusive_low=low, threshold=threshold, inconclusive_high=high)
    assert verdict_of(probability, decision) == verdict


# The tiny package, whose most probable class is spoof, and the speech: 0.86.
@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "spoof"),
        ({"inconclusive_high": 0.95}, "inconclusive"),
        ({"inconclusive_low": 0.95, "threshold": 0.95, "inconclusive_high": 0.95}, "bonafide"),
    ],
)
def test_a_detection(
    decided: Decided, speech_path: Path, changes: dict[str, float], verdict: str
) -> None:
    detection = Detector.load(decided(**changes), device="cpu").predict(speech_path)
    assert 0.8 < detection.confidence < 0.95
    assert (detection.label, detection.verdict) == ("spoof", verdict)
    assert detection.to_dict()["verdict"] == verdict


def test_a_model_without_a_decision_gives_none(tiny: Path, speech_path: Path) -> None:
    assert Detector.load(tiny, device="cpu").predict(speech_path).verdict is None


@pytest.fixture
def unsure(decided: Decided, speech_path: Path) -> Detection:
    """An inconclusive one."""
    return Detector.load(decided(inconclusive_high=0.95), device="cpu").predict(speech_path)


def written(detection: Detection, form: Format) -> str:
    """What the command would print."""
    out = io.StringIO()
    write_results([detection], tuple(detection.probabilities), form, out)
    return out.getvalue()


def test_the_table_has_a_column_for_it_where_there_is_one(unsure: Detection) -> None:
    header, row = written(unsure, "table").splitlines()
    assert header.split() == ["file", "verdict", "label", "confidence", "duration"]
    assert row.split()[1:] == ["inconclusive", "spoof", f"{unsure.confidence:.1%}", "5.30", "s"]
    header, row = written(replace(unsure, verdict=None), "table").splitlines()
    assert header.split() == ["file", "label", "confidence", "duration"]
    assert len(row.split()) == 5


@pytest.mark.parametrize(("verdict", "cell"), [("inconclusive", "inconclusive"), (None, "")])
def test_every_other_form_has_it_always(unsure: Detection, verdict: Any, cell: str) -> None:
    detection = replace(unsure, verdict=verdict)
    [row] = csv.DictReader(io.StringIO(written(detection, "csv")))
    assert row["verdict"] == cell
    assert json.loads(written(detection, "jsonl"))["verdict"] == verdict
    report = json.loads(written(detection, "json"))
    assert (report["schema"], report["results"][0]["verdict"]) == (1, verdict)


def shown(folder: Path) -> dict[str, str]:
    """What `models show` says of a package."""
    return dict(summarise(open_package(folder), Choice("fp32", "fp32: …", "cpu")))


def test_models_show(decided: Decided) -> None:
    rows = shown(decided())
    assert rows["verdict"] == (
        "spoof from a spoof probability of 0.5 on, which assumes 50% synthetic speech"
    )
    assert rows["inconclusive"] == "between 0.2 and 0.8"
    assert rows["verdict measured"] == "on 150 real and 50 synthetic clips: speech"
    assert rows["accused"] == "1.00% (95 % interval 0.00% to 3.62%) of the real clips"
    assert rows["missed"] == "10.00% (95 % interval 4.35% to 21.36%) of the synthetic clips"
    assert rows["wrong if conclusive"] == (
        "2.50% (95 % interval 1.00% to 6.00%); 20.00% of all clips are inconclusive"
    )
    assert rows["Cllr"] == "0.250 bits"


def test_models_show_without_a_band_or_a_decision(decided: Decided, tiny: Path) -> None:
    assert shown(decided(inconclusive_low=0.5, inconclusive_high=0.5))["inconclusive"] == "never"
    assert shown(tiny)["verdict"] == "not stated"
    assert "inconclusive" not in shown(tiny)
