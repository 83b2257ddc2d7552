"""The README's code blocks, for the tests that run them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def code_blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every line of a shell block that calls edge-detect."""
    lines = "\n".join(code_blocks("sh")).splitlines()
    return [line for line in lines if line.startswith("edge-detect ")]
