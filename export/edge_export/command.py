"""What the commands of the extras share: their options, and an error as one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypeAlias

import typer

from edge_detect.errors import EdgeDetectError

BonafideLabels: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LABEL",
        help="A label that means a real human voice; repeatable.  [default: bonafide]",
    ),
]
ModelName: TypeAlias = Annotated[
    str | None, typer.Option(help="Name of the model.  [default: the folder's]")
]
Licence: TypeAlias = Annotated[str, typer.Option(help="Licence of the weights.")]
NewFolder: TypeAlias = Annotated[
    str, typer.Option(metavar="FOLDER", help="The model package to make; must not exist.")
]


@contextmanager
def one_line_errors(extra: str) -> Iterator[None]:
    """Turn what goes wrong on purpose, and a missing `extra`, into one line and exit code 1."""
    try:
        yield
    except ModuleNotFoundError as error:
        typer.echo(f"error: no module {error.name!r}; pip install 'edge-detect[{extra}]'", err=True)
        raise typer.Exit(1) from error
    except EdgeDetectError as error:
        typer.echo(f"error: {error.message}", err=True)
        raise typer.Exit(1) from error
