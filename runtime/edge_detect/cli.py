"""The command `edge-detect`: parse, call, print; errors become exit codes.

Exit codes: 0 every file answered, 1 some file failed, 2 usage, 3 the model could not be loaded,
10 and 11 what `--fail-on` found, 130 interrupted.
"""

import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO, TypeAlias, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from edge_detect import __version__
from edge_detect.bench_report import BenchFormat, write_report
from edge_detect.detection import BYTES_NAME, Device, Failure
from edge_detect.errors import EdgeDetectError, ModelError, TruncatedAudio
from edge_detect.fail_on import EXIT_FAILED, FailOn, Tally
from edge_detect.fetching import Fetching
from edge_detect.inputs import (
    SOUND,
    STANDARD_INPUT,
    Selection,
    check_standard_input,
    expand,
    read_list,
)
from edge_detect.output import Format, Result, write_results
from edge_detect.precision import AUTO, choose
from edge_detect.resuming import finished, growing, remaining
from edge_detect.store import DEFAULT_MODEL, installed_packages, open_package
from edge_detect.summary import summarise
from edge_detect.whole_file import check_folder, whole_or_nothing, write_whole
from edge_detect.windowing import Mode, Windowing

if TYPE_CHECKING:
    from edge_detect.detection import Detection
    from edge_detect.detector import Detector
    from edge_detect.placement import Placement
    from edge_detect.witness import Witness

Item = TypeVar("Item")

ReportFormat: TypeAlias = Literal["table", "json"]

EXIT_MODEL = 3
EXIT_INTERRUPTED = 130

MEGABYTE = 1_000_000

# What a plot and a report can be, by the endings of their names.
PLOTS = (".svg", ".html", ".png")
REPORTS = (".json", ".html")

GROUP_OPTIONS = {"--help", "--version", "--install-completion", "--show-completion"}

# A subcommand of an extra reads its own arguments.
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def known_models(incomplete: str) -> list[str]:
    """Names of models that begin so, for the shell's completion."""
    return [name for name in installed_packages() if name.startswith(incomplete)]


# Options of every command that loads a model.
ModelOption = Annotated[
    str,
    typer.Option(metavar="NAME|FOLDER", help="Model package.", autocompletion=known_models),
]
DeviceOption = Annotated[Device, typer.Option(help="Where the encoder runs.")]
PrecisionOption = Annotated[
    str, typer.Option(metavar="NAME", help="fp32, … as the model package has, or auto.")
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="CPU threads.  [default: all usable]")
]

# How a model is named, and what a command that downloads may do.
ModelArgument = Annotated[
    str, typer.Argument(metavar="NAME|FOLDER", autocompletion=known_models, show_default=False)
]
AllowHostOption = Annotated[
    list[str] | None,
    typer.Option(metavar="HOST", help="A host, or host:port, that may be private; repeatable."),
]
MaxDownloadOption = Annotated[
    int, typer.Option(min=1, metavar="MB", help="Largest file from an address.")
]
DownloadTimeoutOption = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="Longest wait for such a file.")
]


IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Files of a folder that are meant; repeatable.  [default: audio and video]",
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Files of a folder that are not; repeatable."),
]


def checked_sha256(text: str | None) -> str | None:
    """A sha256 in lower-case hex, as it was meant."""
    if text is not None and not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise typer.BadParameter(f"{text!r} is no sha256 of 64 hex digits")
    return text and text.lower()


Sha256Option = Annotated[
    str | None,
    typer.Option(
        metavar="HEX", callback=checked_sha256, help="Refuse an archive that has another one."
    ),
]


