"""The command `edge-detect train`, also `python -m edge_train`.

Exit codes: 0 the package was written, 1 it was not, 2 usage.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from edge_detect.cache import CACHE_VARIABLE
from edge_detect.clips import Clip, Selection
from edge_detect.store import DEFAULT_MODEL
from edge_export.command import BonafideLabels, Licence, ModelName, NewFolder, one_line_errors

if TYPE_CHECKING:
    from edge_train.training import Training

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)

# Of what was left out, as many lines go to the terminal; all of them stand in metrics.json.
SHOWN_LEFT_OUT = 10

# For datasets and huggingface_hub, which read it when they are imported.
NO_DOWNLOAD_BARS = {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


@app.command()
def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder with a sub-folder for each label, a .csv or .jsonl list, or a Hugging "
            "Face dataset (folder or hub id).",
            show_default=False,
        ),
    ],
    out: NewFolder,
    encoder: Annotated[
        str,
        typer.Option(
            metavar="NAME|FOLDER|HUB_ID",
            help="A model package, or a Wav2Vec2 (folder or hub id) that is exported first.",
        ),
    ] = DEFAULT_MODEL,
    bonafide: BonafideLabels = None,
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Keep clips of one value, a speaker, on one side of the split."
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=2**32 - 1, help="Of the split and the classifiers."),
    ] = 0,
    name: ModelName = None,
    licence: Licence = "not stated",
    audio_column: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Column of the clips.  [default: path; audio in a dataset]"
        ),
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the labels.  [default: label]")
    ] = None,
    dataset_split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Split of a Hugging Face dataset.  [default: train]"),
    ] = None,
    dataset_config: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Configuration of a Hugging Face dataset on the hub."),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Keeps embeddings, and encoders exported here.  "
            f"[default: {CACHE_VARIABLE}, or edge-detect in the user's cache]",
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="CPU threads.  [default: all usable]")
    ] = None,
) -> None:
    """Train a head on labelled clips and write it, with its encoder, as a model package.

    The folder also gets metrics.json and report.html, a page with every figure and plot.
    """
    if not sys.stderr.isatty():
        os.environ.update(NO_DOWNLOAD_BARS)
    selection = Selection(audio_column, label_column, groups, dataset_config, dataset_split)
    with one_line_errors("train"):
        from edge_train.summary import write_summary
        from edge_train.training import train as run_training

        training = run_training(
            data,
            out,
            encoder=encoder,
            selection=selection,
            seed=seed,
            bonafide_labels=bonafide,
            name=name,
            licence=licence,
            cache=cache,
            threads=threads,
            follow=progress_bar,
        )
    for line in remarks(training):
        typer.echo(line, err=True)
    write_summary(training.record, sys.stdout)
    typer.echo(f"package: {training.package}")
    typer.echo(f"report:  {training.report}")


def progress_bar(clips: Sequence[Clip]) -> Iterable[Clip]:
    """Draw a bar on standard error while the clips pass, where that is a terminal."""
    if not sys.stderr.isatty():
        return clips
    return tracked(clips)


def tracked(clips: Sequence[Clip]) -> Iterator[Clip]:
    """The clips under a bar that is gone afterwards."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(clips)


def remarks(training: "Training") -> Iterator[str]:
    """What was left out, what is damaged and what to beware of, a line each."""
    record = training.record
    yield f"clips found: {record.clips_found}; embeddings from the cache: {training.from_cache}"
    if record.left_out:
        yield f"warning: clips left out: {len(record.left_out)}; metrics.json names them all"
    for entry in record.left_out[:SHOWN_LEFT_OUT]:
        yield f"warning: left out ({entry.reason}): {entry.message}"
    for label in record.left_out_labels:
        yield f"warning: label left out: {label.message}"
    if record.damaged:
        yield (
            f"warning: damaged clips, used as far as they can be read: {len(record.damaged)}, "
            f"{record.damaged[0]!r} first"
        )
    for warning in record.warnings:
        yield f"warning: {warning}"


if __name__ == "__main__":
    app(prog_name="python -m edge_train")
