"""The manifest is read strictly."""

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from edge_detect.errors import InvalidManifest
from edge_detect.manifest import (
    Decision,
    Graph,
    Quality,
    Recorded,
    format_manifest,
    parse_manifest,
    read_manifest,
)
from edge_detect.schemas import SCHEMA
from tests.runtime.conftest import DECISION

QUALITY = Quality("speech", 200, 0.998, 0.9995, 0.02, 0.003, 1, 0.0009, 0.0278, 0.101, None)

RECORDED = Recorded("golden/int8.f32", "0" * 64, "x86-64 avx2", 8000, (0, 2222))

NEW_KEYS = ("devices", "quality", "speedup", "weights")


@pytest.fixture
def data(tiny: Path) -> dict[str, Any]:
    """The tiny package's manifest as plain JSON of the newest schema."""
    parsed: dict[str, Any] = json.loads(format_manifest(read_manifest(tiny)))
    return parsed


@pytest.mark.parametrize("decision", [None, DECISION])
def test_round_trip(tiny: Path, decision: Decision | None) -> None:
    manifest = replace(read_manifest(tiny), decision=decision)
    assert parse_manifest(format_manifest(manifest)) == manifest


def test_values(tiny: Path) -> None:
    manifest = parse_manifest((tiny / "manifest.json").read_text(encoding="utf-8"))
    assert manifest.labels == ("bonafide", "spoof")
    assert manifest.encoders[0].precision == "fp32"
    assert len(manifest.golden[0].embedding) == manifest.hidden_size == 8


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000])
def test_no_json_object(text: str) -> None:
    with pytest.raises(InvalidManifest, match=r"manifest\.json"):
        parse_manifest(text)


@pytest.mark.parametrize("schema", [0, 7, True, "1", "6", 2.5, None])
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


def test_what_a_lower_precision_answered(data: dict[str, Any]) -> None:
    data["encoders"][0]["recorded"] = asdict(RECORDED)
    manifest = parse_manifest(json.dumps(data))
    assert manifest.encoders[0].recorded == RECORDED
    assert parse_manifest(format_manifest(manifest)) == manifest


@pytest.mark.parametrize("key", [*NEW_KEYS, "recorded"])
def test_a_graph_has_every_key(data: dict[str, Any], key: str) -> None:
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
        ("recorded", {}),
        ("recorded", asdict(RECORDED) | {"samples": 0}),
        ("recorded", asdict(RECORDED) | {"starts": []}),
        ("recorded", asdict(RECORDED) | {"starts": [0, -1]}),
        ("recorded", asdict(RECORDED) | {"starts": 0}),
        ("recorded", asdict(RECORDED) | {"sha256": "0"}),
        ("recorded", asdict(RECORDED) | {"file": "../int8.f32"}),
        ("recorded", asdict(RECORDED) | {"colour": "red"}),
    ],
)
def test_wrong_values_of_a_graph(data: dict[str, Any], key: str, value: object) -> None:
    data["encoders"][0][key] = value
    with pytest.raises(InvalidManifest):
        parse_manifest(json.dumps(data))


def test_a_decision(data: dict[str, Any]) -> None:
    manifest = parse_manifest(json.dumps({**data, "decision": asdict(DECISION)}))
    assert manifest.decision == DECISION
    no_band = asdict(DECISION) | {"inconclusive_low": 0.5, "inconclusive_high": 0.5}
    assert parse_manifest(json.dumps({**data, "decision": no_band})).decision is not None


@pytest.mark.parametrize("key", [field.name for field in fields(Decision)])
def test_a_decision_has_every_key(data: dict[str, Any], key: str) -> None:
    decision = asdict(DECISION)
    del decision[key]
    with pytest.raises(InvalidManifest, match=rf"lacks the key 'decision\.{key}'"):
        parse_manifest(json.dumps({**data, "decision": decision}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": float("nan")}, "the threshold nan, not within 0.2 to 0.8"),
        ({"threshold": 0.1}, "the threshold 0.1, not within 0.2 to 0.8"),
        ({"threshold": 0.9}, "the threshold 0.9, not within 0.2 to 0.8"),
        ({"threshold": 10**400}, r"at .decision\.threshold., too large a number"),
        ({"threshold": "0.5"}, "'0.5' at 'decision.threshold', not a float"),
        ({"inconclusive_low": -0.1}, "threshold"),
        ({"inconclusive_high": 1.1}, "threshold"),
        ({"inconclusive_high": float("inf")}, "threshold"),
        ({"spoof_prior": 0}, "the prior 0"),
        ({"spoof_prior": 1}, "the prior 1"),
        ({"data": " "}, "the name of its data"),
        ({"real_clips": 0}, "0 clips of a class"),
        ({"spoof_clips": -1}, "-1 clips of a class"),
        ({"false_positive_rate": 0.2}, "the false positive rate 0.2, not within 0.0 to 0.0362"),
        ({"miss_rate_high": 1.5}, "the miss rate"),
        ({"error_rate_outside_low": 0.5}, "the error rate outside of the band"),
        ({"inconclusive_rate": -0.1}, "the rate of inconclusive clips"),
        ({"cllr": -0.1}, "the Cllr"),
        ({"cllr": float("inf")}, "the Cllr inf"),
        ({"colour": "red"}, "the unknown key 'decision.colour'"),
    ],
)
def test_a_decision_that_can_not_be(
    data: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidManifest, match=message):
        parse_manifest(json.dumps({**data, "decision": asdict(DECISION) | change}))


