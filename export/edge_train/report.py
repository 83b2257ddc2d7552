"""The report: one HTML page that needs nothing beside it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from edge_detect.summary import silence_treatment
from edge_train.metrics import ClassFigures, Figures
from edge_train.plots import JudgedClips, det_plot, roc_plot, scatter_plot
from edge_train.record import Record

# Up to this many labels the confusion matrix takes half of the page.
NARROW_LABELS = 2
# From this many labels on, the cells of the confusion matrix hold their counts alone.
MANY_LABELS = 7
SHOWN_MISTAKES = 100

# Style of a table whose cells are words.
WORDS = "words"

# Above this share a cell is dark enough for white text.
STRONG_SHARE = 0.6


def render_report(record: Record, clips: JudgedClips) -> str:
    """The page: figures, matrix, plots, the heads compared, the data, and what was left out."""
    style = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    sections = (
        headline(record),
        label_sections(record),
        curve_section(record, clips),
        scatter_section(record, clips),
        mistake_section(record),
        head_section(record),
        data_section(record),
        making_section(record),
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(record.name)}: training report</title>
<style>
{style}</style>
</head>
<body>
<main>
<header>
<h1>{escape(record.name)}</h1>
<p class="lead">Training report: {escape(record.best.title)} on the encoder
{escape(record.encoder.name)}, tested on {record.test_clips} clips that it was not trained on</p>
</header>
{warning_box(record.warnings)}
{"".join(sections)}
<footer>edge-detect {escape(record.versions["edge-detect"])}. The same figures, exact, are in
metrics.json.</footer>
</main>
</body>
</html>
"""


def warning_box(warnings: Sequence[str]) -> str:
    """What a reader must know first; nothing where there is nothing."""
    if not warnings:
        return ""
    lines = "".join(f"<p><strong>Warning:</strong> {escape(text)}.</p>" for text in warnings)
    return f'<div class="notice" role="note">{lines}</div>'


def section(title: str, body: str, note: str = "") -> str:
    """A part of the page; `body` and `note` are HTML."""
    noted = f'<p class="note">{note}</p>' if note else ""
    return f"\n<section>\n<h2>{escape(title)}</h2>\n{noted}\n{body}\n</section>\n"


def table(
    head: Sequence[str], rows: Iterable[str], averages: Iterable[str] = (), kind: str = ""
) -> str:
    """A table; `rows` and `averages` are HTML rows, the latter set apart."""
    columns = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    apart = "".join(averages)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody>"
        + (f'<tbody class="averages">{apart}</tbody>' if apart else "")
        + "</table></div>"
    )


def text_row(cells: Iterable[str]) -> str:
    """A row of a table of words, headed by its first cell."""
    first, *rest = (escape(cell) for cell in cells)
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'


def row(name: str, cells: Iterable[object], kind: str = "") -> str:
    """A row of a table, headed by its name."""
    values = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
    return f'<tr class="{kind}"><th scope="row">{escape(name)}</th>{values}</tr>'


def headline(record: Record) -> str:
    """The figures that matter most."""
    figures = record.best.test
    low, value, high = figures.accuracy_low, figures.accuracy, figures.accuracy_high
    interval = (
        f'<div class="interval" aria-hidden="true"><i style="left:{low:.2%};'
        f'right:{1 - high:.2%}"></i><b style="left:{value:.2%}"></b></div>'
    )
    cells = [
        f'<div class="wide"><dt>Accuracy</dt><dd>{value:.1%}{interval}<small>Wilson 95 % interval: '
        f"{low:.1%} to {high:.1%}</small></dd></div>",
        big_figure("Macro F1", f"{figures.macro.f1:.3f}", "mean over labels"),
    ]
    if figures.eer is not None and figures.auc is not None:
        cells += [
            big_figure("EER", f"{figures.eer:.1%}", "equal error rate"),
            big_figure("AUC", f"{figures.auc:.3f}", "area under the ROC"),
        ]
    cells.append(big_figure("Test clips", str(record.test_clips), f"{record.train_clips} trained"))
    figures_html = f'<dl class="figures">{"".join(cells)}</dl>'
    return f'\n<section aria-label="Main figures">{figures_html}</section>\n'


