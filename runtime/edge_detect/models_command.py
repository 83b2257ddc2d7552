"""`edge-detect models` and `edge-detect bundle`: the packages that can be loaded by name."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_detect.command import (
    AllowHostOption,
    DownloadTimeoutOption,
    MaxDownloadOption,
    ModelArgument,
    exit_on_error,
    fetching_limits,
    known_models,
)
from edge_detect.precision import AUTO, choose
from edge_detect.store import installed_packages, open_package
from edge_detect.summary import summarise

if TYPE_CHECKING:
    from edge_detect.placement import Placement


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

models = typer.Typer(
    help="The model packages that can be loaded by name: look at them, add and remove them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


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


def print_placement(placement: "Placement") -> None:
    """The line that `models list` has of the model, and what it took the name of."""
    typer.echo(f"{placement.folder.name}\t{placement.folder}")
    if placement.hidden:
        sys.stderr.write(f"warning: it hides the model of that name in {placement.hidden}\n")