@pytest.mark.parametrize(
    ("bonafide", "message"),
    [([], "no label means bona fide"), (["bonafide", "spoof"], "every label means bona fide")],
)
def test_a_decision_between_no_two_classes(
    data: dict[str, Any], bonafide: list[str], message: str
) -> None:
    data |= {"bonafide_labels": bonafide, "decision": asdict(DECISION)}
    with pytest.raises(InvalidManifest, match=message):
        parse_manifest(json.dumps(data))


def as_schema_5(data: dict[str, Any]) -> dict[str, Any]:
    """The same manifest as the fifth schema had it."""
    data["schema"] = 5
    del data["cuts_silence"]
    return data


def test_schema_5_keeps_silence(tiny: Path, data: dict[str, Any]) -> None:
    manifest = parse_manifest(json.dumps(as_schema_5(data)))
    assert (manifest.schema, manifest.cuts_silence) == (SCHEMA, False) == (6, False)
    assert manifest == read_manifest(tiny)
    with pytest.raises(InvalidManifest, match="unknown key 'cuts_silence'"):
        parse_manifest(json.dumps({**data, "cuts_silence": True}))


def test_schema_4_is_read_without_its_recorded_answers(data: dict[str, Any]) -> None:
    newest = parse_manifest(json.dumps(data))
    as_schema_5(data)
    hop = {"file": "golden/int8.f32", "sha256": "0" * 64, "cpu_kind": "", "samples": 8, "hop": 2}
    data["encoders"][0]["recorded"] = hop
    assert parse_manifest(json.dumps({**data, "schema": 4})) == newest
    del data["encoders"][0]["recorded"]
    with pytest.raises(InvalidManifest, match="recorded"):
        parse_manifest(json.dumps({**data, "schema": 4}))


def as_schema_3(data: dict[str, Any]) -> dict[str, Any]:
    """The same manifest as the third schema had it."""
    as_schema_5(data)["schema"] = 3
    for graph in (*data["encoders"], data["classifier"]):
        del graph["recorded"]
    return data


def test_schema_3_is_read_as_the_newest(tiny: Path, data: dict[str, Any]) -> None:
    data["decision"] = asdict(DECISION)
    manifest = parse_manifest(json.dumps(as_schema_3(data)))
    assert (manifest.schema, manifest.decision) == (SCHEMA, DECISION) == (6, DECISION)
    assert manifest == replace(read_manifest(tiny), decision=DECISION)
    assert manifest.encoders[0].recorded is None


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_older_schemas_know_no_recorded_answers(data: dict[str, Any], schema: int) -> None:
    older = {1: as_schema_1, 2: as_schema_2, 3: as_schema_3}[schema](data)
    older["encoders"][0]["recorded"] = None
    with pytest.raises(InvalidManifest, match=r"unknown key 'encoders\[0\].recorded'"):
        parse_manifest(json.dumps(older))


def as_schema_2(data: dict[str, Any]) -> dict[str, Any]:
    """The same manifest as the second schema had it."""
    as_schema_3(data)["schema"] = 2
    del data["decision"]
    return data


def test_schema_2_is_read_as_the_newest(tiny: Path, data: dict[str, Any]) -> None:
    manifest = parse_manifest(json.dumps(as_schema_2(data)))
    assert (manifest.schema, manifest.decision) == (SCHEMA, None)
    assert manifest == read_manifest(tiny)


def test_schema_2_knows_no_decision(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidManifest, match="unknown key 'decision'"):
        parse_manifest(json.dumps({**as_schema_5(data), "schema": 2}))


def as_schema_1(data: dict[str, Any]) -> dict[str, Any]:
    """The same manifest as the first schema had it."""
    as_schema_2(data)["schema"] = 1
    for graph in (*data["encoders"], data["classifier"]):
        for key in NEW_KEYS:
            del graph[key]
    return data


def test_schema_1_is_read_as_the_newest(tiny: Path, data: dict[str, Any]) -> None:
    manifest = parse_manifest(json.dumps(as_schema_1(data)))
    assert manifest.schema == SCHEMA
    assert manifest == read_manifest(tiny)


@pytest.mark.parametrize("key", NEW_KEYS)
def test_schema_1_does_not_know_what_came_later(data: dict[str, Any], key: str) -> None:
    as_schema_1(data)["classifier"][key] = None
    with pytest.raises(InvalidManifest, match=f"unknown key 'classifier.{key}'"):
        parse_manifest(json.dumps(data))


@pytest.mark.parametrize(("key", "value"), [("encoders", {}), ("encoders", [1]), ("classifier", 1)])
def test_wrong_values_of_schema_1(data: dict[str, Any], key: str, value: object) -> None:
    with pytest.raises(InvalidManifest, match="not a"):
        parse_manifest(json.dumps({**as_schema_1(data), key: value}))
