"""What the subcommands share: options, errors that become exit codes, standard streams."""

import errno
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO, TypeAlias, TypeVar

import typer

from edge_detect.detection import Device
from edge_detect.errors import EdgeDetectError, ModelError, OtherTracks, TruncatedAudio
from edge_detect.fail_on import EXIT_FAILED
from edge_detect.fetching import DEFAULT_FETCHING, Fetching
from edge_detect.inputs import SOUND, Selection
from edge_detect.store import installed_packages
from edge_detect.windowing import LONG_IN_WINDOWS, Windowing

if TYPE_CHECKING:
    from edge_detect.detector import Detector

Item = TypeVar("Item")

ReportFormat: TypeAlias = Literal["table", "json"]

EXIT_MODEL = 3
EXIT_INTERRUPTED = 130

MEGABYTE = 1_000_000

# How the system refuses to write to a disk that is full or broken, past a limit, or where nothing
# is open.
REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


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


@dataclass(frozen=True)
class Judging:
    """How clips are judged, by the options of a command."""

    model: str
    device: Device
    precision: str
    threads: int | None
    fetching: Fetching = DEFAULT_FETCHING
    windowing: Windowing = LONG_IN_WINDOWS
    threshold: float | None = None
    jobs: int | None = None
    profile: Path | None = None

    def load(self, expected_sources: int = sys.maxsize) -> "Detector":
        """The detector that judges so; raises what `Detector.load` does."""
        from edge_detect.detector import Detector  # onnxruntime: 0.3 s that --help doesn't need

        return Detector.load(
            self.model,
            device=self.device,
            precision=self.precision,
            threads=self.threads,
            fetching=self.fetching,
            expected_sources=expected_sources,
            windowing=self.windowing,
            threshold=self.threshold,
            jobs=self.jobs,
            profile=self.profile,
        )


def given(name: str, make: Callable[[], Item]) -> Item:
    """What an option makes, or the usage error that names it."""
    try:
        return make()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=name) from error


def chosen_files(include: list[str] | None, exclude: list[str] | None) -> Selection:
    """Which files of a folder are meant, by the options of the command."""
    return Selection(tuple(include or SOUND), tuple(exclude or ()))


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
    return given(
        "--allow-host, --max-download or --download-timeout",
        lambda: Fetching(
            max_bytes=megabytes * MEGABYTE, seconds=seconds, allow_hosts=tuple(allow_host or ())
        ),
    )


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Turn what stops every file into one line and an exit code."""
    try:
        yield
    except EdgeDetectError as error:
        print_error(error)
        raise typer.Exit(EXIT_MODEL if isinstance(error, ModelError) else EXIT_FAILED) from error
    except PermissionError as error:  # pathlib's, where it may not look what a path is
        sys.stderr.write(
            f"error: can't look at {error.filename!r}: {error.strerror}; change its rights\n"
        )
        raise typer.Exit(EXIT_FAILED) from error
    except KeyboardInterrupt as interrupt:
        sys.stderr.write("interrupted\n")
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt


@contextmanager
def exit_on_refused_output() -> Iterator[None]:
    """Turn a standard output that takes no more into one line and an exit code.

    It is flushed here: what is refused when the interpreter ends would be told by a traceback.
    """
    open_closed_streams()
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in {*REFUSED, errno.EPIPE}:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is buffered
        if error.errno in REFUSED:
            sys.stderr.write(
                f"error: can't write to standard output: {error.strerror}; free space or write "
                "elsewhere\n"
            )
        sys.exit(EXIT_FAILED)


def open_closed_streams() -> None:
    """Put something in the place of standard streams that the process was started without.

    Else files opened from now on would get their descriptors, and what is printed. Standard input
    is empty then, standard output refuses what is written, standard error drops it.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY), closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", closefd=False)


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
    """Keep decoders' remarks off it, and give each file that is warned of its one line."""
    keep_decoders_quiet()
    for category in (OtherTracks, TruncatedAudio):
        warnings.simplefilter("always", category)
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
