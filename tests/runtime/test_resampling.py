"""What is drawn together, and how often."""

import numpy as np
import pytest

from edge_detect.resampling import DrawnBy, Units, find_units

RESAMPLES = 4000


def units_of(bonafide: list[bool], groups: list[str], origins: list[str] | None = None) -> Units:
    names = origins or [f"clip{i}" for i in range(len(groups))]
    return find_units(np.array(bonafide), np.array(groups), np.array(names))


def drawn(units: Units, seed: int = 0, resamples: int = RESAMPLES) -> np.typing.NDArray[np.float64]:
    return np.concatenate(list(units.weights(seed, resamples)))


def test_clips_of_a_group_are_drawn_together() -> None:
    units = units_of([True] * 4 + [False] * 3, ["a", "a", "b", "b", "x", "y", "y"])
    weights = drawn(units)
    assert weights.shape == (RESAMPLES, 7)
    assert np.array_equal(weights[:, 0], weights[:, 1])
    assert np.array_equal(weights[:, 5], weights[:, 6])
    # Two groups of either class are drawn each time.
    assert (weights[:, 0] + weights[:, 2] == 2).all()
    assert (weights[:, 4] + weights[:, 5] == 2).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(7), abs=0.05)
    assert units.drawn_by(np.arange(7) < 4) == DrawnBy("groups", 2)


def test_a_class_of_one_group_is_drawn_clip_by_clip() -> None:
    bonafide = [True, True, True, False, False]
    units = units_of(bonafide, ["a", "a", "a", "x", "y"])
    weights = drawn(units)
    assert (weights[:, :3].sum(axis=1) == 3).all()
    assert (weights[:, 0] != weights[:, 1]).any()
    assert units.drawn_by(np.array(bonafide)) == DrawnBy("clips", 3)
    assert units.drawn_by(~np.array(bonafide)) == DrawnBy("groups", 2)


def test_clips_of_no_known_group_are_drawn_by_themselves() -> None:
    bonafide = np.array([True, True, True, True, False])
    units = units_of(bonafide.tolist(), ["a", "a", "b", "", ""])
    weights = drawn(units)
    assert (weights[:, 0] + weights[:, 2] == 2).all()
    assert (weights[:, 3:] == 1).all()
    assert units.drawn_by(bonafide) == DrawnBy("groups and clips", 3)


def test_a_copy_stays_with_its_original() -> None:
    # Copies of c0 and c1; with one group of originals it is pairs that are drawn.
    bonafide = [True, True, False, False, False, False]
    origins = ["c0", "c1", "c0", "c1", "x", "y"]
    for groups in (["a", "b", "a", "b", "x", "y"], ["a", "a", "a", "a", "x", "y"], [""] * 6):
        weights = drawn(units_of(bonafide, groups, origins))
        assert np.array_equal(weights[:, 0], weights[:, 2])
        assert np.array_equal(weights[:, 1], weights[:, 3])
        assert (weights[:, 0] != weights[:, 1]).any()


def test_every_draw_has_both_classes() -> None:
    rng = np.random.default_rng(1)
    bonafide = rng.random(40) < 0.2
    groups = rng.choice(["a", "b", "c", ""], 40)
    weights = drawn(units_of(bonafide.tolist(), groups.tolist()))
    assert (weights[:, bonafide].sum(axis=1) > 0).all()
    assert (weights[:, ~bonafide].sum(axis=1) > 0).all()


def test_a_seed_fixes_the_draws_and_the_same_units_are_drawn_alike() -> None:
    real = ([True] * 3, ["a", "b", "c"])
    with_x = units_of([*real[0], False, False], [*real[1], "x", "y"])
    with_z = units_of([*real[0], False, False], [*real[1], "z", "y"])
    assert np.array_equal(drawn(with_x), drawn(with_x))
    assert not np.array_equal(drawn(with_x), drawn(with_x, seed=1))
    assert np.array_equal(drawn(with_x)[:, :3], drawn(with_z)[:, :3])
    assert not np.array_equal(drawn(with_x)[:, 3:], drawn(with_z)[:, 3:])


def test_the_folder_of_the_clips_does_not_change_the_draws() -> None:
    bonafide, groups = [True] * 6 + [False] * 4, ["a"] * 6 + ["x", "x", "y", "y"]
    names = [f"{origin}/{index}.wav" for index, origin in enumerate(groups)]
    here = drawn(units_of(bonafide, groups, names))
    there = drawn(units_of(bonafide, groups, [f"/data/of another/{name}" for name in names]))
    assert np.array_equal(here, there)
    others = drawn(units_of(bonafide, groups, [f"other {name}" for name in names[::-1]]))
    assert not np.array_equal(here, others)