def big_figure(name: str, value: str, note: str) -> str:
    """One figure with its name and what it means."""
    return f"<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>"


def label_sections(record: Record) -> str:
    """The figures of each label and the confusion matrix, side by side where both are narrow."""
    both = class_section(record) + confusion_section(record)
    return f'<div class="pair">{both}</div>' if len(record.labels) <= NARROW_LABELS else both


def class_section(record: Record) -> str:
    """Precision, recall and F1 of each label, and their averages."""
    figures = record.best.test
    head = ("Label", "Precision", "Recall", "F1", "Clips")
    rows = [row(label, class_cells(of_label)) for label, of_label in figures.classes.items()]
    averages = [
        row("Macro average", class_cells(figures.macro)),
        row("Weighted average", class_cells(figures.weighted)),
    ]
    return section("Each label", table(head, rows, averages))


def class_cells(figures: ClassFigures) -> list[str]:
    """The cells of one label or average."""
    rates = (figures.precision, figures.recall, figures.f1)
    return [*(f"{rate:.3f}" for rate in rates), str(figures.support)]


def confusion_section(record: Record) -> str:
    """How often each label is taken for each other."""
    labels, counts = record.label_names, record.best.test.confusion
    columns = "".join(f'<th scope="col">{escape(label)}</th>' for label in labels)
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>{confusion_cells(i, counts[i])}</tr>'
        for i, label in enumerate(labels)
    )
    size = "confusion many" if len(labels) >= MANY_LABELS else "confusion"
    return section(
        "Confusion matrix",
        f'<div class="scroll"><table class="{size}"><thead><tr><td class="corner"></td>{columns}'
        f"</tr></thead><tbody>{rows}</tbody></table></div>",
        "A row is what a clip is, a column what it was judged to be; shares are of the row.",
    )


def confusion_cells(truth: int, counts: Sequence[int]) -> str:
    """One row of the matrix, each cell shaded by its share of the row."""
    total = sum(counts)
    return "".join(
        f'<td class="{"strong" if count / total > STRONG_SHARE else ""}" style="--shade:'
        f'var(--{"good" if i == truth else "bad"});--share:{count / total:.0%}">'
        f"<b>{count}</b><small>{count / total:.0%}</small></td>"
        for i, count in enumerate(counts)
    )


def curve_section(record: Record, clips: JudgedClips) -> str:
    """ROC and DET."""
    plots = (
        plot(roc_plot(clips, record.bonafide_labels), "ROC: up and to the left is better."),
        plot(
            det_plot(clips, record.bonafide_labels),
            "DET, both axes in normal deviates: down and to the left is better. The dot is the "
            "equal error rate.",
        ),
    )
    note = "" if len(record.labels) == 2 else "Each label against all others."
    return section("Errors at every threshold", f'<div class="plots">{"".join(plots)}</div>', note)


def scatter_section(record: Record, clips: JudgedClips) -> str:
    """The embeddings of the test clips."""
    caption = (
        "Test clips in the plane of the two widest directions of the training embeddings (PCA, "
        f"fitted on the scaled training clips); the plane holds {clips.projection.explained:.0%} "
        "of their variance."
    )
    return section("Embeddings", plot(scatter_plot(clips), caption, "broad"))


def mistake_section(record: Record) -> str:
    """The clips that were judged wrong, the surest first."""
    shown = record.misjudged[:SHOWN_MISTAKES]
    rows = (
        text_row((clip.name, clip.label, clip.judged, f"{clip.probability:.1%}")) for clip in shown
    )
    if not shown:
        return section("Judged wrong", "<p>No test clip.</p>")
    total = len(record.misjudged)
    note = "The surest mistakes first."
    if total > len(shown):
        note += f" {len(shown)} of {total}; metrics.json has them all."
    head = ("Clip", "Is", "Judged", "Probability")
    body = f"<details><summary>{total} of {record.test_clips} test clips</summary>"
    return section("Judged wrong", body + table(head, rows, kind=WORDS) + "</details>", note)


