"""The model card: what the model was made of, how well it does, and what it must not be used for.

Every number in it comes from the manifest or from the report of `evaluation`.
"""

from __future__ import annotations

from collections.abc import Iterator

from clips import Clip
from evaluation import POOLED, Row
from sources import ENGINES, REAL_SOURCES, Label, Split
from views import EVALUATED, View

LICENCE = "MIT (the model); its training audio keeps the licences listed in the model card"

_INTRODUCTION = """It is trained to tell a real human voice from a synthetic one, from scratch, on a
few hours of freely redistributable speech and two CPU cores. It is a first version: read what it
fails on, and the figures, before relying on any verdict of it."""

_LIMITS = """## Limits
- Its errors on generators and recordings that it has not met are those of the test tables. A single
  verdict proves nothing about a person or a file.
- It has met few generators and none of the large commercial ones. Expect more misses on those.
- The real training speech is read or acted, by {voices} voices, in European languages.
- Joined word lists, prompts and game dialogue are not conversation; singing, whispering, several
  voices at once and speech under music were not tested.
- Clips are 3 to 8 seconds long. Shorter ones were not tested.
- Fewer than a hundred clips stand behind most of the single figures: the intervals count."""

_REBUILD = """## Rebuild
```
python models/compact/recipe/make.py --work DIR
```
`models/compact/recipe/README.md` says what it needs and how long it takes."""


def card(clips: list[Clip], rows: list[Row], parameters: int) -> str:
    """The whole card in Markdown."""
    sections = (
        f"{_INTRODUCTION} The encoder has {parameters / 1e6:.2f} million parameters.",
        "\n".join(_failures(rows)),
        "\n".join(_figures(rows)),
        _LIMITS.format(voices=_voices(clips)),
        "\n".join(_data(clips)),
        _REBUILD,
    )
    return "\n\n".join(sections) + "\n"


def _figures(rows: list[Row]) -> Iterator[str]:
    yield "## Figures"
    yield "EER is the equal error rate, with a 95 % bootstrap interval over clips; lower is better."
    yield "False accusations are real clips called synthetic, misses synthetic clips called real,"
    yield "both at the threshold 0.5. The baseline is a logistic regression on band energies and"
    yield "silence percentiles, fitted anew for each band on the same training rows. An engine is"
    yield "compared with all real clips of its split, a source with all synthetic ones. The test"
    yield "engines and sources, and their speakers, are absent from training and validation."
    for split in (Split.TEST, Split.VALIDATION):
        for view in EVALUATED:
            yield f"\n### {split.capitalize()}, {view}"
            yield "| against | real / synthetic clips | EER | AUC | false accusations | misses |"
            yield "|---|---|---|---|---|---|"
            yield from (_line(row) for row in _select(rows, split, view))


def _select(rows: list[Row], split: Split, view: View) -> list[Row]:
    """The model's rows, after its pooled one the baseline's."""
    chosen = [row for row in rows if (row.split, row.view) == (split, view)]
    model = [row for row in chosen if row.detector == "compact"]
    return model[:1] + [row for row in chosen if row not in model][:1] + model[1:]


def _line(row: Row) -> str:
    figures = row.figures
    name = f"{row.against}, {row.detector}" if row.against == POOLED else row.against
    return (
        f"| {name} | {figures.real_clips} / {figures.spoof_clips} "
        f"| {figures.eer:.1%} ({figures.eer_low:.0%}-{figures.eer_high:.0%}) "
        f"| {figures.auc:.3f} | {figures.false_accusations:.1%} | {figures.misses:.1%} |"
    )


def _failures(rows: list[Row]) -> Iterator[str]:
    yield "## What it fails on"
    yield "On the test rows, at the threshold 0.5 where a share is given:"
    for view in EVALUATED:
        model, baseline, *_ = (row.figures.eer for row in _select(rows, Split.TEST, view))
        if model >= baseline:
            yield f"- At {view} the baseline is no worse: EER {baseline:.1%}, ours {model:.1%}."
    engines = {engine.name for engine in ENGINES}
    for row in _select(rows, Split.TEST, View.FULL):
        figures = row.figures
        if row.against in engines and figures.misses >= 0.25:
            yield f"- It takes {figures.misses:.0%} of the clips of {row.against} for real."
        elif row.against not in engines | {POOLED} and figures.false_accusations >= 0.25:
            share = f"{figures.false_accusations:.0%}"
            yield f"- It calls {share} of the real clips of {row.against} synthetic."


def _data(clips: list[Clip]) -> Iterator[str]:
    yield "## Data, licences and attribution"
    yield "Copy-synthesis clips resynthesise real training clips and inherit their licence too."
    yield "\n| real source | split | minutes | clips | licence | credit |"
    yield "|---|---|---|---|---|---|"
    for source in REAL_SOURCES:
        yield (
            f"| {source.name} ({source.package}) | {source.split} | {_amount(clips, source.name)} "
            f"| {source.licence} | {source.attribution} |"
        )
    yield "\n| engine | family | split | minutes | clips | licence |\n|---|---|---|---|---|---|"
    for engine in ENGINES:
        yield (
            f"| {engine.name} | {engine.family} | {engine.split} | {_amount(clips, engine.name)} "
            f"| {engine.licence} |"
        )
    yield ""
    for split in Split:
        real, spoof = (_hours(clips, split, label) for label in Label)
        yield f"- {split}: {real:.2f} h real, {spoof:.2f} h synthetic"


def _amount(clips: list[Clip], origin: str) -> str:
    seconds = [clip.seconds for clip in clips if clip.engine_or_source == origin]
    return f"{sum(seconds) / 60:.1f} | {len(seconds)}"


def _voices(clips: list[Clip]) -> int:
    """Human voices in the training rows; roles of a game count as one each."""
    train = (clip for clip in clips if clip.split is Split.TRAIN and clip.label is Label.BONAFIDE)
    return len({clip.speaker for clip in train})


def _hours(clips: list[Clip], split: Split, label: Label) -> float:
    chosen = (clip for clip in clips if clip.split is split and clip.label is label)
    return sum(clip.seconds for clip in chosen) / 3600
