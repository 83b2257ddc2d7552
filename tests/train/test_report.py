"""The page: complete, self-contained, and safe with any text in it."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from edge_detect.clips import LeftOut
from edge_train.metrics import measure, most_probable
from edge_train.plots import JudgedClips, Projection, project, targets
from edge_train.record import EncoderIdentity, HeadResult, LabelCounts, Misjudged, Record
from edge_train.report import render_report
from edge_train.split import LabelLeftOut

HOSTILE = "<script>alert('x')</script> & \"$x^2$\" -->"
VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """The elements and the text of a page, which must be well nested."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            self.attributes.append((name, value or ""))
            if name == "id":
                self.ids[value or ""] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def judged(labels: tuple[str, ...], count: int = 40) -> JudgedClips:
    """Random probabilities that are right more often than not."""
    rng = np.random.default_rng(0)
    truth = np.array(labels)[np.arange(count) % len(labels)]
    right = (truth[:, np.newaxis] == np.array(labels)).astype(float)
    scores = np.exp(rng.normal(size=(count, len(labels))) + 1.5 * right)
    projection = Projection(rng.normal(size=(count, 2)), 0.5)
    return JudgedClips(labels, truth, scores / scores.sum(axis=1, keepdims=True), projection)


def record_of(clips: JudgedClips, **fields: object) -> Record:
    figures = measure(clips.truth, clips.probabilities, clips.labels)
    heads = tuple(HeadResult(name, f"the {name}", 0.5, figures) for name in ("lr", "svm", "rf"))
    counts = Counter(clips.truth.tolist())
    values: dict[str, object] = {
        "schema": 1,
        "name": "my model",
        "data": "my clips",
        "seed": 4711,
        "grouped_by": "speaker",
        "encoder": EncoderIdentity("compact", "ab" * 32, 16_000, 192, cuts_silence=True),
        "bonafide_labels": clips.labels[:1],
        "labels": tuple(LabelCounts(label, 99, counts[label]) for label in clips.labels),
        "clips_found": 600,
        "train_clips": 480,
        "test_clips": len(clips.truth),
        "rule": "the rule",
        "chosen": "svm",
        "heads": heads,
        "misjudged": (),
        "warnings": (),
        "damaged": (),
        "left_out_labels": (),
        "left_out": (),
        "versions": {"edge-detect": "1"},
    }
    return Record(**(values | fields))  # type: ignore[arg-type]


def page(labels: tuple[str, ...], **fields: object) -> tuple[str, Page]:
    clips = judged(labels)
    html = render_report(record_of(clips, **fields), clips)
    return html, Page(html)


@pytest.mark.parametrize("count", [2, 3, 9])
def test_everything_is_there(count: int) -> None:
    labels = tuple(f"label {i}" for i in range(count))
    html, parsed = page(labels)
    assert parsed.tags["svg"] == 3
    assert parsed.tags["h1"] == 1
    assert parsed.text.count("(chosen)") == 1
    for text in ("Wilson 95 % interval", "Confusion matrix", "ROC", "DET", "Macro average"):
        assert text in parsed.text
    assert ("EER" in parsed.text) == (count == 2)
    assert all(label in parsed.text for label in labels)
    assert parsed.ids
    assert max(parsed.ids.values()) == 1, "ids are unique over all plots"
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(parsed.ids)
    references = {value[1:] for name, value in parsed.attributes if name.endswith("href")}
    assert references <= set(parsed.ids)


def test_nothing_is_loaded_from_elsewhere() -> None:
    html, parsed = page(("real", "fake"))
    assert "://" not in html
    assert "@import" not in html
    assert all(
        value.startswith("#") for name, value in parsed.attributes if name in ("src", "xlink:href")
    )
    assert parsed.tags["script"] == parsed.tags["link"] == parsed.tags["img"] == 0


def test_colours_come_from_the_page() -> None:
    html, _ = page(("real", "fake"))
    plots = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert "var(--ink)" in plots
    assert "var(--series-1)" in plots
    assert set(re.findall(r"#[0-9a-f]{6}\b", plots)) == set()
    assert "prefers-color-scheme: dark" in html


@pytest.mark.parametrize("label", [HOSTILE, "日本語", "a\\b_c%{}", 'id="x" #010203', "]]>"])
def test_text_is_never_markup(label: str) -> None:
    html, parsed = page(
        (label, "other"),
        name=label,
        data=label,
        misjudged=(Misjudged(label, label, label, 0.9),),
        warnings=(label,),
        damaged=(label,),
        left_out=(LeftOut(label, "too_short", label),),
        left_out_labels=(LabelLeftOut(label, 1, label),),
    )
    assert parsed.tags["script"] == 0
    # In every table, plot and list that names it, as it is.
    assert parsed.text.count(label) >= 15
    assert html.encode("utf-8")


def test_what_a_reader_must_know_comes_first() -> None:
    _, parsed = page(("real", "fake"), warnings=("the test set has 8 clips",))
    assert parsed.text.index("Warning: the test set has 8 clips.") < parsed.text.index("Accuracy")
    _, silent = page(("real", "fake"))
    assert "Warning" not in silent.text


def test_the_same_record_gives_the_same_page() -> None:
    assert page(("real", "fake"))[0] == page(("real", "fake"))[0]


def test_names_without_an_encoding_are_written(tmp_path: Path) -> None:
    name = "clip\udcff.wav"
    html, _ = page(("real", "fake"), left_out=(LeftOut(name, "too_short", repr(name)),))
    assert "clip\\udcff.wav" in html.encode("utf-8", "backslashreplace").decode()


def test_the_label_to_find_is_the_one_that_is_not_bona_fide() -> None:
    assert targets(("fake", "real"), ["real"]) == ("fake",)
    assert targets(("fake", "real"), ["fake"]) == ("real",)
    assert targets(("fake", "real"), []) == ("real",)
    assert targets(("a", "b", "c"), ["a"]) == ("a", "b", "c")


def test_the_projection_is_fitted_on_training_clips() -> None:
    rng = np.random.default_rng(0)
    train = rng.normal(size=(50, 4)) * [5, 3, 0.1, 0.1]
    projection = project(train, train[:3] + 100)
    assert projection.explained > 0.99
    centred = train - train.mean(axis=0)
    widest = np.abs(projection.points - project(train, train[:3]).points)
    np.testing.assert_allclose(widest[0], widest[1])  # the shift alone: the test moves no axis
    assert centred[:, 0].std() > centred[:, 1].std()


def test_mistakes_are_ringed_and_listed() -> None:
    clips = judged(("real", "fake"))
    wrong = (clips.truth != most_probable(clips.probabilities, clips.labels)).sum()
    mistakes = tuple(Misjudged(f"{i}.wav", "real", "fake", 0.9) for i in range(wrong))
    _, parsed = page(("real", "fake"), misjudged=mistakes)
    assert f"{wrong} of 40 test clips" in parsed.text
    assert "judged wrong" in parsed.text
    assert all(f"{i}.wav" in parsed.text for i in range(wrong))
