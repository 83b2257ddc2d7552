"""A recording's waveform and its spoof probability over time, as SVG, HTML or PNG."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edge_detect.detection import NO_SPEECH, Detection, Segment, Threshold
from edge_detect.envelope import Outline
from edge_detect.errors import OutputError
from edge_detect.manifest import Decision
from edge_detect.page import html_page, printable, read_style
from edge_detect.svg import (
    LEFT,
    RIGHT,
    TOP,
    Axis,
    area,
    frame,
    label,
    line,
    polygon,
    round_marks,
    svg,
)
from edge_detect.timeline import MARKS, borders_of, clock, percent, segments_of
from edge_detect.whole_file import whole_or_nothing, write_whole

PNG = ".png"

# Pixels: of both areas, of the waveform's, from its top to the score's, and of a line of text.
WIDTH, WAVE_HEIGHT, SCORE_TOP, SCORE_HEIGHT = 760, 110, 136, 220
LINE_HEIGHT = 18

# Seconds from one time beside the axis to the next, and how many have room there.
TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
MOST_TIMES = 8

# What stands beside the score's axis.
QUARTERS = [(value / 4, f"{25 * value} %") for value in range(5)]

# So many letters of a file's name have room above a plot.
TITLE_LENGTH = 90

# Of a PNG: the colours of the light style, and its size.
COLOURS = {
    "bonafide": ("#16907a", 0.12),
    "spoof": ("#c23b5e", 0.3),
    "inconclusive": ("#8a6d00", 0.22),
    NO_SPEECH: ("#dfe4ec", 0.9),
}
COLOUR_NAMES = {
    "bonafide": "green",
    "spoof": "red",
    "inconclusive": "ochre",
    NO_SPEECH: "grey",
}
OTHER_COLOUR = ("#5b6576", 0.08)
SIZE_INCHES, DOTS_PER_INCH = (9.0, 5.4), 150


@dataclass(frozen=True, eq=False)
class Course:
    """What is drawn."""

    detection: Detection
    outline: Outline
    """Of the file's own samples."""
    decision: Decision | Threshold | None
    """What verdicts were by."""

    @property
    def title(self) -> str:
        """The source, on one line, shortened in its middle where it is long."""
        name = printable(self.detection.source)
        half = TITLE_LENGTH // 2
        return name if len(name) <= TITLE_LENGTH else f"{name[:half]} … {name[-half:]}"

    @property
    def segments(self) -> tuple[Segment, ...]:
        """At least one."""
        return segments_of(self.detection)

    @property
    def states(self) -> list[str]:
        """Of the segments, each once, in the order of time."""
        return list(dict.fromkeys(segment.state for segment in self.segments))

    @property
    def band(self) -> tuple[float, float] | None:
        """Spoof probabilities between which nothing is decided; None where there are none."""
        decision = self.decision
        if decision is None or decision.inconclusive_low == decision.inconclusive_high:
            return None
        return decision.inconclusive_low, decision.inconclusive_high


def check_plot(path: Path) -> None:
    """Refuse a plot that can't be drawn here, before work is done for it.

    Raises:
        OutputError: it is a PNG, and there is no matplotlib.
    """
    if path.suffix.lower() == PNG and find_spec("matplotlib") is None:
        raise OutputError(
            f'can\'t draw {str(path)!r} without matplotlib; pip install "edge-detect[plot]", or '
            "name a .svg or .html"
        )


def write_plot(course: Course, path: Path) -> None:
    """Draw into a file of the kind that its name's ending says.

    Raises:
        OutputError: it can't be written; nothing of it is left then.
    """
    match path.suffix.lower():
        case ".png":
            with whole_or_nothing(path) as part:
                draw_png(course, part)
        case ".svg":
            write_whole(path, draw_svg(course))
        case _:
            write_whole(path, draw_page(course))


def draw_page(course: Course) -> str:
    """One HTML page of the plot."""
    body = f"<h1>{escape(course.title)}</h1>\n<section>{draw(course)}{note_list(course)}</section>"
    return html_page(course.title, body, "plot.css")


def note_list(course: Course) -> str:
    """The notes as a list of HTML."""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes(course))
    return f'<ul class="note">{items}</ul>'


