"""The manifest is read strictly."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from edge_detect.errors import InvalidManifest
from edge_detect.manifest import format_manifest, parse_manifest


@pytest.fixture
def data(tiny: Path) -> dict[str, Any]:
    """The tiny package's manifest as plain JSON, a fresh copy for each test."""
    parsed: dict[str, Any] = json.loads((tiny / "manifest.json").read_text(encoding="utf-8"))
    return copy.deepcopy(parsed)


def test_round_trip(tiny: Path) -> None:
    text = (tiny / "manifest.json").read_text(encoding="utf-8")
    assert format_manifest(parse_manifest(text)) == text


def test_values(tiny: Path) -> None:
    manifest = parse_manifest((tiny / "manifest.json").read_text(encoding="utf-8"))
    assert manifest.labels == ("bonafide", "spoof")
    assert manifest.encoders[0].precision == "fp32"
    assert len(manifest.golden[0].embedding) == manifest.hidden_size == 8


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000])
def test_no_json_object(text: str) -> None:
    with pytest.raises(InvalidManifest, match=r"manifest\.json"):
        parse_manifest(text)


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_another_schema(data: dict[str, Any], schema: object) -> None:
    with pytest.raises(InvalidManifest, match="schema"):
        parse_manifest(json.dumps({**data, "schema": schema}))


def test_unknown_keys_are_named(data: dict[str, Any]) -> None:
    data["classifier"]["colour"] = "red"
    with pytest.raises(InvalidManifest, match=r"unknown key 'classifier\.colour'"):
        parse_manifest(json.dumps(data))


@pytest.mark.parametrize("key", ["labels", "encoders", "licence", "parity", "sample_rate"])
def test_missing_keys_are_named(data: dict[str, Any], key: str) -> None:
    del data[key]
    with pytest.raises(InvalidManifest, match=f"lacks the key '{key}'"):
        parse_manifest(json.dumps(data))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sample_rate", "16000"),
        ("sample_rate", True),
        ("sample_rate", 0),
        ("min_samples", -1),
        ("labels", ["bonafide"]),
        ("labels", ["spoof", "spoof"]),
        ("labels", "bonafide"),
        ("labels", [1, 2]),
        ("bonafide_labels", ["human"]),
        ("encoders", []),
        ("classifier", None),
        ("versions", {"torch": 2}),
    ],
)
def test_wrong_values(data: dict[str, Any], key: str, value: object) -> None:
    with pytest.raises(InvalidManifest):
        parse_manifest(json.dumps({**data, key: value}))


@pytest.mark.parametrize("file", ["/etc/passwd", "../encoder.onnx", "a/../../b", "", "a\\b"])
def test_files_outside_of_the_package(data: dict[str, Any], file: str) -> None:
    data["encoders"][0]["file"] = file
    with pytest.raises(InvalidManifest, match="outside"):
        parse_manifest(json.dumps(data))


def test_two_graphs_of_one_precision(data: dict[str, Any]) -> None:
    data["encoders"] *= 2
    with pytest.raises(InvalidManifest, match="twice"):
        parse_manifest(json.dumps(data))
