"""What `edge-detect calibrate` fitted and measured, as a table or JSON."""

import json
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from edge_detect.calibration_profile import CalibrationProfile
from edge_detect.detection import Failure
from edge_detect.summary import decision_rows

SCHEMA = 1


@dataclass(frozen=True)
class CalibrationReport:
    """The profile, and what it rests on."""

    profile: CalibrationProfile
    failures: tuple[Failure, ...]
    """Clips without a score, which have no part in it."""
    wanted_false_positive_rate: float
    """Share of the real clips that may be accused, 0 to 1."""
    equal_error_rate: float
    """0 to 1; calibration doesn't change it."""
    cllr_before: float
    """Cost in bits of the model's own probabilities."""

    def to_dict(self) -> dict[str, Any]:
        """The record of the command's JSON."""
        failures = [failure.to_dict() for failure in self.failures]
        return {"schema": SCHEMA, **asdict(self), "failures": failures}


def write_json(report: CalibrationReport, out: TextIO) -> None:
    """All of it."""
    json.dump(report.to_dict(), out, indent=2)
    out.write("\n")


def write_table(report: CalibrationReport, out: TextIO) -> None:
    """A title and a text a line, as `models show` has them."""
    rows = report_rows(report)
    width = max(len(title) for title, _ in rows)
    for title, text in rows:
        out.write(f"{title:<{width}}  {text}\n")


def report_rows(report: CalibrationReport) -> list[tuple[str, str]]:
    """The clips, how well the scores tell them apart, and the decision as it was measured."""
    model, decision = report.profile.model, report.profile.decision
    return [
        ("model", f"{model.name}, {model.precision}, sha256 {model.sha256}"),
        ("clips", f"{decision.real_clips} real, {decision.spoof_clips} synthetic"),
        ("failures", str(len(report.failures))),
        ("wanted", f"at most {report.wanted_false_positive_rate:.2%} of the real clips accused"),
        ("EER", f"{report.equal_error_rate:.2%}"),
        ("Cllr before", f"{report.cllr_before:.3f} bits"),
        *decision_rows(decision),
    ]
