"""The plot of one file: what is drawn, from what, and that a name can't draw anything."""

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from edge_detect import Detector
from edge_detect.audio import OpenFile
from edge_detect.decoded import Decoded
from edge_detect.detection import NO_SPEECH, Detection, Threshold
from edge_detect.envelope import COLUMNS, Envelope
from edge_detect.plot import Course, draw_page, draw_svg, notes, score_lines, steps, time_marks
from edge_detect.windowing import Windowing
from tests.conftest import Waveform
from tests.runtime.test_cli import run
from tests.runtime.test_evaluate import Page

RATE = 16_000
HOSTILE = '<script>alert(1)</script> "><img src=x> $\\frac{1}{2}$ \u202e\x01.wav'

WITHOUT_MATPLOTLIB = """
import importlib.util as util
found = util.find_spec
util.find_spec = lambda name, *rest: None if name == "matplotlib" else found(name, *rest)
from edge_detect.cli import main
main()
"""


@pytest.fixture(scope="module")
def recording(speech: Waveform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """37 s of speech with 6 s of digital silence in it, from 10 s on."""
    samples = np.resize(speech, 37 * RATE).copy()
    samples[10 * RATE : 16 * RATE] = 0
    path = tmp_path_factory.mktemp("recording") / "recording.wav"
    soundfile.write(path, samples, RATE)
    return path


def course_by(detector: Detector, path: Path, name: str = "clip.wav") -> tuple[Detection, Course]:
    envelope = Envelope()

    def watch(piece: Decoded) -> None:
        envelope.add(piece.samples)

    with path.open("rb") as file:
        detection = detector.predict(OpenFile(name, file, watch))
    return detection, Course(detection, envelope.outline(), detector.decision)


def elements(svg: str, kind: str, style: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(svg)
    return [each for each in root.iter(f"{{http://www.w3.org/2000/svg}}{kind}")
            if style in each.get("class", "").split()]  # fmt: skip


@pytest.mark.parametrize("samples", [1, 700, COLUMNS, COLUMNS + 1, 100_003])
@pytest.mark.parametrize("block", [7, 4096, 100_003])
def test_an_outline_is_that_of_all_samples(samples: int, block: int) -> None:
    waveform = np.random.default_rng(1).normal(size=samples).astype(np.float32)
    envelope = Envelope()
    for start in range(0, samples, block):
        envelope.add(waveform[start : start + block])
    outline = envelope.outline()
    width = round(outline.column_share * samples)
    assert width & (width - 1) == 0
    assert min(samples, COLUMNS // 2) <= len(outline.low) <= COLUMNS
    parts = [waveform[i : i + width] for i in range(0, samples, width)]
    np.testing.assert_array_equal(outline.low, [part.min() for part in parts])
    np.testing.assert_array_equal(outline.high, [part.max() for part in parts])


def test_an_envelope_does_not_grow() -> None:
    block = np.ones(4096, np.float32)
    envelope = Envelope()
    envelope.add(block)
    tracemalloc.start()
    for _ in range(20_000):  # 85 min at 16 kHz
        envelope.add(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000


def test_what_is_drawn_is_what_was_answered(decided: Callable[..., Path], recording: Path) -> None:
    detector = Detector.load(decided(), device="cpu", windowing=Windowing())
    detection, course = course_by(detector, recording)
    assert detection == replace(detector.predict(recording), source="clip.wav")
    svg = draw_svg(course)
    assert len(elements(svg, "rect", "state")) == 2 * len(detection.segments)
    assert len(elements(svg, "rect", NO_SPEECH)) == 2
    assert len(elements(svg, "polyline", "threshold")) == 1
    [band] = elements(svg, "rect", "band")
    assert float(band.get("height", "")) == pytest.approx(0.6 * 220, abs=0.1)
    lines = elements(svg, "polyline", "score")
    assert len(lines) == 2  # silence breaks it
    drawn = [point.split(",") for each in lines for point in each.get("points", "").split()]
    scores = [w.spoof_probability for w in detection.windows if w.spoof_probability is not None]
    expected = [220 * (1 - score) for score in scores for _ in range(2)]
    assert [float(y) for _, y in drawn] == pytest.approx(expected, abs=0.06)
    assert float(drawn[0][0]) == 0
    assert float(drawn[-1][0]) == 760
    # The waveform lies on its zero line where it is silent.
    [wave] = elements(svg, "polygon", "wave")
    points = [tuple(map(float, point.split(","))) for point in wave.get("points", "").split()]
    silent = [y for x, y in points if 10.2 / 37 * 760 < x < 15.8 / 37 * 760]
    assert silent
    assert set(silent) == {55.0}
    assert max(y for _, y in points) - min(y for _, y in points) > 80


def test_a_clip_judged_whole_is_one_step(tiny: Path, speech_path: Path) -> None:
    detection, course = course_by(Detector.load(tiny, device="cpu", threshold=0.3), speech_path)
    assert list(score_lines(course)) == [
        [(0.0, detection.spoof_probability), (detection.duration_s, detection.spoof_probability)]
    ]
    assert notes(course)[-1].endswith("--mode windows gives its course")
    assert course.band is None
    assert isinstance(course.decision, Threshold)
    assert not elements(draw_svg(course), "rect", "band")


def test_steps_meet_halfway_through_what_windows_share(tiny: Path, recording: Path) -> None:
    windows = Windowing(mode="windows")
    detection, _ = course_by(Detector.load(tiny, device="cpu", windowing=windows), recording)
    found = list(steps(detection))
    assert [start for start, _, _ in found][:4] == [0, 3, 5, 7]
    assert found[-1][1] == 37
    assert [score for *_, score in found] == [w.spoof_probability for w in detection.windows]


@pytest.mark.parametrize(
    ("seconds", "texts"),
    [
        (0.4, ["0 s", "0.1 s", "0.2 s", "0.3 s", "0.4 s"]),
        (5.3, ["0 s", "1 s", "2 s", "3 s", "4 s", "5 s"]),
        (50.6, ["0 s", "10 s", "20 s", "30 s", "40 s", "50 s"]),
        (1_260, ["0:00", "5:00", "10:00", "15:00", "20:00"]),
        (36_000, ["0:00", "2:00:00", "4:00:00", "6:00:00", "8:00:00", "10:00:00"]),
        (100 * 3_600, ["0:00", "24:00:00", "48:00:00", "72:00:00", "96:00:00"]),
    ],
)
def test_times_are_round(seconds: float, texts: list[str]) -> None:
    assert [text for _, text in time_marks(seconds)] == texts


def test_a_name_draws_nothing(tiny: Path, speech_path: Path) -> None:
    _, course = course_by(Detector.load(tiny, device="cpu"), speech_path, HOSTILE + "\udce9")
    root = ElementTree.fromstring(draw_svg(course))
    kinds = {element.tag.partition("}")[2] for element in root.iter()}
    assert kinds == {"svg", "style", "rect", "text", "g", "polyline", "polygon", "title"}
    page = Page(draw_page(course))
    assert page.open == page.loads == []
    assert not {"script", "img"} & set(page.tags)
    assert "<script>alert(1)</script>" in page.text
    assert "\\u202e\\x01.wav\\udce9" in page.text
    draw_page(course).encode()


def test_the_command_draws(tiny: Path, recording: Path, tmp_path: Path) -> None:
    plain = run("--model", tiny, recording, "--format", "json")
    for name in ("plot.svg", "plot.html"):
        drawn = run("--model", tiny, recording, "--format", "json", "--plot", tmp_path / name)
        assert (drawn.returncode, drawn.stderr) == (0, "")
        assert drawn.stdout == plain.stdout
    ElementTree.parse(tmp_path / "plot.svg")
    assert Page((tmp_path / "plot.html").read_text(encoding="utf-8")).tags.count("svg") == 1


def test_png(tiny: Path, recording: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    source = tmp_path / "$x^$ 声 \\frac.wav"
    source.write_bytes(recording.read_bytes())
    drawn = run("--model", tiny, source, "--plot", tmp_path / "plot.png")
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_png_without_matplotlib(tiny: Path, speech_path: Path, tmp_path: Path) -> None:
    plot = tmp_path / "plot.png"
    command = [sys.executable, "-c", WITHOUT_MATPLOTLIB]
    result = subprocess.run(
        [*command, "--model", tiny, speech_path, "--plot", plot], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"error: can't draw {str(plot)!r} without matplotlib; "
        'pip install "edge-detect[plot]", or name a .svg or .html\n'
    )
    assert not plot.exists()


def test_usage(tiny: Path, speech_path: Path, tmp_path: Path) -> None:
    several = run("--model", tiny, speech_path, speech_path, "--plot", tmp_path / "p.svg")
    assert several.returncode == 2
    assert "are for one file, not for 2" in several.stderr
    ending = run("--model", tiny, speech_path, "--plot", tmp_path / "p.gif")
    assert ending.returncode == 2
    assert "ends in none of .svg, .html, .png" in ending.stderr
    same = run("--model", tiny, speech_path, "--plot", "p.html", "--report", "p.html")
    assert same.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_failure_draws_nothing(tiny: Path, tmp_path: Path) -> None:
    result = run("--model", tiny, tmp_path / "missing.wav", "--plot", tmp_path / "p.svg")
    assert result.returncode == 1
    assert "no file" in result.stderr
    assert list(tmp_path.iterdir()) == []