class DetectByDefault(TyperGroup):
    """Runs the detection wherever the first argument is no subcommand."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in GROUP_OPTIONS and args[0] not in self.commands:
            args = ["detect", *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """List the options of the detection, then the group's own and its subcommands."""
        detect = self.commands["detect"]
        records = [param.get_help_record(ctx) for param in detect.params if param.name != "files"]
        with formatter.section("Detection"):
            formatter.write_dl([record for record in records if record])
        super().format_options(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Offer the detection's options beside the group's own and the subcommands."""
        detect = self.commands["detect"]
        own = super().shell_complete(ctx, incomplete)
        known = {item.value for item in own}
        with detect.make_context("detect", [], parent=ctx, resilient_parsing=True) as context:
            offered = detect.shell_complete(context, incomplete)
        return own + [item for item in offered if item.value not in known]


class PassedOn(TyperCommand):
    """A subcommand of an extra, which has the options of its own."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Offer them."""
        command = typer.main.get_command(import_module(f"edge_{self.name}.__main__").app)
        return command.shell_complete(ctx, incomplete)


app = typer.Typer(
    name="edge-detect",
    cls=DetectByDefault,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    subcommand_metavar="FILE... | COMMAND [ARGS]...",
)
models = typer.Typer(
    help="The model packages that can be loaded by name: look at them, add and remove them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(models, name="models")


def main() -> None:
    """Entry point of the console script."""
    app()


def print_version(wanted: bool) -> None:
    """Print the version and stop, where it is wanted."""
    if wanted:
        typer.echo(f"edge-detect {__version__}")
        raise typer.Exit


@app.callback()
def group(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Tell a real human voice from a synthetic one.

    Give audio or video files, or their http or https addresses, for a verdict on each:
    edge-detect FILE...
    """


@app.command(hidden=True)
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
        names = [*(files or []), *(read_list(files_from) if files_from else [])]
        if not names:
            raise typer.BadParameter("give at least one, or --files-from", param_hint="FILE...")
        selection = chosen_files(include, exclude)
        items = list(expand(names, selection))
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


@app.command("bench")
def bench_model(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="A clip; the model's golden clip if none."),
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    seconds: Annotated[
        float, typer.Option(min=1, metavar="N", help="About how long it may take in all.")
    ] = 60,
    form: Annotated[BenchFormat, typer.Option("--format", help="JSON has every sample.")] = "table",
) -> None:
    """Measure this model on this machine: every precision's speed, and what it costs."""
    with exit_on_error():
        from edge_detect.bench import bench

        package = open_package(model)
        report = bench(package, file, device=device, threads=threads, seconds=seconds)
    write_report(report, form, standard_output())


@app.command("evaluate")
def evaluate_model(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder with a sub-folder for each label, or a .csv or .jsonl list.",
            show_default=False,
        ),
    ],
    model: ModelOption = DEFAULT_MODEL,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="What clips are heard through: full, band-3.4k, mp3, 2s, …; repeatable.  "
            "[default: all]",
        ),
    ] = None,
    bonafide_label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL",
            help="A label that means real speech, all others then don't; repeatable.  "
            "[default: the model's own, bonafide, real, genuine, human]",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write JSON with every score.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one page with plots and tables.")
    ] = None,
    form: Annotated[
        ReportFormat, typer.Option("--format", help="What is written to standard output.")
    ] = "table",
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Of the intervals.")
    ] = 0,
) -> None:
    """Measure a model on labelled clips: error rates by engine, source, language, codec, …"""
    prepare_standard_error()
    with exit_on_error():
        from edge_detect.conditions import ALL
        from edge_detect.detector import Detector  # onnxruntime: 0.3 s that --help doesn't need
        from edge_detect.evaluate import evaluate
        from edge_detect.evaluation_page import render_page
        from edge_detect.evaluation_report import report_json, write_table

        for file in (output, html):
            if file is not None:
                check_folder(file)
        detector = Detector.load(
            model,
            device=device,
            precision=precision,
            threads=threads,
            expected_sources=sys.maxsize,
        )
        report = evaluate(
            detector,
            data,
            conditions=conditions or (ALL,),
            bonafide_labels=bonafide_label or (),
            seed=seed,
            follow=bar_on_terminal,
        )
        for entry in report.left_out:
            sys.stderr.write(f"warning: left out: {entry.message}\n")
        for entry in report.failures:
            sys.stderr.write(f"error: {entry.message}\n")
        if output is not None:
            write_whole(output, report_json(report))
        if html is not None:
            write_whole(html, render_page(report))
    if form == "json":
        standard_output().write(report_json(report))
    else:
        write_table(report, standard_output())
    if report.failures:
        raise typer.Exit(EXIT_FAILED)


