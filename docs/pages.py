"""A hook of mkdocs: pages take their text from the repository's own files; no second copy drifts.

A line `<!-- README.md: Run it -->` on a page stands for the text below that heading, up to the next
one, or, where no heading is named, for all of the file below its title.
"""

import re
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any

ROOT = Path(__file__).parents[1]
DIRECTIVE = re.compile(r"^<!-- (\S+\.md)(?:: (.+))? -->$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
HEADING = r"^#{2,4} "

# What pages lie elsewhere on the site than in the repository.
PLACES = {"benchmarks/results/README.md": "benchmarks/index.md"}
FOLDERS = {"docs/": "", "benchmarks/results/": "benchmarks/"}
PICTURES = "benchmarks/results/*.svg"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Called by mkdocs with each page."""
    return filled(markdown, page.file.src_uri)


def on_files(files: Any, config: Any) -> Any:
    """Called by mkdocs with all files: the pictures of the benchmarks join them."""
    from mkdocs.structure.files import File

    for picture in sorted(ROOT.glob(PICTURES)):
        place = site_place(picture.relative_to(ROOT).as_posix())
        files.append(File.generated(config, place, abs_src_path=str(picture)))
    return files


def filled(markdown: str, page: str) -> str:
    """A page's text with each directive replaced by what it stands for."""
    return DIRECTIVE.sub(lambda match: taken(match[1], match[2], page), markdown)


def taken(name: str, title: str | None, page: str) -> str:
    """A file's text, or that of one of its sections, as it is read from a page."""
    text = (ROOT / name).read_text(encoding="utf-8")
    chosen = section(text, title) if title else text.partition("\n")[2]
    if chosen is None:
        raise ValueError(f"{page}: {name} has no heading {title!r}; name one that it has")
    return for_site(LINK.sub(lambda match: f"]({moved(match[1], name, page)}", chosen).strip())


def section(text: str, title: str) -> str | None:
    """What stands below a heading, up to the next one of any level; None where it isn't there."""
    pattern = rf"^#+ {re.escape(title)}\n(.*?)(?={HEADING}|\Z)"
    found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    return found and found[1]


def moved(target: str, source: str, page: str) -> str:
    """A link of a source file as it is from a page."""
    return relpath(site_place(normpath(join(dirname(source), target))), dirname(page) or ".")


def site_place(path: str) -> str:
    """Where a file of the repository lies on the site."""
    folder = next((folder for folder in FOLDERS if path.startswith(folder)), "")
    return PLACES.get(path) or FOLDERS.get(folder, "") + path.removeprefix(folder)


def for_site(text: str) -> str:
    """The text as Python-Markdown reads it: other than GitHub, it wants a blank line before a list,
    no backslash before a pipe in code, and to be told that there is Markdown within HTML."""
    text = re.sub(r"^([^\s#|<-].*\n)(?=- )", r"\1\n", text, flags=re.MULTILINE)
    return text.replace("\\|", "|").replace("<details>", '<details markdown="1">')
