"""What the training adds to the package's model card."""

from edge_train.record import Record


def card_notes(record: Record) -> str:
    """Markdown: the chosen head, its figures on the test clips, and how it was chosen."""
    figures = record.best.test
    rows = [
        f"| `{escape_cell(label)}` | {of_label.precision:.3f} | {of_label.recall:.3f} | "
        f"{of_label.f1:.3f} | {of_label.support} |"
        for label, of_label in figures.classes.items()
    ]
    lines = [
        "## Test",
        "",
        f"{record.best.title}, {record.test_clips} test clips that it was not trained on: accuracy "
        f"{figures.accuracy:.1%} (Wilson 95 %: {figures.accuracy_low:.1%} to "
        f"{figures.accuracy_high:.1%}), macro F1 {figures.macro.f1:.3f}"
        f"{two_label_figures(record)}.",
        "",
        *(f"- Warning: {warning}." for warning in record.warnings),
        "",
        "| label | precision | recall | F1 | clips |",
        "|---|---|---|---|---|",
        *rows,
        "",
        f"Trained on {record.train_clips} clips with seed {record.seed}. Chosen by {record.rule}. "
        "Everything else stands in `metrics.json` and `report.html`.",
    ]
    return "\n".join(lines)


def two_label_figures(record: Record) -> str:
    """EER and AUC where the model has two labels."""
    figures = record.best.test
    if figures.eer is None or figures.auc is None:
        return ""
    return f", EER {figures.eer:.1%}, AUC {figures.auc:.3f}"


def escape_cell(label: str) -> str:
    """A label that doesn't end its cell of a Markdown table."""
    return label.replace("|", "\\|")
