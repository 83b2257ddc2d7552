"""One HTML page that needs nothing beside it and lets nothing in."""

from html import escape
from importlib.resources import files


def html_page(title: str, body: str, *styles: str) -> str:
    """A page of the body's HTML, in the shared style and those of the further files.

    The policy forbids scripts and everything that would have to be loaded, whatever the body says.
    """
    style = "".join(read_style(name) for name in ("evaluation_page.css", *styles))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def read_style(name: str) -> str:
    """A style sheet of the package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def printable(text: str) -> str:
    """Text in which nothing is invisible, turns the direction of writing or can't be encoded.

    A file name may hold line breaks, control characters that XML forbids, and bytes that are no
    UTF-8: each is spelt out.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
