"""`edge-detect FILE...`: a verdict on each file, in whatever form it is wanted."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from edge_detect.command import (
    EXIT_INTERRUPTED,
    MEGABYTE,
    AllowHostOption,
    DeviceOption,
    DownloadTimeoutOption,
    ExcludeOption,
    IncludeOption,
    Judging,
    MaxDownloadOption,
    ModelOption,
    PrecisionOption,
    ThreadsOption,
    chosen_files,
    exit_on_error,
    fetching_limits,
    given,
    prepare_standard_error,
    print_error,
    progress_bar,
    standard_output,
)
from edge_detect.detection import BYTES_NAME, Failure
from edge_detect.fail_on import FailOn, Tally
from edge_detect.fetching import Fetching
from edge_detect.inputs import (
    STANDARD_INPUT,
    Selection,
    check_standard_input,
    expand,
    read_list,
)
from edge_detect.output import Format, Result, write_results
from edge_detect.parquet import check_parquet
from edge_detect.precision import AUTO
from edge_detect.resuming import Basis, finished, growing, remaining
from edge_detect.store import DEFAULT_MODEL
from edge_detect.whole_file import check_folder, whole_or_nothing
from edge_detect.windowing import Mode, Windowing

if TYPE_CHECKING:
    from edge_detect.detection import Detection
    from edge_detect.detector import Detector
    from edge_detect.witness import Witness

# What a plot and a report can be, by the endings of their names.
PLOTS = (".svg", ".html", ".png")
REPORTS = (".json", ".html")


@dataclass(frozen=True)
class Outcome:
    """What becomes of the answers, by the options."""

    form: Format
    timeline: bool
    output: Path | None
    resume: bool
    plot: Path | None
    report: Path | None

    @property
    def drawn(self) -> list[Path]:
        """What is written of one file besides its answer."""
        return [path for path in (self.plot, self.report) if path]

    @property
    def grows(self) -> bool:
        """Whether an interrupted run can be resumed."""
        return self.output is not None and self.form == "jsonl"

    def check_usage(self) -> None:
        """Refuse options that don't go together; raises the usage error."""
        if self.resume and not self.grows:
            raise typer.BadParameter("needs --output and --format jsonl", param_hint="--resume")
        if self.form == "parquet" and not self.output:
            raise typer.BadParameter("parquet needs --output FILE", param_hint="--format")
        if self.timeline and self.form != "table":
            raise typer.BadParameter(
                "is for the table; the others have it", param_hint="--timeline"
            )
        given("--plot", lambda: check_ending(self.plot, PLOTS))
        given("--report", lambda: check_ending(self.report, REPORTS))
        if self.drawn and (self.resume or len({*self.drawn, self.output}) <= len(self.drawn)):
            raise typer.BadParameter(
                "need a file each, and no --resume", param_hint="--plot and --report"
            )

    def check_possible(self, files: int) -> None:
        """Refuse what can't be written of so many files, before work is done for it.

        Raises:
            OutputError: a folder or a package is missing.
            BadParameter: the files are too many.
        """
        if self.drawn and files > 1:
            raise typer.BadParameter(
                f"are for one file, not for {files}", param_hint="--plot and --report"
            )
        for path in (self.output, *self.drawn):
            if path:
                check_folder(path)
        if self.output and self.form == "parquet":
            check_parquet(self.output)
        if self.plot:
            from edge_detect.plot import check_plot

            check_plot(self.plot)