@app.command("calibrate")
def calibrate_model(
    real: Annotated[
        str,
        typer.Argument(metavar="REAL_DIR", help="A folder of real voices.", show_default=False),
    ],
    fake: Annotated[
        str,
        typer.Argument(metavar="FAKE_DIR", help="One of synthetic ones.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The profile, for --profile.", show_default=False),
    ],
    model: ModelOption = DEFAULT_MODEL,
    false_positive_rate: Annotated[
        float,
        typer.Option(metavar="P", help="Share of real clips that may be accused, 0 to 1."),
    ] = 0.01,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    form: Annotated[
        ReportFormat, typer.Option("--format", help="What is written to standard output.")
    ] = "table",
) -> None:
    """Fit a model's probabilities and verdict to your own clips: a profile for --profile."""
    prepare_standard_error()
    with exit_on_error():
        from edge_detect.calibrate import LabelledFolders, calibrate, score_folders
        from edge_detect.calibration import check_share
        from edge_detect.calibration_profile import format_profile
        from edge_detect.calibration_report import write_json, write_table
        from edge_detect.detector import Detector  # onnxruntime: 0.3 s that --help doesn't need

        given("--false-positive-rate", lambda: check_share(false_positive_rate, "the rate"))
        check_folder(output)
        folders = LabelledFolders.find(real, fake, chosen_files(include, exclude))
        folders.check_enough(false_positive_rate)
        detector = Detector.load(
            model,
            device=device,
            precision=precision,
            threads=threads,
            expected_sources=sys.maxsize,
        )
        scored = score_folders(detector, folders, bar_on_terminal)
        for failure in scored.failures:
            print_error(failure.error)
        report = calibrate(detector, folders, scored, false_positive_rate)
        write_whole(output, format_profile(report.profile))
    (write_json if form == "json" else write_table)(report, standard_output())
    if report.failures:
        sys.stderr.write(f"warning: {str(output)!r} rests on the clips without an error alone\n")
        raise typer.Exit(EXIT_FAILED)


@app.command("verify")
def verify_model(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="Name or folder.", autocompletion=known_models),
    ] = DEFAULT_MODEL,
    form: Annotated[
        ReportFormat, typer.Option("--format", help="JSON has every file and feature.")
    ] = "table",
) -> None:
    """Prove that a model gives its makers' answers on this machine, in every precision."""
    prepare_standard_error()
    with exit_on_error(), redirect_stdout(sys.stderr):  # where onnxruntime's remarks belong
        from edge_detect.verification import verify
        from edge_detect.verification_report import write_json, write_table

        certificate = verify(open_package(model))
    (write_json if form == "json" else write_table)(certificate, standard_output())
    if not certificate.passed:
        raise typer.Exit(EXIT_FAILED)


@app.command("doctor")
def examine(
    form: Annotated[
        ReportFormat, typer.Option("--format", help="What is written to standard output.")
    ] = "table",
) -> None:
    """Look for what is wrong with this installation and machine, and say what helps."""
    from edge_detect.doctor import diagnose
    from edge_detect.doctor_report import write_json, write_table

    prepare_standard_error()
    checks = diagnose()
    (write_json if form == "json" else write_table)(checks, standard_output())
    if any(check.status == "problem" for check in checks):
        raise typer.Exit(EXIT_FAILED)


@app.command(cls=PassedOn, add_help_option=False, context_settings=PASSED_ON)
def export(ctx: typer.Context) -> None:
    """Turn a trained Wav2Vec2 and its scikit-learn head into a model package."""
    from edge_export.__main__ import app as export_app

    export_app(args=ctx.args, prog_name="edge-detect export")


@app.command(cls=PassedOn, add_help_option=False, context_settings=PASSED_ON)
def train(ctx: typer.Context) -> None:
    """Train a head on labelled clips, with a report, and make a model package of it."""
    from edge_train.__main__ import app as train_app

    train_app(args=ctx.args, prog_name="edge-detect train")


@models.command("list")
def list_models() -> None:
    """List the model packages that can be loaded by name."""
    for name, folder in installed_packages().items():
        typer.echo(f"{name}\t{folder}")


@models.command("path")
def model_path(model: ModelArgument) -> None:
    """Print the folder of a model package."""
    with exit_on_error():
        typer.echo(open_package(model).folder)


@models.command("add")
def add_model(
    archive: Annotated[
        Path,
        typer.Argument(
            metavar="ARCHIVE", help="What `edge-detect bundle` wrote.", show_default=False
        ),
    ],
    sha256: Sha256Option = None,
) -> None:
    """Check a bundle, then place its model where it is found by name."""
    with exit_on_error():
        from edge_detect.placement import opened_archive, place

        with opened_archive(archive) as file:
            print_placement(place(file, str(archive), sha256))


@models.command("pull")
def pull_model(
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="http or https, of a bundle.", show_default=False),
    ],
    sha256: Sha256Option = None,
    allow_host: AllowHostOption = None,
    max_download: MaxDownloadOption = 1000,
    download_timeout: DownloadTimeoutOption = 600,
) -> None:
    """Download a bundle, check it, then place its model where it is found by name."""
    fetching = fetching_limits(allow_host, max_download, download_timeout)
    with exit_on_error():
        from edge_detect.placement import place
        from edge_detect.remote import open_url

        with open_url(address, fetching) as file:
            placement = place(file, address, sha256)
    print_placement(placement)
    if sha256 is None:
        typer.echo(f"next time: --sha256 {placement.archive_sha256}")


