"""The recipe's choice of clips for the head."""

from dataclasses import replace

from classifier import fitted_on
from clips import Clip
from sources import Label, Split

REAL = Clip("clips/a/0.flac", Label.BONAFIDE, "a", "ann", "en", "MIT", Split.TRAIN, "", 4.0)
COPY = replace(
    REAL, path="clips/v/0.flac", label=Label.SPOOF, engine_or_source="v", source_clip=REAL.path
)


def test_the_head_is_fitted_on_a_tenth_of_the_copies_that_it_could_have() -> None:
    clips = [replace(clip, seconds=float(n)) for n in range(100) for clip in (REAL, COPY)]
    chosen = fitted_on(clips)
    assert [clip.seconds for clip in chosen if clip.source_clip] == [0, 20, 40, 60, 80]
    assert [clip.seconds for clip in chosen if not clip.source_clip] == list(range(0, 100, 2))
