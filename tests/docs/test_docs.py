"""The documentation: examples that run, all that the code has, a site built without a warning."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer
from docs import commands, pages
from typer.testing import CliRunner

import edge_detect
import edge_export
import edge_train
from edge_detect.cli import app
from tests.readme import README, ROOT, code_blocks

PAGES = {path.relative_to(ROOT / "docs").as_posix(): path.read_text(encoding="utf-8")
         for path in sorted((ROOT / "docs").rglob("*.md"))}  # fmt: skip

# What mkdocs-material says of its own future.
QUIET = {"NO_MKDOCS_2_WARNING": "1"}


def blocks(*languages: str) -> list[str]:
    """The pages' own examples; those of the README have tests of their own."""
    return [b for text in PAGES.values() for lang in languages for b in code_blocks(lang, text)]


@pytest.mark.parametrize("block", blocks("python"))
def test_python(block: str) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", block], cwd=ROOT, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout


@pytest.mark.parametrize("block", blocks("sh", "bash"))
def test_shell(block: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "--norc", "-euc", f"{block}\necho done"],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("done\n")


def test_every_section_of_the_readme_is_on_a_page() -> None:
    taken = {match[2] for text in PAGES.values() for match in pages.DIRECTIVE.finditer(text)}
    assert {*re.findall("^#+ (.+)", re.sub("```.*?```", "", README, flags=re.DOTALL), re.M)} <= {
        *taken,
        "Test it",
    }


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_filled(page: str) -> None:
    text = pages.filled(PAGES[page], page)
    assert not pages.DIRECTIVE.search(text)
    for name, title in pages.DIRECTIVE.findall(PAGES[page]):
        assert len(pages.taken(name, title or None, page)) > 100, title


def test_a_heading_that_is_gone_is_named() -> None:
    with pytest.raises(ValueError, match=r"guide\.md: README\.md has no heading 'Gone'"):
        pages.filled("<!-- README.md: Gone -->", "guide.md")


@pytest.mark.parametrize(
    ("target", "source", "page", "link"),
    [
        ("benchmarks/results/README.md", "README.md", "models.md", "benchmarks/index.md"),
        ("docs/plot.svg", "README.md", "index.md", "plot.svg"),
        ("docs/plot.svg", "README.md", "benchmarks/index.md", "../plot.svg"),
        ("trade.svg", "benchmarks/results/README.md", "benchmarks/index.md", "trade.svg"),
    ],
)
def test_links_lead_to_the_site(target: str, source: str, page: str, link: str) -> None:
    assert pages.moved(target, source, page) == link


def test_texts_for_another_markdown() -> None:
    assert pages.for_site("Some:\n- a\n- b") == "Some:\n\n- a\n- b"
    assert pages.for_site("- a\n  b\n- c") == "- a\n  b\n- c"
    assert pages.for_site(r"| `A\|B` |") == "| `A|B` |"


def paths(command: typer.core.TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words behind `edge-detect` of each command."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from paths(below, (*path, name))


@pytest.mark.parametrize("path", [*paths(typer.main.get_command(app))], ids=" ".join)
def test_the_reference_has_every_command_and_option(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"], terminal_width=300)
    assert result.exit_code == 0
    title = "FILE..." if path == ("detect",) else " ".join(path)
    heading = re.escape(f"edge-detect {title}".strip())
    found = re.search(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", commands.reference(), re.DOTALL | re.MULTILINE
    )
    assert found
    told = " ".join(found[1].replace("&lt;", "<").replace("\\", "").split())
    options = re.findall(r"^  +(--[a-z][a-z0-9-]*)", result.output, re.MULTILINE)
    assert "--help" in options
    if path:  # the command's own help has the detection's options too
        assert set(options) == set(re.findall(r"\| `(--[a-z0-9-]+)", told))
    shown = " ".join(result.output.split())
    limits = re.findall(r"\[(?:default|required|x[<>]|[\d.]+<)[^]]*\]", shown if path else "")
    assert [limit for limit in limits if limit not in told] == []


@pytest.mark.parametrize("package", [edge_detect, edge_export, edge_train])
def test_the_api_has_every_public_name(package: object) -> None:
    name = package.__name__
    shown = re.findall(rf"^::: {name}\.(\S+)$", PAGES["api.md"], re.MULTILINE)
    assert sorted(shown) == sorted(package.__all__)


class Loaded(HTMLParser):
    """What a page loads, and the anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.anchors.add(found.get("id") or "")
        address = found.get("src") or (found.get("href") if tag == "link" else None)
        self.loads += [address] if address else []


def test_the_site_is_built(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT,
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    built = {
        path.relative_to(tmp_path).as_posix(): Loaded(path.read_text(encoding="utf-8"))
        for path in tmp_path.rglob("*.html")
    }
    assert {page.replace(".md", ".html") for page in PAGES} <= set(built)
    for page, loaded in built.items():
        assert not [each for each in loaded.loads if re.match("(https?:)?//", each)], page
        local = [each.split("?")[0] for each in loaded.loads if not each.startswith(("/", "data:"))]
        assert all((tmp_path / page).parent.joinpath(each).exists() for each in local), page
    names = set(edge_detect.__all__)
    assert {f"edge_detect.{name}" for name in names} <= built["api.html"].anchors
    plots = {path.name for path in (ROOT / "benchmarks" / "results").glob("*.svg")}
    assert plots <= set(built["benchmarks/index.html"].loads)
    assert not list(tmp_path.rglob("*.py*"))
