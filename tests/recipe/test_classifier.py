"""The recipe's choice of clips for the head."""

from dataclasses import replace

from classifier import fitted_on
from tests.recipe.test_corpus import COPY, REAL


def test_the_head_is_fitted_on_every_second_clip_and_every_twentieth_copy() -> None:
    clips = [replace(clip, seconds=float(n)) for n in range(100) for clip in (REAL, COPY)]
    chosen = fitted_on(clips)
    assert [clip.seconds for clip in chosen if clip.source_clip] == [0, 20, 40, 60, 80]
    assert [clip.seconds for clip in chosen if not clip.source_clip] == list(range(0, 100, 2))