def draw_svg(course: Course) -> str:
    """A file of its own: the plot with its style, title and notes."""
    texts = notes(course)
    title_height, notes_top = 2 * LINE_HEIGHT, SCORE_TOP + SCORE_HEIGHT + 62
    height = title_height + notes_top + len(texts) * LINE_HEIGHT
    width = LEFT + WIDTH + RIGHT
    style = "".join(escape(read_style(name)) for name in ("evaluation_page.css", "plot.css"))
    written = "".join(
        label(0, notes_top + i * LINE_HEIGHT, text, "start") for i, text in enumerate(texts)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{TOP + height}" '
        f'viewBox="{-LEFT} {-TOP} {width} {TOP + height}" role="img" '
        f'aria-label="{escape(caption(course))}"><style>{style}</style>'
        f"{area(-LEFT, -TOP, width, TOP + height, 'back')}"
        f"{label(0, LINE_HEIGHT - 4, course.title, 'start', 'name')}"
        f'<g transform="translate(0 {title_height})">{"".join(parts(course))}{written}</g></svg>\n'
    )


def draw(course: Course) -> str:
    """The plot as SVG within a page that has the style."""
    return svg(parts(course), WIDTH, SCORE_TOP + SCORE_HEIGHT, caption(course))


def caption(course: Course) -> str:
    """For those who can't see the plot."""
    return f"Waveform and spoof probability over time of {printable(course.detection.source)}"


def notes(course: Course) -> list[str]:
    """What the plot shows, in words."""
    shaded = (f"{state_name(state)} ({COLOUR_NAMES.get(state, 'pale')})" for state in course.states)
    texts = [f"shaded: {', '.join(shaded)}"]
    if course.detection.spoof_probability is None:
        texts.append("the model does not say which labels mean real speech: no spoof probability")
    if course.decision:
        texts.append(f"dashed line: threshold, {course.decision.threshold:.4g}")
    if course.band:
        low, high = course.band
        texts.append(f"grey band: inconclusive, {low:.4g} to {high:.4g}")
    if not course.detection.windows:
        texts.append("judged whole, so one score for all of it; --mode windows gives its course")
    return texts


def state_name(state: str) -> str:
    """A state as it is read: a label may hold anything."""
    return "silence" if state == NO_SPEECH else printable(state)


def parts(course: Course) -> Iterator[str]:
    """Both areas, the waveform's at the origin and the score's below it."""
    seconds = course.detection.duration_s
    time = Axis("time", time_marks(seconds), lambda value: value / seconds)
    peak = peak_of(course.outline)
    level = Axis(
        "waveform",
        [(value, f"{value:.2g}") for value in (-peak, 0.0, peak)],
        lambda value: (value / peak + 1) / 2,
    )
    score = Axis("spoof probability", QUARTERS, lambda value: value)
    yield frame(Axis("", [], time.place), level, WIDTH, WAVE_HEIGHT)
    yield from shades(course, WAVE_HEIGHT)
    yield polygon(outline_points(course, peak), "wave")
    yield f'<g transform="translate(0 {SCORE_TOP})">'
    yield frame(time, score, WIDTH, SCORE_HEIGHT)
    yield from shades(course, SCORE_HEIGHT)
    if course.band:
        low, high = course.band
        yield area(0, SCORE_HEIGHT * (1 - high), WIDTH, SCORE_HEIGHT * (high - low), "band")
    for points in score_lines(course):
        pixels = ((WIDTH * x / seconds, SCORE_HEIGHT * (1 - y)) for x, y in points)
        yield line(pixels, "score")
    if course.decision:  # in front: the scores of hours cover all that is behind them
        at = SCORE_HEIGHT * (1 - course.decision.threshold)
        yield line([(0, at), (WIDTH, at)], "threshold")
    yield "</g>"


def time_marks(seconds: float) -> list[tuple[float, str]]:
    """Times beside the axis: seconds of a short recording, else minutes and hours, all round."""
    if seconds > 60:
        return [(time, clock(time)) for time in round_times(seconds)]
    return [(time, f"{time:g} s") for time in round_times(seconds)]


def round_times(seconds: float) -> list[float]:
    """Whole seconds, minutes or hours of a recording; of the shortest ones parts of a second."""
    if seconds < TIME_STEPS[2]:
        return round_marks(0, seconds)
    step = next((step for step in TIME_STEPS if seconds < MOST_TIMES * step), TIME_STEPS[-1])
    return [float(time) for time in range(0, int(seconds) + 1, step)]


