"""The command `edge-detect`: parse, call, print; errors become exit codes.

Exit codes: 0 every file answered, 1 some file failed, 2 usage, 3 the model could not be loaded,
10 and 11 what `--fail-on` found, 130 interrupted.
"""

import sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from edge_detect import __version__
from edge_detect.bench_report import BenchFormat, write_report
from edge_detect.command import (
    DeviceOption,
    ExcludeOption,
    IncludeOption,
    Judging,
    ModelOption,
    PrecisionOption,
    ReportFormat,
    ThreadsOption,
    bar_on_terminal,
    chosen_files,
    exit_on_error,
    exit_on_refused_output,
    given,
    known_models,
    prepare_standard_error,
    print_error,
    standard_output,
)
from edge_detect.detect_command import detect
from edge_detect.fail_on import EXIT_FAILED
from edge_detect.models_command import bundle_model, models
from edge_detect.store import DEFAULT_MODEL, open_package
from edge_detect.whole_file import check_folder, write_whole
from edge_detect.windowing import Windowing

GROUP_OPTIONS = {"--help", "--version", "--install-completion", "--show-completion"}

# A subcommand of an extra reads its own arguments.
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


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


app.add_typer(models, name="models")
app.command(hidden=True)(detect)


def main() -> None:
    """Entry point of the console script."""
    with exit_on_refused_output():
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
        from edge_detect.evaluate import evaluate
        from edge_detect.evaluation_page import render_page
        from edge_detect.evaluation_report import report_json, write_table

        for file in (output, html):
            if file is not None:
                check_folder(file)
        detector = Judging(model, device, precision, threads).load()
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

        given("--false-positive-rate", lambda: check_share(false_positive_rate, "the rate"))
        check_folder(output)
        folders = LabelledFolders.find(real, fake, chosen_files(include, exclude))
        folders.check_enough(false_positive_rate)
        detector = Judging(model, device, precision, threads, windowing=Windowing()).load()
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


app.command("bundle")(bundle_model)
