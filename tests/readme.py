"""The README's code blocks, for the tests that run them."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Where the README fetches a clip from; the tests put a local server in its place.
WEB = "https://example.org"


def code_blocks(language: str, text: str = README) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    [text] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    return text


def commands(title: str) -> list[str]:
    """Every call of edge-detect in a section: in its shell blocks, then in its tables."""
    text = section(title)
    lines = "\n".join(code_blocks("sh", text)).splitlines()
    shown = [line for line in lines if line.startswith("edge-detect ")]
    return shown + re.findall(r"\| `(edge-detect [^`]*)` \|$", text, re.MULTILINE)


def arguments(command: str, web: str | None = None) -> list[str]:
    """The words behind `edge-detect`, with a local server at `web` for the web's."""
    words = shlex.split(command)[1:]
    if web is None or WEB not in command:
        return words
    return [*(word.replace(WEB, web) for word in words), "--allow-host", "127.0.0.1"]