def peak_of(outline: Outline) -> float:
    """The largest sample, by which the waveform is scaled to its area; 1 of digital silence."""
    return max(float(outline.high.max()), -float(outline.low.min())) or 1.0


def outline_points(course: Course, peak: float) -> Iterator[tuple[float, float]]:
    """Along the highest samples and back along the lowest, in pixels."""
    outline = course.outline
    columns = list(zip(middles(outline), outline.high.tolist(), outline.low.tolist(), strict=True))
    for middle, high, _ in columns:
        yield WIDTH * middle, WAVE_HEIGHT * (1 - high / peak) / 2
    for middle, _, low in reversed(columns):
        yield WIDTH * middle, WAVE_HEIGHT * (1 - low / peak) / 2


def middles(outline: Outline) -> list[float]:
    """Where the middle of each column lies, 0 to 1; that of a short last one, at the end."""
    return [min((i + 0.5) * outline.column_share, 1.0) for i in range(len(outline.high))]


def shades(course: Course, height: int) -> Iterator[str]:
    """A rectangle for each segment."""
    scale = WIDTH / course.detection.duration_s
    for segment in course.segments:
        style = f"state {segment.state}" if segment.state in MARKS else "state"
        start, end = segment.start_s, segment.end_s
        said = f"{clock(start)}-{clock(end)} {state_name(segment.state)}{percent(segment)}"
        yield area(scale * start, 0, scale * (end - start), height, style, said)


def score_lines(course: Course) -> Iterator[list[tuple[float, float]]]:
    """Steps as (seconds, spoof probability), an unbroken line for each run with speech.

    Each window's score holds halfway through what it shares with its neighbours; that of a
    recording judged whole, from its start to its end.
    """
    run: list[tuple[float, float]] = []
    for start, end, score in steps(course.detection):
        if score is not None:
            run += [(start, score), (end, score)]
        elif run:
            yield run
            run = []
    if run:
        yield run


def steps(detection: Detection) -> Iterable[tuple[float, float, float | None]]:
    """(start, end, spoof probability) of each window, in seconds."""
    if not detection.windows:
        return [(0.0, detection.duration_s, detection.spoof_probability)]
    borders = borders_of(detection.windows)
    scores = [window.spoof_probability for window in detection.windows]
    return zip(borders[:-1], borders[1:], scores, strict=True)


def draw_png(course: Course, path: Path) -> None:
    """The same by matplotlib, of the extra `plot`."""
    import warnings

    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    wave, score = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    # A file's name is no formula, whatever its dollar signs.
    wave.set_title(course.title, loc="left", fontsize=10, parse_math=False)
    draw_wave(course, wave)
    draw_score(course, score)
    figure.supxlabel("\n".join(notes(course)), x=0.01, ha="left", fontsize=8, parse_math=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands in its place
        figure.savefig(path, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def draw_wave(course: Course, axes: Any) -> None:
    """The waveform, over the segments."""
    outline, peak = course.outline, peak_of(course.outline)
    times = [course.detection.duration_s * middle for middle in middles(outline)]
    shade(course, axes)
    axes.fill_between(times, outline.low, outline.high, color="#5f6b7c", linewidth=0.6)
    axes.set(ylim=(-peak, peak), ylabel="waveform")


def draw_score(course: Course, axes: Any) -> None:
    """The score's steps, over the segments, the band and the threshold."""
    shade(course, axes)
    if course.band:
        axes.axhspan(*course.band, color="#5b6576", alpha=0.2, linewidth=0)
    for points in score_lines(course):
        axes.plot(*zip(*points, strict=True), color="#1f6fd1", linewidth=1.6)
    if course.decision:
        threshold = course.decision.threshold
        axes.axhline(threshold, color="#1c2330", linestyle="--", linewidth=1, zorder=3)
    seconds = course.detection.duration_s
    axes.set_xticks(*zip(*time_marks(seconds), strict=True))
    axes.set_yticks(*zip(*QUARTERS, strict=True))
    axes.set(xlim=(0, seconds), ylim=(0, 1), ylabel="spoof probability", xlabel="time")


def shade(course: Course, axes: Any) -> None:
    """The segments."""
    for segment in course.segments:
        colour, alpha = COLOURS.get(segment.state, OTHER_COLOUR)
        axes.axvspan(segment.start_s, segment.end_s, color=colour, alpha=alpha, linewidth=0)
