"""Parsed JSON becomes frozen dataclasses, strictly: every key, no other, each value of its type."""

import sys
import types
import typing
from dataclasses import fields
from typing import Any


class InvalidRecord(ValueError):
    """A record can't be meant; the message lacks only the document's name before it."""


class UnknownKey(InvalidRecord):
    """A record has a key that this version doesn't know."""

    def __init__(self, key: str) -> None:
        super().__init__(f"has the unknown key {key!r}")


def build(kind: Any, value: Any, where: str) -> Any:
    """Build `kind` (a dataclass, tuple, dict, optional or scalar type) from parsed JSON.

    Raises:
        InvalidRecord: a key is unknown or missing, or a value of another type; `where` is the
            value's place in the document.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if value is None else build(arguments[0], value, where)
    if origin is tuple:
        expect(value, list, where)
        return tuple(build(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        expect(value, dict, where)
        return {key: build(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if hasattr(kind, "__dataclass_fields__"):
        return build_dataclass(kind, value, where)
    if kind is float and type(value) is int:
        require(abs(value) <= sys.float_info.max, f"{value!r:.60} at {where!r}, too large a number")
        return float(value)
    expect(value, kind, where)
    return value


def build_dataclass(kind: Any, value: Any, where: str) -> Any:
    """Build a dataclass whose keys must all be there, and no others."""
    expect(value, dict, where)
    hints = typing.get_type_hints(kind)
    names = [member.name for member in fields(kind)]
    prefix = f"{where}." if where else ""
    for key in value.keys() - set(names):
        raise UnknownKey(prefix + key)
    for key in names:
        if key not in value:
            raise InvalidRecord(f"lacks the key {prefix + key!r}")
    return kind(**{key: build(hints[key], value[key], prefix + key) for key in names})


def expect(value: Any, kind: type, where: str) -> None:
    """Raise unless `value` is exactly of `kind` (so True is no int)."""
    if type(value) is not kind:
        place = f" at {where!r}" if where else ""
        raise InvalidRecord(f"has {value!r:.60}{place}, not a {kind.__name__}")


def require(holds: bool, what: str) -> None:
    """Raise with `what` is wrong unless it `holds`."""
    if not holds:
        raise InvalidRecord(f"has {what}")
