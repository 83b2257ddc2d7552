"""No source, engine, speaker or copy is on two sides of the recipe's split."""

from collections import Counter
from dataclasses import replace

import pytest

from clips import Clip
from corpus import SplitError, check_splits
from sources import ENGINES, REAL_SOURCES, Label, Split

REAL = Clip("clips/a/0.flac", Label.BONAFIDE, "a", "ann", "en", "MIT", Split.TRAIN, "", 4.0)
COPY = replace(
    REAL, path="clips/v/0.flac", label=Label.SPOOF, engine_or_source="v", source_clip=REAL.path
)
SPOKEN = replace(COPY, path="clips/t/0.flac", engine_or_source="t", speaker="tom", source_clip="")


def test_a_copy_beside_its_original_is_fine() -> None:
    check_splits([REAL, COPY, replace(SPOKEN, split=Split.TEST)])


@pytest.mark.parametrize(
    ("leaking", "what"),
    [
        (replace(REAL, path="clips/a/1.flac", speaker="bob"), "engine or source 'a'"),
        (replace(SPOKEN, speaker="ann"), "speaker 'ann'"),
        (replace(COPY, speaker="bob"), "source clip and its copy 'clips/a/0.flac'"),
    ],
    ids=["source", "speaker", "copy"],
)
def test_what_crosses_is_refused(leaking: Clip, what: str) -> None:
    with pytest.raises(SplitError, match=f"{what} is in several splits"):
        check_splits([REAL, replace(leaking, split=Split.TEST)])


def test_every_name_of_the_tables_is_in_one_split() -> None:
    names = Counter(row.name for row in (*ENGINES, *REAL_SOURCES))
    assert max(names.values()) == 1


def test_a_voice_of_an_engine_is_in_one_split() -> None:
    splits: dict[str, set[Split]] = {}
    for engine in ENGINES:
        for voice in engine.voices:
            if voice.speaker:
                splits.setdefault(voice.speaker, set()).add(engine.split)
    assert all(len(found) == 1 for found in splits.values())


def test_a_clip_knows_the_source_that_is_heard_in_it() -> None:
    assert [clip.recorded_in for clip in (REAL, COPY, SPOKEN)] == ["a", "a", ""]
