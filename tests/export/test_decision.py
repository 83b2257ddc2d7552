"""The file of a threshold and its measurements: read strictly, refused in one line."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from edge_detect.manifest import Decision
from edge_export import DecisionError
from edge_export.decision import check_fits, read_decision
from tests.runtime.conftest import DECISION

LABELS = ("bonafide", "spoof")


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_a_file(tmp_path: Path) -> None:
    assert read_decision(write(tmp_path / "d.json", asdict(DECISION))) == DECISION
    check_fits(DECISION, LABELS, ("bonafide",))
    check_fits(None, LABELS, ())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], r"d\.json' has \[\], not a dict"),
        ({}, r"d\.json' lacks the key 'threshold'"),
        (asdict(DECISION) | {"treshold": 1}, r"d\.json' has the unknown key 'treshold'"),
        (asdict(DECISION) | {"real_clips": 1.5}, r"d\.json' has 1\.5 at 'real_clips', not a int"),
        (asdict(DECISION) | {"threshold": None}, r"d\.json' has None at 'threshold'"),
    ],
)
def test_a_wrong_file(tmp_path: Path, data: Any, message: str) -> None:
    with pytest.raises(DecisionError, match=message) as caught:
        read_decision(write(tmp_path / "d.json", data))
    assert len(caught.value.message.splitlines()) == 1


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_no_json(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "d.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DecisionError, match="no readable JSON") as caught:
        read_decision(path)
    assert len(caught.value.message.splitlines()) == 1


@pytest.mark.parametrize(
    ("decision", "bonafide", "message"),
    [
        (replace(DECISION, threshold=2.0), ("bonafide",), "the threshold 2.0"),
        (DECISION, (), "no label means bona fide"),
        (DECISION, LABELS, "every label means bona fide"),
    ],
)
def test_one_that_the_model_can_not_have(
    decision: Decision, bonafide: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DecisionError, match=message):
        check_fits(decision, LABELS, bonafide)
