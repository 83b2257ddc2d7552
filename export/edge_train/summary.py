"""The figures as tables of text."""

from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge_detect.output import UNWRAPPED
from edge_train.record import Record


def write_summary(record: Record, out: TextIO) -> None:
    """Write the chosen head's figures, its confusion matrix and the comparison of the heads."""
    console = Console(file=out, highlight=False, width=None if out.isatty() else UNWRAPPED)
    for table in (class_table(record), confusion_table(record), head_table(record)):
        console.print(table)
        console.print()
    console.print(Text(accuracy_line(record)))


def text_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table whose first column is text and whose others are numbers."""
    table = Table(box=None, pad_edge=False)
    for i, title in enumerate(columns):
        table.add_column(Text(title), justify="right" if i else "left", overflow="fold")
    for cells in rows:
        table.add_row(*(Text(str(cell)) for cell in cells))
    return table


def class_table(record: Record) -> Table:
    """Precision, recall and F1 of each label, and their averages."""
    figures = record.best.test
    lines = [
        *figures.classes.items(),
        ("macro average", figures.macro),
        ("weighted average", figures.weighted),
    ]
    return text_table(
        ("label", "precision", "recall", "F1", "clips"),
        (
            (name, f"{line.precision:.3f}", f"{line.recall:.3f}", f"{line.f1:.3f}", line.support)
            for name, line in lines
        ),
    )


def confusion_table(record: Record) -> Table:
    """How often each label (row) is taken for each other (column)."""
    labels = record.label_names
    counts = zip(labels, record.best.test.confusion, strict=True)
    return text_table(("is \\ judged", *labels), ((label, *row) for label, row in counts))


def head_table(record: Record) -> Table:
    """The heads side by side, the chosen one marked."""
    return text_table(
        ("head", "CV macro F1", "test macro F1", "test accuracy"),
        (
            (
                f"{head.title}{' (chosen)' if head.name == record.chosen else ''}",
                f"{head.cross_validation_macro_f1:.3f}",
                f"{head.test.macro.f1:.3f}",
                f"{head.test.accuracy:.1%}",
            )
            for head in record.heads
        ),
    )


def accuracy_line(record: Record) -> str:
    """Accuracy with its interval and, for two labels, EER and AUC."""
    figures = record.best.test
    line = (
        f"accuracy {figures.accuracy:.1%} on {record.test_clips} test clips, Wilson 95 % interval "
        f"{figures.accuracy_low:.1%} to {figures.accuracy_high:.1%}"
    )
    if figures.eer is None or figures.auc is None:
        return line
    return f"{line}, EER {figures.eer:.1%}, AUC {figures.auc:.3f}"
