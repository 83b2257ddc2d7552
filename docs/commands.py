"""A hook of mkdocs: the reference of all commands, from the Typer app itself."""

import re
from collections.abc import Iterator
from importlib import import_module
from inspect import cleandoc
from typing import Any

import typer

from edge_detect.cli import PassedOn, app

MARK = "<!-- every command -->"

# Letters that would be read as Markdown or HTML.
ESCAPES = {"<": "&lt;", "|": "&#124;", "*": r"\*", "_": r"\_", "[": r"\["}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs with each page."""
    return markdown.replace(MARK, reference()) if MARK in markdown else markdown


def reference() -> str:
    """Every command with its help, usage, arguments and options."""
    group = typer.main.get_command(app)
    return "\n\n".join(described(path, command) for path, command in walk("edge-detect", group))


def walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command as it is called, and those below it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        if isinstance(below, PassedOn):  # an extra has its options in an app of its own
            below = typer.main.get_command(import_module(f"edge_{name}.__main__").app)
        yield from walk(path if below.hidden else f"{path} {name}", below)


def described(path: str, command: Any) -> str:
    """One command: hidden is the detection, which runs where no subcommand is named."""
    context = command.make_context(path, [], resilient_parsing=True)
    title = f"{path} FILE..." if command.hidden else path
    usage = command.get_usage(context).removeprefix("Usage: ")
    parts = [
        f"## {title}",
        escaped(cleandoc(command.help or "")),
        f"```\n{usage}\n```",
        table("argument", arguments(command, context)),
        table("option", options(command, context)),
    ]
    return "\n\n".join(part for part in parts if part)


def arguments(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    """The name and the meaning of each argument of which the usage doesn't say all."""
    for param in command.params:
        meaning = (param.get_help_record(context) or ("", ""))[1]
        if param.param_type_name == "argument" and meaning:
            yield param.metavar or param.human_readable_name, meaning


def options(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    """The name and the meaning of each option, with its default, as --help has them."""
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if record and param.param_type_name == "option":
            yield record


def table(title: str, rows: Iterator[tuple[str, str]]) -> str:
    """Rows of two columns; nothing where there are none."""
    lines = [f"| `{name}` | {escaped(meaning)} |" for name, meaning in rows]
    return "\n".join([f"| {title} | meaning |", "|---|---|", *lines]) if lines else ""


def escaped(text: str) -> str:
    """Plain text as Markdown; what stands in backticks is code already."""
    return re.sub(r"`[^`]*`|[<|*_\[]", lambda match: ESCAPES.get(match[0], match[0]), text)
