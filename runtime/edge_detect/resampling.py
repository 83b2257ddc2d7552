"""Bootstrap weights: whole sources and engines are drawn anew, not single clips.

Clips of one speaker, source or engine are alike. An interval that draws them one by one takes them
for independent and comes out too narrow, so what is drawn are *groups* (the cluster bootstrap;
Davison and Hinkley, 1997, section 3.8).
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os.path import commonpath
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from edge_detect.rates import Mask, Scores

Names: TypeAlias = npt.NDArray[np.str_]
By: TypeAlias = Literal["groups", "clips", "groups and clips"]

# Weights at a time: 1 MB in float64, which stays in a processor's cache.
BLOCK_WEIGHTS = 1 << 17


@dataclass(frozen=True)
class DrawnBy:
    """What of a class is drawn anew."""

    by: By
    """"clips" where only one group is known: then the interval says nothing of other groups."""
    units: int
    """How many are drawn each time."""


@dataclass(frozen=True, eq=False)
class Units:
    """What stays together when clips are drawn."""

    of_clip: npt.NDArray[np.intp]
    """(clips,): the number of a clip's unit."""
    strata: tuple[npt.NDArray[np.intp], ...]
    """Numbers of the units that are drawn from among each other, with the classes of their clips
    alike: so each draw has clips of both classes if there are any."""
    streams: tuple[int, ...]
    """Of each stratum, made of its units' names without a folder that they share: the same units
    are drawn alike everywhere, wherever their clips lie."""
    grouped: Mask
    """(units,): whether a unit is a group, and not one clip with its copies."""

    def drawn_by(self, clips: Mask) -> DrawnBy:
        """How those clips are drawn."""
        units = np.unique(self.of_clip[clips])
        grouped = self.grouped[units]
        by: By = "groups" if grouped.all() else "groups and clips" if grouped.any() else "clips"
        return DrawnBy(by, len(units))

    def weights(self, seed: int, resamples: int) -> Iterator[Scores]:
        """How often each clip is drawn, in blocks of (resamples of the block, clips)."""
        generators = [np.random.default_rng([seed, stream]) for stream in self.streams]
        block = max(1, BLOCK_WEIGHTS // max(1, len(self.of_clip)))
        for start in range(0, resamples, block):
            rows = min(block, resamples - start)
            drawn = np.empty((rows, len(self.grouped)))
            for units, generator in zip(self.strata, generators, strict=True):
                chances = np.full(len(units), 1 / len(units))
                drawn[:, units] = generator.multinomial(len(units), chances, rows)
            yield drawn[:, self.of_clip]


def find_units(bonafide: Mask, groups: Names, origins: Names) -> Units:
    """Units of clips (clips,): those of one group, or each by itself where only one is known.

    `groups` are empty where unknown. `origins` is a clip's own name, or for a copy that was made
    from another clip that clip's: a copy stays with its original in any case.
    """
    names = np.where(groups == "", np.char.add("clip ", origins), np.char.add("group ", groups))
    for units in strata_of(names, bonafide):
        if len(units) == 1:
            alone = names == units[0]
            names = np.where(alone, np.char.add("clip ", origins), names)
    unique, of_clip = np.unique(names, return_inverse=True)
    strata = strata_of(names, bonafide)
    return Units(
        of_clip=of_clip,
        strata=tuple(np.searchsorted(unique, units) for units in strata),
        streams=tuple(map(stream_of, strata)),
        grouped=np.char.startswith(unique, "group "),
    )


def stream_of(units: Names) -> int:
    """The number of a stratum's random stream."""
    shared = len(commonpath(units.tolist()))
    return zlib.crc32("\n".join(unit[shared:] for unit in units.tolist()).encode())


def strata_of(names: Names, bonafide: Mask) -> Sequence[Names]:
    """The names of units by kind and by the classes that their clips have; none is empty."""
    real, spoof = np.unique(names[bonafide]), np.unique(names[~bonafide])
    both = np.intersect1d(real, spoof)
    strata = []
    for units in (np.setdiff1d(real, both), np.setdiff1d(spoof, both), both):
        grouped = np.char.startswith(units, "group ")
        strata += [units[grouped], units[~grouped]]
    return [units for units in strata if len(units)]
