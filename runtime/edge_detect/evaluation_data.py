"""DATA of an evaluation: clips, which of them are real, and where each comes from."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_detect.clips import Audio, Clip, Dataset, LeftOut, Selection
from edge_detect.errors import DatasetError, ModelError
from edge_detect.label_folder import SUBFOLDER, read_folder
from edge_detect.listing import read_listing
from edge_detect.manifest import Manifest

# What labels mean everywhere, whatever their case; a model's own labels come first.
BONAFIDE_NAMES = {"bonafide", "bona-fide", "bona fide", "real", "genuine", "human"}
SPOOF_NAMES = {"spoof", "fake", "synthetic", "deepfake"}

# Where the origin of a clip stands, by its class; the first that is there counts.
ENGINE_COLUMNS = ("engine", "engine_or_source", SUBFOLDER)
SOURCE_COLUMNS = ("source", "engine_or_source", SUBFOLDER)
COLUMNS = ("engine", "source", "engine_or_source", "language", "speaker", "source_clip")


@dataclass(frozen=True)
class LabelledClip:
    """One clip and what is known of it; a text is empty where unknown."""

    name: str
    """Its path."""
    label: str
    bonafide: bool
    """Whether it is real speech."""
    origin: str
    """The source of a real clip, the engine of a synthetic one."""
    language: str
    speaker: str
    source_clip: str
    """Name of the clip that a copy was made from."""
    fetch: Callable[[], Audio]
    """Gives the audio."""


@dataclass(frozen=True)
class EvaluationData:
    """What DATA holds."""

    clips: tuple[LabelledClip, ...]
    """Each name once."""
    left_out: tuple[LeftOut, ...]


def read_data(data: str, manifest: Manifest, bonafide_labels: Sequence[str] = ()) -> EvaluationData:
    """List the clips of a folder of labels, or of a .csv or .jsonl list; nothing is decoded yet.

    In a folder of labels, a clip's folder within its label's is its engine or source. A list has
    the columns `path` and `label`, and may have `engine`, `source` (or `engine_or_source` for
    both), `language`, `speaker` and `source_clip`, the path of the clip that a copy was made from.
    `bonafide_labels` are those that mean real speech, all others then mean synthetic speech;
    without them the model's own labels and the usual words are known.

    Raises:
        DatasetError: DATA can't be read, or what a label means is not known.
        ModelError: the model doesn't say which of its own labels mean real speech.
    """
    if not manifest.bonafide_labels:
        raise ModelError(
            f"the model {manifest.name!r} doesn't say which of its labels mean a real voice, so "
            "its answers can't be evaluated; export it again with --bonafide"
        )
    dataset = read_dataset(Path(data))
    labels = {clip.label for clip in dataset.clips}
    real = real_labels(labels, manifest, bonafide_labels)
    clips, repeated = unique_clips(dataset.clips)
    base = Path(data).parent
    return EvaluationData(
        clips=tuple(labelled_clip(clip, clip.label in real, base) for clip in clips),
        left_out=dataset.left_out + repeated,
    )


def read_dataset(path: Path) -> Dataset:
    """The clips of a folder of labels or of a list.

    Raises:
        DatasetError: it is neither, or it can't be read.
    """
    if path.is_dir():
        return read_folder(path)
    if not path.is_file():
        raise DatasetError(f"no file or folder {str(path)!r}; check the path")
    return read_listing(path, Selection(), COLUMNS)


def real_labels(
    labels: Collection[str], manifest: Manifest, bonafide_labels: Sequence[str]
) -> set[str]:
    """Those of the labels that mean real speech.

    Raises:
        DatasetError: what a label means is not known, or a named one isn't there.
    """
    for name in bonafide_labels:
        if name not in labels:
            there = ", ".join(map(repr, sorted(labels))) or "no labels"
            raise DatasetError(f"no clip has the label {name!r} (--bonafide-label); there: {there}")
    if bonafide_labels:
        return set(bonafide_labels)
    return {label for label in sorted(labels) if means_bonafide(label, manifest)}


def means_bonafide(label: str, manifest: Manifest) -> bool:
    """Whether a label means real speech; raises DatasetError where nobody knows."""
    if label in manifest.labels:
        return label in manifest.bonafide_labels
    word = label.casefold()
    if word in BONAFIDE_NAMES | SPOOF_NAMES:
        return word in BONAFIDE_NAMES
    raise DatasetError(
        f"it isn't known whether the label {label!r} means real speech; "
        "name every label that does by --bonafide-label"
    )


def unique_clips(clips: Iterable[Clip]) -> tuple[list[Clip], tuple[LeftOut, ...]]:
    """Each name once, and the repetitions left out.

    Raises:
        DatasetError: a clip stands there with two labels.
    """
    first: dict[str, Clip] = {}
    repeated = []
    for clip in clips:
        known = first.setdefault(clip.name, clip)
        if known.label != clip.label:
            raise DatasetError(
                f"{clip.name!r} has the labels {known.label!r} and {clip.label!r}; remove one"
            )
        if known is not clip:
            message = f"{clip.name!r} stands there twice"
            repeated.append(LeftOut(clip.name, "duplicate", message))
    return list(first.values()), tuple(repeated)


def labelled_clip(clip: Clip, bonafide: bool, base: Path) -> LabelledClip:
    """A clip with what its details say; relative paths are relative to `base`."""
    details = clip.details
    columns = SOURCE_COLUMNS if bonafide else ENGINE_COLUMNS
    origins = [details[column] for column in columns if column in details]
    source_clip = details.get("source_clip", "")
    return LabelledClip(
        name=clip.name,
        label=clip.label,
        bonafide=bonafide,
        origin=origins[0] if origins else "",
        language=details.get("language", ""),
        speaker=details.get("speaker", ""),
        source_clip=str(base / source_clip) if source_clip else "",
        fetch=clip.fetch,
    )
