"""Training and test halves, and the folds of the cross-validation."""

import numpy as np
import pytest

from edge_detect.errors import DatasetError
from edge_train.split import Split, cross_validation_folds, split_rows

Names = np.ndarray[tuple[int], np.dtype[np.str_]]


def names(**counts: int) -> Names:
    return np.array([label for label, count in counts.items() for _ in range(count)], np.str_)


def count_tested(split: Split, labels: Names) -> dict[str, int]:
    found, counts = np.unique(labels[split.test], return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def test_a_fifth_of_every_label() -> None:
    labels = names(a=100, b=40, c=3)
    split = split_rows(labels, None, seed=0)
    assert count_tested(split, labels) == {"a": 20, "b": 8, "c": 1}
    assert sorted([*split.train, *split.test]) == list(range(143))
    assert split.left_out == ()


def test_the_seed_decides() -> None:
    labels = names(a=50, b=50)
    first, same, other = (split_rows(labels, None, seed) for seed in (1, 1, 2))
    assert first.test.tolist() == same.test.tolist()
    assert first.test.tolist() != other.test.tolist()


def test_labels_of_too_few_clips_are_left_out() -> None:
    labels = names(a=10, b=10, one=1, two=2)
    split = split_rows(labels, None, seed=0, known=["a", "b", "none", "one", "two"])
    assert [(entry.label, entry.clips) for entry in split.left_out] == [
        ("none", 0), ("one", 1), ("two", 2),
    ]  # fmt: skip
    assert "'one' has 1 clip that can be read" in split.left_out[1].message
    assert set(labels[split.train]) == set(labels[split.test]) == {"a", "b"}


@pytest.mark.parametrize("counts", [{"a": 9}, {"a": 9, "b": 1}, {"a": 2, "b": 2}, {}])
def test_fewer_than_two_labels_stop(counts: dict[str, int]) -> None:
    with pytest.raises(DatasetError, match="fewer than two labels to tell apart: "):
        split_rows(names(**counts), None, seed=0)


def test_no_group_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    labels = names(a=200, b=200)
    groups = rng.integers(0, 40, 400).astype(np.str_)
    split = split_rows(labels, groups, seed=0)
    assert not set(groups[split.train]) & set(groups[split.test])
    assert all(30 <= count <= 50 for count in count_tested(split, labels).values())
    assert len(split.train) + len(split.test) == 400


def test_few_groups_of_one_label_each() -> None:
    """As where the groups are synthesisers: each has one label, and a label has two or three."""
    labels = names(real=30, fake=20)
    groups = np.repeat(["r1", "r2", "r3", "f1", "f2"], 10)
    for seed in range(5):
        split = split_rows(labels, groups, seed)
        assert not set(groups[split.train]) & set(groups[split.test])
        assert count_tested(split, labels) == {"real": 10, "fake": 10}


def test_a_label_of_one_group_is_left_out() -> None:
    labels = names(a=20, b=20, c=10)
    groups = np.array(
        [f"{label}{i % 5}" if label != "c" else "c" for i, label in enumerate(labels)]
    )
    split = split_rows(labels, groups, seed=0)
    [left_out] = split.left_out
    assert (left_out.label, left_out.clips) == ("c", 10)
    assert "too few groups" in left_out.message
    assert set(labels[split.train]) == set(labels[split.test]) == {"a", "b"}
    with pytest.raises(DatasetError, match="'b' has too few groups"):
        split_rows(names(a=20, b=20), np.repeat(["x", "y"], 20), seed=0)


def test_folds_are_stratified() -> None:
    labels = names(a=50, b=25)
    folds = cross_validation_folds(labels, None, seed=0)
    assert len(folds.pairs) == 5
    assert not folds.by_group
    assert sorted(row for _, test in folds.pairs for row in test) == list(range(75))
    for train, test in folds.pairs:
        assert not set(train) & set(test)
        assert (labels[test] == "a").sum() == 10


def test_a_small_label_makes_fewer_folds() -> None:
    assert len(cross_validation_folds(names(a=50, b=3), None, seed=0).pairs) == 3


def test_folds_keep_groups_apart() -> None:
    labels = names(real=40, fake=40)
    groups = np.repeat([f"g{i}" for i in range(16)], 5)
    folds = cross_validation_folds(labels, groups, seed=0)
    assert folds.by_group
    assert sorted(row for _, test in folds.pairs for row in test) == list(range(80))
    for train, test in folds.pairs:
        assert not set(groups[train]) & set(groups[test])
        assert set(labels[train]) == {"real", "fake"}


def test_a_label_of_one_group_is_folded_by_clip() -> None:
    labels = names(real=20, fake=20)
    groups = np.array(["r1"] * 10 + ["r2"] * 10 + ["f"] * 20)
    folds = cross_validation_folds(labels, groups, seed=0)
    assert not folds.by_group
    assert len(folds.pairs) == 5
