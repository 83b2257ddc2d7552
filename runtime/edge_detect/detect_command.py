"""`edge-detect FILE...`: a verdict on each file, in whatever form it is wanted."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
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
from edge_detect.precision import AUTO
from edge_detect.resuming import finished, growing, remaining
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
        Format, typer.Option("--format", help="What is written to standard output.")
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
    fetching = fetching_limits(allow_host, max_download, download_timeout)
    windowing = given(
        "--window, --hop or --max-whole",
        lambda: Windowing(mode, max_whole, window, hop, top_k, min_speech),
    )
    tally = Tally(given("--fail-on", lambda: FailOn.parse(fail_on)) if fail_on else None)
    given("FILE...", lambda: check_standard_input(files or [], files_from))
    if resume and not (output and form == "jsonl"):
        raise typer.BadParameter("needs --output and --format jsonl", param_hint="--resume")
    if threshold is not None and profile:
        raise typer.BadParameter("a profile has its own; leave one out", param_hint="--threshold")
    if timeline and form != "table":
        raise typer.BadParameter("is for the table; the others have it", param_hint="--timeline")
    given("--plot", lambda: check_ending(plot, PLOTS))
    given("--report", lambda: check_ending(report, REPORTS))
    drawn = [path for path in (plot, report) if path]
    if drawn and (resume or len({*drawn, output}) <= len(drawn)):
        raise typer.BadParameter(
            "need a file each, and no --resume", param_hint="--plot and --report"
        )
    prepare_standard_error()
    with exit_on_error():
        items = items_given(files or [], files_from, chosen_files(include, exclude))
        if drawn and len(items) > 1:
            raise typer.BadParameter(
                f"are for one file, not for {len(items)}", param_hint="--plot and --report"
            )
        for path in [output, *drawn]:
            if path:
                check_folder(path)
        if plot:
            from edge_detect.plot import check_plot

            check_plot(plot)
        from edge_detect.detector import Detector  # onnxruntime: 0.3 s that --help doesn't need

        detector = Detector.load(
            model,
            device=device,
            precision=precision,
            threads=threads,
            fetching=fetching,
            expected_sources=len(items),
            windowing=windowing,
            threshold=threshold,
            jobs=jobs,
            profile=profile,
        )
        if precision == AUTO and len(detector.manifest.encoders) > 1 and sys.stderr.isatty():
            sys.stderr.write(f"precision {detector.precision_reason}\n")
        if resume and output:
            items = list(remaining(items, finished(output, detector.model.sha256, tally)))
        run = Run(tally)
        sources = read_input(items)
        witness = witness_of(items, sources, fetching, bool(report)) if drawn else None
        answers = witness.answer(detector) if witness else detector.predict_batch(sources)
        results = run.follow(standard_input_named(answers))
        if shows_progress(len(items), form, output):
            results = progress_bar(results, len(items))
        with results_file(output, form, resume) as out:
            write_results(results, detector.manifest.labels, form, out, timeline)
            if run.interrupted and output and form == "jsonl":
                raise typer.Exit(EXIT_INTERRUPTED)  # the part stays, for --resume
        if witness and witness.detection:
            write_drawn(witness, witness.detection, detector, plot, report)
    if run.interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
    if tally.exit_code:
        raise typer.Exit(tally.exit_code)


class Run:
    """Passes results on, says each failure on standard error, and ends where it is interrupted."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.interrupted = False

    def follow(self, results: Iterable[Result]) -> Iterator[Result]:
        """Yield every result; after Ctrl-C those that are there are all."""
        try:
            for result in results:
                if isinstance(result, Failure):
                    self._tally.add_failure()
                    print_error(result.error)
                else:
                    self._tally.add(result.spoof_probability, result.verdict)
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
    plot: Path | None,
    report: Path | None,
) -> None:
    """Write the plot and the report of one answer."""
    from edge_detect.evidence import course_of, gather_evidence
    from edge_detect.evidence_page import write_evidence
    from edge_detect.plot import write_plot

    course = course_of(witness, detection, detector)
    if plot:
        write_plot(course, plot)
    if report:
        command = ("edge-detect", *sys.argv[1:])
        write_evidence(gather_evidence(witness, detection, detector, command), course, report)


def standard_input_named(results: Iterable[Result]) -> Iterator[Result]:
    """The results, that of standard input under the name it was given by."""
    for result in results:
        is_bytes = result.source == BYTES_NAME
        yield replace(result, source=STANDARD_INPUT) if is_bytes else result


@contextmanager
def results_file(path: Path | None, form: Format, resume: bool) -> Iterator[TextIO]:
    """Where results are written: standard output, or a file that is there whole or not at all."""
    if path is None:
        yield standard_output()
    elif form == "jsonl":
        with growing(path, resume) as file:
            yield file
    else:
        with (
            whole_or_nothing(path) as part,
            part.open("w", encoding="utf-8", errors="surrogateescape") as file,
        ):
            yield file


def shows_progress(total: int, form: Format, output: Path | None) -> bool:
    """Many files on a terminal get a progress bar, unless the results run over it."""
    streamed = form in ("jsonl", "csv") and sys.stdout.isatty() and output is None
    return total > 1 and sys.stderr.isatty() and not streamed
