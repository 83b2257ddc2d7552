"""A calibration profile: one model's probabilities and verdict, fitted to a user's own clips."""

import hashlib
import json
import math
import os
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_detect.calibration import Calibration, to_log_odds, to_probabilities
from edge_detect.detection import ModelIdentity
from edge_detect.errors import ProfileInvalid
from edge_detect.manifest import Decision, check_decision_values
from edge_detect.records import InvalidRecord, UnknownKey, build, require

SCHEMA = 1


@dataclass(frozen=True)
class CalibrationProfile:
    """The whole of a profile's JSON; unknown or missing keys are refused."""

    schema: int
    model: ModelIdentity
    """The one it was made for; others are refused."""
    calibration: Calibration
    """From the model's natural log-odds of synthetic speech to true ones."""
    decision: Decision
    """When a verdict changes, by the calibrated spoof probability."""

    @property
    def sha256(self) -> str:
        """Hex digest of the file that `format_profile` makes."""
        return hashlib.sha256(format_profile(self).encode()).hexdigest()

    def apply(
        self, probabilities: dict[str, float], bonafide_labels: Collection[str]
    ) -> dict[str, float]:
        """The probabilities of every class, by label, with the calibrated spoof probability.

        The classes that mean synthetic speech come to it in sum, the others to the rest; within
        both groups their proportions stay.
        """
        bonafide = {k: p for k, p in probabilities.items() if k in bonafide_labels}
        spoof = {k: p for k, p in probabilities.items() if k not in bonafide_labels}
        log_odds = self.calibration.apply(to_log_odds(np.array([sum(spoof.values())])))
        [spoof_sum], [bonafide_sum] = to_probabilities(log_odds), to_probabilities(-log_odds)
        scaled = with_sum(bonafide, float(bonafide_sum)) | with_sum(spoof, float(spoof_sum))
        return {label: scaled[label] for label in probabilities}

    def check_model(self, model: ModelIdentity, bonafide_labels: Collection[str]) -> None:
        """Refuse a model that the profile was not made for.

        Raises:
            ProfileInvalid: another sha256 or precision, or no label means real speech.
        """
        made_for = self.model
        if model.sha256 != made_for.sha256:
            raise ProfileInvalid(
                f"the profile was made for the model {made_for.name!r} with sha256 "
                f"{made_for.sha256[:12]}…, not for {model.name!r} with {model.sha256[:12]}…; "
                "give that model, or make a profile for this one"
            )
        if model.precision != made_for.precision:
            raise ProfileInvalid(
                f"the profile was made for the precision {made_for.precision}, not for "
                f"{model.precision}; give --precision {made_for.precision}"
            )
        if not bonafide_labels:
            raise ProfileInvalid(
                f"the model {model.name!r} does not say which labels mean real speech, so no "
                "profile applies; export it with --bonafide-label"
            )


def with_sum(group: dict[str, float], total: float) -> dict[str, float]:
    """The probabilities of some classes scaled to another sum; equal ones where all are 0."""
    before = sum(group.values())
    if before == 0:
        return dict.fromkeys(group, total / max(1, len(group)))
    return {label: total * (p / before) for label, p in group.items()}


def format_profile(profile: CalibrationProfile) -> str:
    """The text of a profile; `parse_profile` gives the same one back."""
    return json.dumps(asdict(profile), indent=2, ensure_ascii=False) + "\n"


def read_profile(path: str | os.PathLike[str]) -> CalibrationProfile:
    """Read the profile in a file.

    Raises:
        ProfileInvalid: it can't be read, or `parse_profile` refuses it.
    """
    name = os.fspath(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ProfileInvalid(
            f"can't read the profile {name!r}: {error.strerror}; check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ProfileInvalid(
            f"the profile {name!r} is no UTF-8 text; give what edge-detect calibrate wrote"
        ) from error
    return parse_profile(text, name)


def parse_profile(text: str, name: str) -> CalibrationProfile:
    """Read a profile's JSON; `name` is its file in messages.

    Raises:
        ProfileInvalid: no JSON, another schema, an unknown or missing key, or a wrong value.
    """
    try:
        data = json.loads(text)
        check_schema(data)
        profile: CalibrationProfile = build(CalibrationProfile, data, "")
        check(profile)
    except UnknownKey as error:
        raise ProfileInvalid(
            f"the profile {name!r} {error}; remove it, or install the edge-detect that wrote it"
        ) from error
    except InvalidRecord as error:
        raise ProfileInvalid(
            f"the profile {name!r} {error}; make it again with edge-detect calibrate"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ProfileInvalid(
            f"the profile {name!r} is no JSON ({error}); make it again with edge-detect calibrate"
        ) from error
    return profile


def check_schema(data: Any) -> None:
    """Refuse what another version wrote before its keys are looked at; raises InvalidRecord."""
    require(isinstance(data, dict), f"{data!r:.60}, no object")
    schema = data.get("schema")
    require(
        type(schema) is int and schema == SCHEMA,
        f"schema {schema!r}, while this edge-detect reads {SCHEMA}",
    )


def check(profile: CalibrationProfile) -> None:
    """Refuse values that parse and can't be meant; raises InvalidRecord."""
    slope, intercept = profile.calibration.slope, profile.calibration.intercept
    require(0 < slope < math.inf, f"the slope {slope}, not above 0")
    require(math.isfinite(intercept), f"the intercept {intercept}")
    sha256 = profile.model.sha256
    require(re.fullmatch("[0-9a-f]{64}", sha256) is not None, f"no sha256 in hex: {sha256!r:.60}")
    check_decision_values(profile.decision)
