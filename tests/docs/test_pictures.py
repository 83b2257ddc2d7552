"""The README's pictures: made again, they say the same."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from docs.pictures import COMMAND, PLOT, TERMINAL, make_pictures

from tests.readme import README, ROOT

SVG = "{http://www.w3.org/2000/svg}"
MOST_BYTES = 60_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    make_pictures(folder)
    return folder


def texts(picture: Path) -> list[str]:
    """Every text of a picture."""
    root = ElementTree.parse(picture).getroot()
    written = ("".join(text.itertext()).replace("\xa0", " ") for text in root.iter(f"{SVG}text"))
    return [text for text in written if text.strip()]


def course(picture: Path) -> list[float]:
    """The corners of the score's line, in pixels."""
    root = ElementTree.parse(picture).getroot()
    [line] = [each for each in root.iter(f"{SVG}polyline") if each.get("class") == "score"]
    return [float(value) for value in line.get("points", "").replace(",", " ").split()]


def test_the_terminal_shows_what_the_command_prints(made: Path) -> None:
    shown = texts(ROOT / "docs" / TERMINAL)
    assert shown == texts(made / TERMINAL)
    assert shown[0] == f"$ {COMMAND}"
    assert any("█" in text and "·" in text for text in shown)


def test_the_plot_shows_what_the_command_draws(made: Path) -> None:
    committed = ROOT / "docs" / PLOT
    assert texts(committed) == texts(made / PLOT)
    assert course(committed) == pytest.approx(course(made / PLOT), abs=0.11)


@pytest.mark.parametrize("name", [TERMINAL, PLOT])
def test_a_picture_is_small_and_loads_nothing(name: str) -> None:
    picture = ROOT / "docs" / name
    text = picture.read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES
    assert text.count("http") == text.count('xmlns="http://www.w3.org/2000/svg"') == 1
    assert "@" not in text.replace("@media", "")
    assert f"](docs/{name})" in README
