"""The schemas of manifest.json: what older ones left out, and what that meant."""

from collections.abc import Callable
from typing import Any

from edge_detect.errors import InvalidManifest
from edge_detect.records import UnknownKey

SCHEMA = 6

# What schema 1 didn't say of a graph, and what it meant.
SINCE_SCHEMA_2: dict[str, Any] = {
    "devices": ["cpu", "cuda"],
    "quality": None,
    "speedup": {},
    "weights": None,
}

# What schemas 1 to 3 didn't.
SINCE_SCHEMA_4: dict[str, Any] = {"recorded": None}


def upgraded(data: dict[str, Any]) -> dict[str, Any]:
    """The parsed JSON of a manifest as the newest schema would have it."""
    schema = data.get("schema")
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise InvalidManifest(
            f"manifest.json has schema {schema!r}, this edge-detect reads 1 to {SCHEMA}; "
            "install the edge-detect that exported it"
        )
    if schema < 2:
        data = from_schema_1(data)
    if schema < 3:
        data = from_schema_2(data)
    if schema < 4:
        data = from_schema_3(data)
    if schema < 5:
        data = from_schema_4(data)
    return from_schema_5(data) if schema < 6 else data


def from_schema_1(data: dict[str, Any]) -> dict[str, Any]:
    """The parsed JSON of a schema 1 manifest as schema 2 would have it."""
    return {**with_graphs(data, SINCE_SCHEMA_2), "schema": 2}


def from_schema_2(data: dict[str, Any]) -> dict[str, Any]:
    """The parsed JSON of a schema 2 manifest as schema 3 would have it."""
    if "decision" in data:
        raise UnknownKey("decision")
    return {**data, "schema": 3, "decision": None}


def from_schema_3(data: dict[str, Any]) -> dict[str, Any]:
    """The parsed JSON of a schema 3 manifest as schema 4 would have it."""
    return {**with_graphs(data, SINCE_SCHEMA_4), "schema": 4}


def from_schema_4(data: dict[str, Any]) -> dict[str, Any]:
    """The parsed JSON of a schema 4 manifest as schema 5 would have it: without the answers that
    were recorded, to whatever excerpts came in turn, which told less."""
    return {**with_changed_graphs(data, lambda graph, _: without_answers(graph)), "schema": 5}


def from_schema_5(data: dict[str, Any]) -> dict[str, Any]:
    """The parsed JSON of a schema 5 manifest as schema 6 would have it."""
    if "cuts_silence" in data:
        raise UnknownKey("cuts_silence")
    return {**data, "schema": 6, "cuts_silence": False}


def with_graphs(data: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """A manifest whose graphs have the keys that came `later`, too."""
    return with_changed_graphs(data, lambda graph, where: with_keys(graph, later, where))


def with_changed_graphs(data: dict[str, Any], changed: Callable[[Any, str], Any]) -> dict[str, Any]:
    """A manifest with `changed` of each graph's record and of where it stands."""
    newer = dict(data)
    if isinstance(encoders := data.get("encoders"), list):
        newer["encoders"] = [changed(graph, f"encoders[{i}]") for i, graph in enumerate(encoders)]
    if "classifier" in data:
        newer["classifier"] = changed(data["classifier"], "classifier")
    return newer


def without_answers(graph: Any) -> Any:
    """One graph's record without recorded answers; no record is left for `build` to refuse."""
    answered = isinstance(graph, dict) and "recorded" in graph
    return {**graph, "recorded": None} if answered else graph


def with_keys(graph: Any, later: dict[str, Any], where: str) -> Any:
    """One graph's record with the `later` keys; no record is left for `build` to refuse."""
    if not isinstance(graph, dict):
        return graph
    for key in later:
        if key in graph:
            raise UnknownKey(f"{where}.{key}")
    return {**graph, **later}
