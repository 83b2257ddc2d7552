"""Training and test rows: every label in both halves, and no group in two."""

import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from edge_detect.errors import DatasetError

Indices: TypeAlias = npt.NDArray[np.int64]
Names: TypeAlias = npt.NDArray[np.str_]

TEST_SHARE = 0.2
MAX_FOLDS = 5

# Two to fit and cross-validate on, one to test.
MIN_TRAIN_CLIPS = 2
MIN_CLIPS = MIN_TRAIN_CLIPS + 1

# Why a label is left out.
TOO_FEW = f"that can be read, and {MIN_CLIPS} are needed to learn and to test it"
ONE_SIDED = "has too few groups to be on both sides of the split"


@dataclass(frozen=True)
class LabelLeftOut:
    """A label that can't be both learned and tested, and why."""

    label: str
    clips: int
    """Readable clips of that label."""
    message: str


@dataclass(frozen=True)
class Split:
    """Row numbers of the two halves, each ascending."""

    train: Indices
    test: Indices
    left_out: tuple[LabelLeftOut, ...]

    @property
    def halves(self) -> tuple[Indices, Indices]:
        """Training and test rows."""
        return self.train, self.test


@dataclass(frozen=True)
class Folds:
    """The halves of a cross-validation: pairs of rows to fit on and rows to judge."""

    pairs: tuple[tuple[Indices, Indices], ...]
    by_group: bool
    """Whether no group is in two folds."""


def split_rows(names: Names, groups: Names | None, seed: int, known: Collection[str] = ()) -> Split:
    """Give a fifth of each label to the test, or of each label's groups as nearly as they allow.

    `names` is the label of each clip, (clips,), and `groups` what must stay together; `known` names
    labels that may have lost all of their clips before.

    Raises:
        DatasetError: fewer than two labels can be both learned and tested.
    """
    counts = dict.fromkeys(known, 0) | dict(count_labels(names))
    scarce = tuple(
        LabelLeftOut(label, count, f"the label {label!r} has {clips_text(count)} {TOO_FEW}")
        for label, count in sorted(counts.items())
        if count < MIN_CLIPS
    )
    rows = np.flatnonzero(~np.isin(names, [entry.label for entry in scarce]))
    if len(set(names[rows])) < 2:
        raise too_few_labels(scarce)
    if groups is None:
        train, test = split_clips(names, rows, seed)
        return Split(train, test, scarce)
    train, test = split_groups(names, groups, rows, seed)
    return drop_one_sided(names, train, test, scarce)


def count_labels(names: Names) -> Iterator[tuple[str, int]]:
    """Each label with the number of its clips, in the order of labels."""
    for label, count in zip(*np.unique(names, return_counts=True), strict=True):
        yield str(label), int(count)


def split_clips(names: Names, rows: Indices, seed: int) -> tuple[Indices, Indices]:
    """A fifth of each label, at least one clip.

    scikit-learn's stratified splitters may leave a label of fewer than five clips out of the test.
    """
    halves = [
        train_test_split(
            of_label, test_size=max(1, round(TEST_SHARE * len(of_label))), random_state=seed
        )
        for of_label in (rows[names[rows] == label] for label in np.unique(names[rows]))
    ]
    train, test = zip(*halves, strict=True)
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))


def split_groups(names: Names, groups: Names, rows: Indices, seed: int) -> tuple[Indices, Indices]:
    """Of the stratified group folds, 5 down to 2, the one nearest to a fifth of every label.

    Five folds are nearest where groups are many; fewer where a label has only a few groups.
    """

    def merit(halves: tuple[Indices, Indices]) -> tuple[int, float]:
        shares = test_shares(names[rows], names[halves[1]])
        usable = len(usable_labels(names, *halves))
        return usable, -sum(abs(share - TEST_SHARE) for share in shares)

    return max(
        (
            (rows[train], rows[test])
            for count in range(MAX_FOLDS, 1, -1)
            for train, test in group_folds(names[rows], groups[rows], count, seed)
        ),
        key=merit,
        default=(rows, rows[:0]),
    )


def group_folds(
    names: Names, groups: Names, count: int, seed: int
) -> list[tuple[Indices, Indices]]:
    """Up to `count` folds in which no group is in two; a label may lack in some.

    None where there is only one group.
    """
    count = min(count, len(set(groups)), max(number for _, number in count_labels(names)))
    if count < 2:
        return []
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Labels with fewer clips than folds: whoever calls looks at the labels of each fold.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return list(splitter.split(names, names, groups))


def test_shares(names: Names, tested: Names) -> list[float]:
    """Of each label, the share of clips that are tested."""
    return [float((tested == label).sum() / count) for label, count in count_labels(names)]


def usable_labels(names: Names, train: Indices, test: Indices) -> list[str]:
    """The labels that the two halves can learn and test."""
    tested = set(names[test])
    return [
        label
        for label, count in count_labels(names[train])
        if count >= MIN_TRAIN_CLIPS and label in tested
    ]


def drop_one_sided(
    names: Names, train: Indices, test: Indices, scarce: tuple[LabelLeftOut, ...]
) -> Split:
    """Leave out the labels that groups hold on one side of the split."""
    usable = usable_labels(names, train, test)
    one_sided = tuple(
        LabelLeftOut(label, count, f"the label {label!r} {ONE_SIDED}")
        for label, count in count_labels(names)
        if label not in usable and label not in {entry.label for entry in scarce}
    )
    if len(usable) < 2:
        raise too_few_labels(scarce + one_sided)
    return Split(
        train[np.isin(names[train], usable)], test[np.isin(names[test], usable)], scarce + one_sided
    )


def too_few_labels(left_out: tuple[LabelLeftOut, ...]) -> DatasetError:
    """What to say where there is nothing to tell apart."""
    reasons = "; ".join(entry.message for entry in left_out) or "there is only one"
    return DatasetError(f"fewer than two labels to tell apart: {reasons}; give more clips")


def clips_text(count: int) -> str:
    """A number of clips in words."""
    return "1 clip" if count == 1 else f"{count} clips"


def cross_validation_folds(names: Names, groups: Names | None, seed: int) -> Folds:
    """Up to five folds of the training rows, every label in what each is fitted on.

    Where groups can't be kept apart so, clips are, and the result says it.
    """
    if groups is not None:
        for count in range(MAX_FOLDS, 1, -1):
            pairs = group_folds(names, groups, count, seed)
            if pairs and all(set(names[train]) == set(names) for train, _ in pairs):
                return Folds(tuple(pairs), by_group=True)
    smallest = min(count for _, count in count_labels(names))
    splitter = StratifiedKFold(min(MAX_FOLDS, smallest), shuffle=True, random_state=seed)
    return Folds(tuple(splitter.split(names, names)), by_group=False)
