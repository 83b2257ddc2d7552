"""Labelled clips, and those that are left out with the reason."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

from edge_detect.errors import DatasetError

Audio: TypeAlias = Path | bytes
"""A file, or the content of one; `edge_detect.audio` decodes either."""


@dataclass(frozen=True)
class Clip:
    """One clip and what is known of it."""

    name: str
    """Its path, or its row in a dataset."""
    label: str
    group: str | None
    """What must stay on one side of the split, a speaker for example; None where not asked for."""
    fetch: Callable[[], Audio]
    """Gives the audio when its turn comes: a dataset may be larger than the memory."""
    details: Mapping[str, str] = field(default_factory=dict)
    """What else was asked for and is there, by its column; none of it is blank."""


@dataclass(frozen=True)
class LeftOut:
    """A clip that is not used, and why."""

    name: str
    reason: str
    """no_path, unlabelled, ungrouped, duplicate, or the `type` of the error that it met."""
    message: str
    """The same for a person."""


@dataclass(frozen=True)
class Selection:
    """What of DATA is read; None where the caller named nothing."""

    audio: str | None = None
    """Column of the paths or files."""
    label: str | None = None
    """Column of the labels."""
    group: str | None = None
    """Column of what must stay on one side of the split."""
    config: str | None = None
    """Configuration of a Hugging Face dataset."""
    split: str | None = None
    """Split of a Hugging Face dataset."""


COLUMN_OPTIONS = {"audio", "label", "group"}
"""Of a selection: what a list has."""


def refuse_others(selection: Selection, allowed: set[str], what: str) -> None:
    """Refuse what was selected and means nothing here."""
    for name, value in asdict(selection).items():
        if value is not None and name not in allowed:
            raise DatasetError(f"there is no {name} {value!r} to choose in {what}")


@dataclass(frozen=True)
class Dataset:
    """What DATA holds."""

    clips: tuple[Clip, ...]
    left_out: tuple[LeftOut, ...]
    empty_labels: tuple[str, ...] = ()
    """Labels with no clip at all: empty sub-folders."""


def sort_out(entries: Iterable[Clip | LeftOut], empty_labels: Iterable[str] = ()) -> Dataset:
    """Tell the clips from those left out, each in the order found."""
    found = list(entries)
    return Dataset(
        tuple(entry for entry in found if isinstance(entry, Clip)),
        tuple(entry for entry in found if isinstance(entry, LeftOut)),
        tuple(empty_labels),
    )


def label_clip(
    name: str,
    label: object,
    group: object,
    grouped: bool,
    fetch: Callable[[], Audio],
    details: Mapping[str, object] | None = None,
) -> Clip | LeftOut:
    """A clip from the cells of its row; left out where its label or a wanted group is blank.

    Raises:
        DatasetError: a label, a group or a detail that is neither text nor a number.
    """
    label_text, group_text = cell_text(label, name), cell_text(group, name)
    if not label_text:
        return LeftOut(name, "unlabelled", f"{name!r} has no label")
    if grouped and not group_text:
        return LeftOut(name, "ungrouped", f"{name!r} has no group")
    texts = {column: cell_text(cell, name) for column, cell in (details or {}).items()}
    known = {column: text for column, text in texts.items() if text}
    return Clip(name, check_label(label_text), group_text or None, fetch, known)


def cell_text(cell: object, name: str) -> str:
    """A cell as text without surrounding blanks; empty for None."""
    if cell is None:
        return ""
    if not isinstance(cell, str | int | float):
        raise DatasetError(f"{name!r} has {cell!r:.60} for a label or another cell; give text")
    return str(cell).strip()


def check_label(label: str) -> str:
    """The label itself, unless it has characters that no line, page or file can show."""
    if not label.isprintable():
        raise DatasetError(f"the label {label!r:.60} has unprintable characters; rename it")
    return label
