"""The manifest is read strictly."""

import copy
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from edge_detect.errors import InvalidManifest
from edge_detect.manifest import SCHEMA, Graph, Quality, format_manifest, parse_manifest

QUALITY = Quality("speech", 200, 0.998, 0.9995, 0.02, 0.003, 1, 0.0009, 0.0278, 0.101, None)

NEW_KEYS = ("devices", "quality", "speedup", "weights")


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


@pytest.mark.parametrize("schema", [0, 3, "1", "2", 2.5, None])
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


def test_what_a_lower_precision_costs_and_gains(data: dict[str, Any]) -> None:
    quantised = {
        **data["encoders"][0],
        "precision": "int8",
        "devices": ["cpu"],
        "quality": asdict(QUALITY),
        "speedup": {"x86-64 avx2": 1, "x86-64 avx512-vnni": 1.75},
    }
    data["encoders"].append(quantised)
    manifest = parse_manifest(json.dumps(data))
    fp32, int8 = manifest.encoders
    assert (fp32.devices, fp32.quality, fp32.speedup) == (("cpu", "cuda"), None, {})
    assert (int8.devices, int8.quality) == (("cpu",), QUALITY)
    assert int8.speedup == {"x86-64 avx2": 1.0, "x86-64 avx512-vnni": 1.75}
    assert parse_manifest(format_manifest(manifest)) == manifest


def test_a_graph_of_which_only_the_file_is_known() -> None:
    graph = Graph("encoder.onnx", "0" * 64, "fp32", "waveform", "embedding")
    assert (graph.devices, graph.quality, graph.speedup) == (("cpu", "cuda"), None, {})


@pytest.mark.parametrize("key", NEW_KEYS)
def test_schema_2_has_every_key(data: dict[str, Any], key: str) -> None:
    del data["encoders"][0][key]
    with pytest.raises(InvalidManifest, match=f"lacks the key 'encoders\\[0\\].{key}'"):
        parse_manifest(json.dumps(data))


@pytest.mark.parametrize("key", [field.name for field in fields(Quality)])
def test_a_quality_has_every_key(data: dict[str, Any], key: str) -> None:
    quality = asdict(QUALITY)
    del quality[key]
    data["encoders"][0]["quality"] = quality
    with pytest.raises(InvalidManifest, match=f"lacks the key .*{key}"):
        parse_manifest(json.dumps(data))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("devices", []),
        ("devices", ["tpu"]),
        ("devices", "cpu"),
        ("quality", {}),
        ("quality", asdict(QUALITY) | {"clips": 0}),
        ("quality", asdict(QUALITY) | {"flips": 201}),
        ("quality", asdict(QUALITY) | {"cosine_min": None}),
        ("speedup", {"unknown": 0}),
        ("speedup", {"unknown": float("nan")}),
        ("speedup", {"unknown": "fast"}),
        ("speedup", None),
    ],
)
def test_wrong_values_of_a_graph(data: dict[str, Any], key: str, value: object) -> None:
    data["encoders"][0][key] = value
    with pytest.raises(InvalidManifest):
        parse_manifest(json.dumps(data))


def as_schema_1(data: dict[str, Any]) -> dict[str, Any]:
    """The same manifest as the first schema had it."""
    data["schema"] = 1
    for graph in (*data["encoders"], data["classifier"]):
        for key in NEW_KEYS:
            del graph[key]
    return data


def test_schema_1_is_read_as_schema_2(tiny: Path, data: dict[str, Any]) -> None:
    manifest = parse_manifest(json.dumps(as_schema_1(data)))
    assert manifest.schema == SCHEMA == 2
    assert manifest == parse_manifest((tiny / "manifest.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", NEW_KEYS)
def test_schema_1_does_not_know_what_came_later(data: dict[str, Any], key: str) -> None:
    as_schema_1(data)["classifier"][key] = None
    with pytest.raises(InvalidManifest, match=f"unknown key 'classifier.{key}'"):
        parse_manifest(json.dumps(data))


@pytest.mark.parametrize(("key", "value"), [("encoders", {}), ("encoders", [1]), ("classifier", 1)])
def test_wrong_values_of_schema_1(data: dict[str, Any], key: str, value: object) -> None:
    with pytest.raises(InvalidManifest, match="not a"):
        parse_manifest(json.dumps({**as_schema_1(data), key: value}))