def plot(svg: str, caption: str, kind: str = "") -> str:
    """A plot with what it shows."""
    return (
        f'<figure class="{kind}"><div class="scroll">{svg}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def head_section(record: Record) -> str:
    """The heads side by side."""
    head = ["Head", "CV macro F1", "Accuracy", "95 % interval", "Macro F1", "Weighted F1"]
    if len(record.labels) == 2:
        head += ["EER", "AUC"]
    rows = [
        row(
            result.title + (" (chosen)" if result.name == record.chosen else ""),
            [f"{result.cross_validation_macro_f1:.3f}", *test_cells(result.test)],
            "chosen" if result.name == record.chosen else "",
        )
        for result in record.heads
    ]
    rule = f"Chosen by {escape(record.rule)}. The test columns had no part in the choice."
    return section("Heads compared", table(head, rows), rule)


def test_cells(figures: Figures) -> list[str]:
    """The test's cells of one head."""
    cells = [
        f"{figures.accuracy:.1%}",
        f"{figures.accuracy_low:.1%} to {figures.accuracy_high:.1%}",
        f"{figures.macro.f1:.3f}",
        f"{figures.weighted.f1:.3f}",
    ]
    if figures.eer is not None and figures.auc is not None:
        cells += [f"{figures.eer:.1%}", f"{figures.auc:.3f}"]
    return cells


def data_section(record: Record) -> str:
    """How many clips were used, and which were not, and why."""
    rows = [row(counts.label, (counts.train, counts.test)) for counts in record.labels]
    total = [row("All", (record.train_clips, record.test_clips))]
    counts = table(("Label", "Training clips", "Test clips"), rows, total)
    note = f"{record.clips_found} clips found in {escape(record.data)}."
    return section("Data", counts + left_out_html(record), note)


def left_out_html(record: Record) -> str:
    """What was left out, with the reasons, and what is damaged."""
    parts = []
    if record.left_out_labels:
        rows = (text_row((entry.label, entry.message)) for entry in record.left_out_labels)
        parts.append("<h3>Labels left out</h3>" + table(("Label", "Why"), rows, kind=WORDS))
    if record.left_out:
        reasons = Counter(entry.reason for entry in record.left_out)
        counts = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
        rows = (text_row((entry.name, entry.reason, entry.message)) for entry in record.left_out)
        parts.append(
            f"<h3>Clips left out: {len(record.left_out)}</h3><p>{escape(counts)}</p>"
            "<details><summary>Each clip</summary>"
            f"{table(('Clip', 'Reason', 'Why'), rows, kind=WORDS)}</details>"
        )
    if record.damaged:
        names = "".join(f"<li>{escape(name)}</li>" for name in record.damaged)
        parts.append(
            f"<h3>Damaged clips, used as far as they can be read: {len(record.damaged)}</h3>"
            f"<details><summary>Each clip</summary><ul>{names}</ul></details>"
        )
    return "".join(parts) or "<p>No clip was left out.</p>"


def making_section(record: Record) -> str:
    """What it takes to do it again."""
    encoder = record.encoder
    facts = {
        "Encoder": f"{encoder.name}, {encoder.hidden_size} dimensions at {encoder.sample_rate} Hz",
        "Encoder sha256": encoder.sha256,
        "Silence": silence_treatment(encoder.cuts_silence),
        "Seed": record.seed,
        "Split": "80 % training, 20 % test of each label"
        + (f", no {record.grouped_by} on both sides" if record.grouped_by else ""),
        "Bona fide labels": ", ".join(record.bonafide_labels) or "not stated",
        "Versions": ", ".join(f"{name} {value}" for name, value in record.versions.items()),
    }
    cells = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items()
    )
    return section("How it was made", f'<dl class="facts">{cells}</dl>')
