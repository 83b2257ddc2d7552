"""Makes the README's pictures anew: `python docs/pictures.py`.

The clip is five of the tests' fixtures in a row; the third is synthetic, the others are real.
"""

import io
import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from rich.console import Console
from rich.text import Text

FIXTURES = Path(__file__).parents[1] / "tests" / "data" / "fixtures"
CLIPS = (
    "real/armelle_fr.opus",
    "real/asterisk_en_allison.opus",
    "synthetic/pico_en_gb.opus",
    "real/librivox_en_austen.opus",
    "real/asterisk_it_flora.opus",
)
SAMPLE_RATE = 16_000  # Hz of each of them
CLIP = "call.wav"

TERMINAL, PLOT = "terminal.svg", "plot.svg"

# One precision by name: what `auto` takes differs between kinds of CPU.
COMMAND = f"edge-detect {CLIP} --mode windows --precision fp32 --timeline --plot {PLOT}"

# rich's own names a font on the web.
TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" \
viewBox="0 0 {width} {height}" role="img" aria-label="The command and its answer on a terminal">
<style>
.{unique_id}-matrix {{
font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}}
{styles}
</style>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" class="{unique_id}-matrix">
{backgrounds}
{matrix}
</g>
</svg>
"""


def make_pictures(folder: Path) -> None:
    """Write both into a folder."""
    with TemporaryDirectory() as scratch:
        splice(Path(scratch, CLIP))
        answer = run(COMMAND, Path(scratch))
        (folder / PLOT).write_bytes(Path(scratch, PLOT).read_bytes())
    (folder / TERMINAL).write_text(draw_terminal(COMMAND, answer), encoding="utf-8")


def splice(path: Path) -> None:
    """The clips in a row."""
    parts = [soundfile.read(FIXTURES / clip, dtype="float32")[0] for clip in CLIPS]
    soundfile.write(path, np.concatenate(parts), SAMPLE_RATE)


def run(command: str, folder: Path) -> str:
    """What a command prints in a folder."""
    words = shlex.split(command)[1:]
    result = subprocess.run(
        [sys.executable, "-m", "edge_detect", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    )
    return result.stdout


def draw_terminal(command: str, answer: str) -> str:
    """A command and what it printed, as SVG that needs no font but the reader's own."""
    lines = answer.rstrip().splitlines()
    prompt = f"$ {command}"
    width = max(map(len, [prompt, *lines]))
    console = Console(record=True, file=io.StringIO(), width=width, highlight=False)
    console.print(Text(prompt, "bold"))
    for line in lines:
        console.print(Text(line))
    return tidy(console.export_svg(title="", code_format=TEMPLATE))


def tidy(svg: str) -> str:
    """Without the paths that would clip each line: a font of the reader's may be wider."""
    return re.sub(r' clip-path="[^"]*"', "", svg)


if __name__ == "__main__":
    make_pictures(Path(__file__).parent)
