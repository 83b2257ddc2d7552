"""The evidence of one answer as one HTML page that needs nothing beside it, or as JSON."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

from edge_detect.detection import Segment, Window
from edge_detect.evidence import Evidence, format_evidence
from edge_detect.page import html_page, printable
from edge_detect.plot import Course, draw, note_list, state_name
from edge_detect.summary import silence_treatment
from edge_detect.whole_file import write_whole

JSON = ".json"

# A page of a recording of ten hours would have 18000 rows; the JSON of the same run has them.
SHOWN_ROWS = 1000

Rows = Iterable[tuple[str, str]]


def write_evidence(evidence: Evidence, course: Course, path: Path) -> None:
    """Write JSON or a page, as the name's ending says.

    Raises:
        OutputError: it can't be written; nothing of it is left then.
    """
    as_json = path.suffix.lower() == JSON
    write_whole(path, format_evidence(evidence) if as_json else render_evidence(evidence, course))


def render_evidence(evidence: Evidence, course: Course) -> str:
    """The page: the answer, the plot, what it rests on, and the timeline."""
    answer = evidence.answer
    warned = "".join(f"<p>Warning: {text_of(text)}</p>" for text in evidence.warnings)
    body = f"""<h1>{text_of(course.title)}</h1>
<p>{text_of(headline(evidence))}</p>
{warned}
<section><h2>Over time</h2>{draw(course)}{note_list(course)}</section>
{facts("Answer", answer_rows(evidence))}
{facts("File", file_rows(evidence))}
{facts("Model", model_rows(evidence))}
{facts("Rules", rule_rows(evidence))}
{facts("Machine", machine_rows(evidence))}
{timeline("Segments", answer.segments)}
{timeline("Windows", answer.windows)}
<footer>Made at {text_of(evidence.made_at)} by {text_of(shlex.join(evidence.command))}.
A verdict is no proof: its error rates are those of the clips that were measured.</footer>"""
    return html_page(f"{course.title}: evidence", body, "plot.css")


def headline(evidence: Evidence) -> str:
    """The answer in a sentence."""
    answer = evidence.answer
    score = answer.spoof_probability
    said = f"label {answer.label}, {answer.confidence:.1%}"
    synthetic = "" if score is None else f"; spoof probability {score:.1%}"
    verdict = (
        f"Verdict: {answer.verdict} (" if answer.verdict else "No verdict, as none is stated ("
    )
    return f"{verdict}{said}{synthetic})."


def answer_rows(evidence: Evidence) -> Rows:
    """The label, the verdict and every probability."""
    answer = evidence.answer
    yield "verdict", answer.verdict or "none"
    yield "label", answer.label
    yield from ((f"probability of {k}", f"{p:.6f}") for k, p in answer.probabilities.items())
    yield "spoof probability", number(answer.spoof_probability)
    yield "judged", "in one piece" if answer.mode == "whole" else "in windows"


def file_rows(evidence: Evidence) -> Rows:
    """What was judged."""
    content = evidence.content
    encoding = content.encoding
    yield "name", content.name
    yield "size", f"{content.bytes} bytes"
    yield "sha256", content.sha256
    yield "container", encoding.container
    yield "codec", encoding.codec
    yield "sample rate", f"{encoding.sample_rate} Hz"
    yield "channels", str(encoding.channels)
    yield "duration", f"{content.decoded_s:.3f} s"
    yield "decoder", encoding.decoder


def model_rows(evidence: Evidence) -> Rows:
    """What judged it, and where."""
    model = evidence.model
    yield "name", model.name
    yield "sha256 of the manifest", model.sha256
    yield "precision", model.precision_reason
    yield "device", f"{model.device} ({model.provider})"
    yield "silence", silence_treatment(model.cuts_silence)


def rule_rows(evidence: Evidence) -> Rows:
    """What was decided by."""
    rules = evidence.rules
    yield "threshold", number(rules.threshold)
    yield "inconclusive above", number(rules.inconclusive_low)
    yield "inconclusive below", number(rules.inconclusive_high)
    yield (
        "stated by",
        {"model": "the model", "profile": "the profile"}.get(
            rules.basis or "", rules.basis or "nobody"
        ),
    )
    yield "calibration", rules.calibration
    if rules.profile_sha256:
        yield "sha256 of the profile", rules.profile_sha256
    if rules.measured:
        measured = asdict(rules.measured).items()
        yield from ((f"measured: {k.replace('_', ' ')}", str(value)) for k, value in measured)
    windowing = asdict(rules.windowing).items()
    yield from ((k.replace("_", " "), said(value)) for k, value in windowing)


def machine_rows(evidence: Evidence) -> Rows:
    """Where it ran, and with what."""
    machine = evidence.machine
    yield "processor", f"{machine.cpu} ({machine.cpu_kind})"
    yield "threads", str(machine.threads)
    yield "system", machine.system
    yield from machine.versions.items()


def said(value: object) -> str:
    """A setting; one that was left open decides itself."""
    return "not set" if value is None else str(value)


def number(value: float | None) -> str:
    """A probability, where there is one."""
    return "none" if value is None else f"{value:.6f}"


def text_of(text: str) -> str:
    """A text of any origin as HTML."""
    return escape(printable(text))


def facts(title: str, rows: Rows) -> str:
    """A table of two columns."""
    cells = "".join(f"<tr><td>{text_of(k)}</td><td>{text_of(v)}</td></tr>" for k, v in rows)
    return f'<section><h2>{title}</h2><table class="facts">{cells}</table></section>'


def timeline(title: str, spans: Sequence[Segment | Window]) -> str:
    """A table of times and scores; nothing of a recording that was judged whole."""
    if not spans:
        return ""
    rows = "".join(
        f"<tr><td>{span.start_s:.3f}</td><td>{span.end_s:.3f}</td>"
        f"<td>{text_of(state_name(span.state))}</td><td>{number(span.spoof_probability)}</td></tr>"
        for span in spans[:SHOWN_ROWS]
    )
    more = len(spans) - SHOWN_ROWS
    rest = f'<p class="note">and {more} more, in the JSON</p>' if more > 0 else ""
    header = "<tr><th>from (s)</th><th>to (s)</th><th>state</th><th>spoof probability</th></tr>"
    return f"<section><h2>{title}</h2><table>{header}{rows}</table>{rest}</section>"
