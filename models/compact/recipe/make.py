"""Make the model `compact` from nothing, in stages, from the packages to the release.

Every stage skips what is there already, so a killed run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from classifier import make_package
from corpus import build_corpus
from crops import hear_crops
from evaluation import evaluate_package
from fetch import fetch, versions
from release import release
from sources import SEED, Split
from training import train

_LOG = logging.getLogger("recipe")


class Stage(StrEnum):
    """The stages in their order."""

    FETCH = "fetch"
    CORPUS = "corpus"
    CROPS = "crops"
    TRAINING = "training"
    PACKAGE = "package"
    EVALUATION = "evaluation"
    RELEASE = "release"


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    work: Path
    steps: int
    until: Stage

    def reach(self, stage: Stage) -> bool:
        """Whether a stage is to run; says so in the log."""
        wanted = list(Stage).index(stage) <= list(Stage).index(self.until)
        if wanted:
            _LOG.info("%s", stage)
        return wanted


def parse_options() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for data and results")
    parser.add_argument("--steps", type=int, default=900, help="optimiser steps")
    parser.add_argument(
        "--until", type=Stage, choices=list(Stage), default=Stage.RELEASE, help="last stage to run"
    )
    arguments = parser.parse_args()
    return Options(arguments.work.resolve(), arguments.steps, arguments.until)


def make(options: Options) -> None:
    """Run the stages up to the last one wanted."""
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    if options.reach(Stage.FETCH):
        fetch(work)
        record_provenance(options)
    if options.reach(Stage.CORPUS):
        clips = build_corpus(work)
    if options.reach(Stage.CROPS):
        crops, check = (hear_crops(clips, work, s) for s in (Split.TRAIN, Split.VALIDATION))
    if options.reach(Stage.TRAINING):
        train(crops, check, work, options.steps)
    if options.reach(Stage.PACKAGE):
        package = make_package(clips, work)
    if options.reach(Stage.EVALUATION):
        evaluated = evaluate_package(clips, work, package)
    if options.reach(Stage.RELEASE):
        release(clips, evaluated, package, work)


def record_provenance(options: Options) -> None:
    """Write down what the result depends on besides this recipe."""
    provenance = {"seed": SEED, "steps": options.steps, "versions": versions(options.work)}
    (options.work / "provenance.json").write_text(json.dumps(provenance, indent=1))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    make(parse_options())