def detect(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", show_default=False)
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Files at a time.  [default: as many as threads]"),
    ] = None,
    mode: Annotated[
        Mode | None,
        typer.Option(help="Judge in one piece or in windows.  [default: by --max-whole]"),
    ] = None,
    max_whole: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Longer files are judged in windows.")
    ] = Windowing.whole_seconds,
    window: Annotated[
        float, typer.Option(min=0.5, metavar="SECONDS", help="Length of a window.")
    ] = Windowing.window_seconds,
    hop: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="From one window to the next.")
    ] = Windowing.hop_seconds,
    top_k: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="K",
            help="Judge a file by its K most suspicious windows.  [default: by all]",
        ),
    ] = None,
    min_speech: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Refuse files with less sound.")
    ] = Windowing.min_speech_seconds,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="P",
            help="Spoof probability that accuses.  [default: the model's decision]",
        ),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="spoof[:P]", help="Exit with 10 if found, 11 if only inconclusive ones are."
        ),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What `edge-detect calibrate` wrote, to judge by."),
    ] = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    files_from: Annotated[
        str | None, typer.Option(metavar="LIST", help="A file with a name on each line.")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="Of the results; parquet needs --output.")
    ] = "table",
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Draw each file's windows below the table.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw one file's course: .svg, .html, or .png."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what one file's answer rests on: .json, .html."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write there, whole or not at all.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where a run with --output and jsonl was cut short."),
    ] = False,
    allow_host: AllowHostOption = None,
    max_download: MaxDownloadOption = Fetching.max_bytes // MEGABYTE,
    download_timeout: DownloadTimeoutOption = Fetching.seconds,
) -> None:
    """Give a verdict on each file, folder or address; - is standard input."""
    judging = Judging(
        model,
        device,
        precision,
        threads,
        fetching_limits(allow_host, max_download, download_timeout),
        given(
            "--window, --hop or --max-whole",
            lambda: Windowing(mode, max_whole, window, hop, top_k, min_speech),
        ),
        threshold,
        jobs,
        profile,
    )
    outcome = Outcome(form, timeline, output, resume, plot, report)
    run = Run(Tally(given("--fail-on", lambda: FailOn.parse(fail_on)) if fail_on else None))
    given("FILE...", lambda: check_standard_input(files or [], files_from))
    if threshold is not None and profile:
        raise typer.BadParameter("a profile has its own; leave one out", param_hint="--threshold")
    outcome.check_usage()
    prepare_standard_error()
    with exit_on_error():
        items = items_given(files or [], files_from, chosen_files(include, exclude))
        outcome.check_possible(len(items))
        judge(items, judging, outcome, run)
    if run.exit_code:
        raise typer.Exit(run.exit_code)


def judge(items: Sequence[str | Failure], judging: Judging, outcome: Outcome, run: "Run") -> None:
    """Judge every item, or those that are left to a resumed run, and write what is wanted."""
    detector = judging.load(len(items))
    if judging.precision == AUTO and len(detector.manifest.encoders) > 1 and sys.stderr.isatty():
        sys.stderr.write(f"precision {detector.precision_reason}\n")
    basis = basis_of(detector, judging)
    output = outcome.output
    if outcome.resume and output:
        done = given("--resume", lambda: finished(output, basis, run.tally))
        items = list(remaining(items, done))
    sources = read_input(items)
    witness = None
    if outcome.drawn:
        witness = witness_of(items, sources, judging.fetching, bool(outcome.report))
    answers = witness.answer(detector) if witness else detector.predict_batch(sources)
    results = run.follow(standard_input_named(answers))
    if shows_progress(len(items), outcome):
        results = progress_bar(results, len(items))
    with results_file(outcome, basis) as out:
        write_results(results, detector.manifest.labels, outcome.form, out, outcome.timeline)
        if run.interrupted and outcome.grows:
            raise typer.Exit(EXIT_INTERRUPTED)  # the part stays, for --resume
    if witness and witness.detection:
        write_drawn(witness, witness.detection, detector, outcome)


def basis_of(detector: "Detector", judging: Judging) -> Basis:
    """What the answers hang on; not where they are computed, nor what an address may give."""
    model, windowing = detector.model, judging.windowing
    return {
        "--model": f"{model.name} (sha256 {model.sha256})",
        "--precision": model.precision,
        "--threshold": judging.threshold,
        "--profile": f"of sha256 {detector.profile.sha256}" if detector.profile else None,
        "--mode": windowing.mode,
        "--max-whole": windowing.whole_seconds,
        "--window": windowing.window_seconds,
        "--hop": windowing.hop_seconds,
        "--top-k": windowing.top_k,
        "--min-speech": windowing.min_speech_seconds,
    }