@models.command("remove")
def remove_model(
    name: Annotated[
        str, typer.Argument(metavar="NAME", autocompletion=known_models, show_default=False)
    ],
) -> None:
    """Remove a model that was added or pulled."""
    with exit_on_error():
        from edge_detect.placement import remove

        typer.echo(f"removed {remove(name)}")


@app.command("bundle")
def bundle_model(
    model: ModelArgument,
    output: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The archive, a .tar.gz.", show_default=False),
    ],
) -> None:
    """Put a model into one archive, with licences and checksums, for `models add` elsewhere."""
    with exit_on_error():
        from edge_detect.bundle import write_bundle

        digest = write_bundle(open_package(model), output)
    typer.echo(f"{digest}  {output}")


@models.command("show")
def show_model(model: ModelArgument) -> None:
    """Show what a model package is, what its precisions cost and gain, and how it was made."""
    with exit_on_error():
        from edge_detect.session import possible_devices

        package = open_package(model)
        auto = choose(package, AUTO, possible_devices("auto"))
    rows = summarise(package, auto)
    width = max(len(title) for title, _ in rows)
    for title, text in rows:
        typer.echo(f"{title:<{width}}  {text}")


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


def given(name: str, make: Callable[[], Item]) -> Item:
    """What an option makes, or the usage error that names it."""
    try:
        return make()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=name) from error


def chosen_files(include: list[str] | None, exclude: list[str] | None) -> Selection:
    """Which files of a folder are meant, by the options of the command."""
    return Selection(tuple(include or SOUND), tuple(exclude or ()))


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


def bar_on_terminal(items: Sequence[Item]) -> Iterable[Item]:
    """The items, under a bar where standard error is a terminal."""
    return progress_bar(items, len(items)) if sys.stderr.isatty() else items


def progress_bar(items: Iterable[Item], total: int) -> Iterator[Item]:
    """Draw a bar on standard error while the items pass; it is gone afterwards."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(items, total=total, description="")


def fetching_limits(allow_host: list[str] | None, megabytes: int, seconds: float) -> Fetching:
    """What may be fetched, by the options of the command."""
    try:
        return Fetching(
            max_bytes=megabytes * MEGABYTE, seconds=seconds, allow_hosts=tuple(allow_host or ())
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--allow-host") from error


def print_placement(placement: "Placement") -> None:
    """The line that `models list` has of the model, and what it took the name of."""
    typer.echo(f"{placement.folder.name}\t{placement.folder}")
    if placement.hidden:
        sys.stderr.write(f"warning: it hides the model of that name in {placement.hidden}\n")


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Turn what stops every file into one line and an exit code."""
    try:
        yield
    except EdgeDetectError as error:
        print_error(error)
        raise typer.Exit(EXIT_MODEL if isinstance(error, ModelError) else EXIT_FAILED) from error
    except KeyboardInterrupt as interrupt:
        sys.stderr.write("interrupted\n")
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt


def print_error(error: EdgeDetectError) -> None:
    """One line on standard error; above the progress bar, which takes sys.stderr's place."""
    sys.stderr.write(f"error: {error.message}\n")


def print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """One line on standard error; has the signature of warnings.showwarning, which it replaces."""
    sys.stderr.write(f"warning: {message}\n")


def prepare_standard_error() -> None:
    """Keep decoders' remarks off it, and give each damaged file its one line."""
    keep_decoders_quiet()
    warnings.simplefilter("always", TruncatedAudio)
    warnings.showwarning = print_warning


def keep_decoders_quiet() -> None:
    """Give standard error to the command alone.

    libmpg123 writes remarks of its own to file descriptor 2, beside the error or the warning that
    says the same in one line; so the descriptor is muted and the command keeps a copy of it.
    """
    if sys.stderr is not sys.__stderr__ or sys.stderr is None:
        return  # a test or an embedding program has put its own stream there
    own = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    mute = os.open(os.devnull, os.O_WRONLY)
    os.dup2(mute, 2)
    os.close(mute)
    sys.stderr = own


def standard_output() -> TextIO:
    """Standard output that can write any file name, whatever the locale."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    return sys.stdout