class Run:
    """Passes results on, says each failure on standard error, and ends where it is interrupted."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.interrupted = False

    @property
    def exit_code(self) -> int:
        """What the run comes to."""
        return EXIT_INTERRUPTED if self.interrupted else self.tally.exit_code

    def follow(self, results: Iterable[Result]) -> Iterator[Result]:
        """Yield every result; after Ctrl-C those that are there are all."""
        try:
            for result in results:
                if isinstance(result, Failure):
                    self.tally.add_failure()
                    print_error(result.error)
                else:
                    self.tally.add(result.spoof_probability, result.verdict)
                yield result
        except KeyboardInterrupt:
            self.interrupted = True
            sys.stderr.write("interrupted: what follows was not answered\n")


def items_given(
    files: Sequence[str], files_from: str | None, selection: Selection
) -> list[str | Failure]:
    """The files and addresses that are named, folders as what is meant of them."""
    names = [*files, *(read_list(files_from) if files_from else [])]
    if not names:
        raise typer.BadParameter("give at least one, or --files-from", param_hint="FILE...")
    return list(expand(names, selection))


def read_input(items: Iterable[str | Failure]) -> Sequence[str | bytes | Failure]:
    """The items with standard input's content in the place of its name."""
    return [sys.stdin.buffer.read() if item == STANDARD_INPUT else item for item in items]


def check_ending(path: Path | None, endings: Sequence[str]) -> None:
    """Refuse a name whose ending says no kind of file that can be written.

    Raises:
        ValueError: names it.
    """
    if path and path.suffix.lower() not in endings:
        raise ValueError(f"{str(path)!r} ends in none of {', '.join(endings)}; name one that does")


def witness_of(
    items: Sequence[str | Failure],
    sources: Sequence[str | bytes | Failure],
    fetching: Fetching,
    digest: bool,
) -> "Witness | None":
    """Who sees the one source judged; nobody where it is a failure already."""
    from edge_detect.witness import Witness

    [item], [source] = items, sources
    if isinstance(item, Failure):
        return None
    return Witness(item, source if isinstance(source, bytes) else None, fetching, digest)


def write_drawn(
    witness: "Witness",
    detection: "Detection",
    detector: "Detector",
    outcome: Outcome,
) -> None:
    """Write the plot and the report of one answer."""
    from edge_detect.evidence import course_of, gather_evidence
    from edge_detect.evidence_page import write_evidence
    from edge_detect.plot import write_plot

    course = course_of(witness, detection, detector)
    if outcome.plot:
        write_plot(course, outcome.plot)
    if outcome.report:
        command = ("edge-detect", *sys.argv[1:])
        write_evidence(
            gather_evidence(witness, detection, detector, command), course, outcome.report
        )


def standard_input_named(results: Iterable[Result]) -> Iterator[Result]:
    """The results, that of standard input under the name it was given by."""
    for result in results:
        is_bytes = result.source == BYTES_NAME
        yield replace(result, source=STANDARD_INPUT) if is_bytes else result


@contextmanager
def results_file(outcome: Outcome, basis: Basis) -> Iterator[TextIO]:
    """Where results are written: standard output, or a file that is there whole or not at all."""
    path = outcome.output
    if path is None:
        yield standard_output()
    elif outcome.form == "jsonl":
        with growing(path, basis, outcome.resume) as file:
            yield file
    else:
        with (
            whole_or_nothing(path) as part,
            part.open("w", encoding="utf-8", errors="surrogateescape") as file,
        ):
            yield file


def shows_progress(total: int, outcome: Outcome) -> bool:
    """Many files on a terminal get a progress bar, unless the results run over it."""
    streamed = outcome.form in ("jsonl", "csv") and not outcome.output and sys.stdout.isatty()
    return total > 1 and sys.stderr.isatty() and not streamed
