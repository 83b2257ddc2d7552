"""`edge-detect evaluate`: clips through a detector, figures of their scores, what is written."""

import csv
import json
import math
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from edge_detect import Detector
from edge_detect.conditions import CONDITIONS
from edge_detect.errors import ConditionUnavailable, DatasetError, OutputError
from edge_detect.evaluate import evaluate
from edge_detect.evaluation_page import render_page
from edge_detect.evaluation_report import EvaluationReport, report_json
from edge_detect.rates import equal_error_rate, error_rates, roc_auc
from edge_detect.whole_file import check_folder, write_whole
from tests.conftest import FIXTURES
from tests.runtime.test_cli import run

NAMES = ["band-3.4k", "band-8k", "gsm", "4s", "8s"]
ODD_ENGINE = "<b>&\"engine'</b>"


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixtures as a list, with engines and sources, and one file that is no audio."""
    folder = tmp_path_factory.mktemp("data")
    shutil.copytree(FIXTURES, folder / "clips")
    (folder / "clips" / "broken.wav").write_bytes(b"RIFF, but no audio")
    with (FIXTURES / "manifest.csv").open(encoding="utf-8") as file:
        rows = [
            {
                "path": f"clips/{row['path']}",
                "label": row["label"],
                "engine_or_source": ODD_ENGINE if "pico" in row["path"] else Path(row["path"]).stem,
                "language": row["language"],
            }
            for row in csv.DictReader(file)
        ]
    rows.append({**rows[0], "path": "clips/broken.wav"})
    rows.append(rows[0])
    with (folder / "list.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "list.csv"


@pytest.fixture(scope="module")
def detector(tiny: Path) -> Detector:
    return Detector.load(tiny, device="cpu", threads=2)


@pytest.fixture(scope="module")
def report(detector: Detector, listing: Path) -> EvaluationReport:
    return evaluate(detector, str(listing), conditions=NAMES, seed=3)


def test_every_score_is_the_detectors(detector: Detector, report: EvaluationReport) -> None:
    assert len(report.clips) == 14
    for clip in report.clips:
        detection = detector.predict(clip.name)
        probability = detection.spoof_probability
        assert probability is not None
        odds = math.log((1 - probability) / probability)
        assert clip.scores["full"] == pytest.approx(odds, abs=1e-4)
        assert clip.duration_s == pytest.approx(detection.duration_s)
        assert clip.bonafide == (Path(clip.name).parent.name == "real")


def test_conditions_change_what_is_heard(report: EvaluationReport) -> None:
    assert [condition.name for condition in report.conditions] == ["full", *NAMES]
    for clip in report.clips:
        assert clip.scores["band-8k"] == clip.scores["full"]
        assert clip.scores["gsm"] != clip.scores["full"]
        assert clip.scores["band-3.4k"] != clip.scores["full"]
        assert ("4s" in clip.scores) == (clip.duration_s >= 4)
        assert clip.unheard.get("4s") == (None if clip.duration_s >= 4 else "too_short")
        assert clip.scores.keys() | clip.unheard.keys() == {"full", *NAMES}


def test_clips_that_are_too_short_are_counted(report: EvaluationReport) -> None:
    of_4s, of_8s = (c for c in report.conditions if c.name in ("4s", "8s"))
    short = sum(clip.duration_s < 4 for clip in report.clips)
    assert of_4s.left_out == {"too_short": short}
    assert of_4s.evaluation is not None
    pooled = of_4s.evaluation.pooled
    assert pooled.real_clips + pooled.spoof_clips == 14 - short
    assert of_8s.left_out == {"too_short": 14}
    assert (of_8s.evaluation, of_8s.flips) == (None, None)


def test_the_figures_are_those_of_the_scores(report: EvaluationReport) -> None:
    real = np.array([clip.bonafide for clip in report.clips])
    for condition in report.conditions[:4]:
        scores = np.array([clip.scores[condition.name] for clip in report.clips])
        assert condition.evaluation is not None
        pooled = condition.evaluation.pooled
        found = {name: estimate.value for name, estimate in vars(pooled.rates).items()}
        eer, rates = equal_error_rate(real, scores), error_rates(real, scores, 0.0)
        assert (found["eer"], pooled.eer_threshold) == pytest.approx((eer.rate, eer.threshold))
        assert found["auc"] == pytest.approx(roc_auc(real, scores))
        assert found["false_positive_rate"] == pytest.approx(rates.false_positive)
        assert found["miss_rate"] == pytest.approx(rates.miss)


def test_flips_are_counted_against_the_clips_as_they_are(report: EvaluationReport) -> None:
    assert report.full.flips is None
    for condition in report.conditions[1:4]:
        flips = condition.flips
        assert flips is not None
        changed = [(c.scores["full"] <= 0) != (c.scores[condition.name] <= 0) for c in report.clips]
        assert (flips.clips, flips.flips) == (14, sum(changed))


def test_a_clip_that_can_not_be_judged_is_named(report: EvaluationReport, listing: Path) -> None:
    [failure] = report.failures
    assert (failure.name, failure.type) == (
        str(listing.parent / "clips" / "broken.wav"), "unsupported_audio"
    )  # fmt: skip
    assert failure.name in failure.message
    assert [entry.type for entry in report.left_out] == ["duplicate"]


def test_a_models_decision_sets_the_threshold(
    decided: Callable[..., Path], listing: Path, report: EvaluationReport
) -> None:
    probabilities = sorted(1 / (1 + math.exp(clip.scores["full"])) for clip in report.clips)
    middle = (probabilities[6] + probabilities[7]) / 2
    model = decided(threshold=middle, inconclusive_low=0.0, inconclusive_high=1.0)
    other = evaluate(Detector.load(model, device="cpu"), str(listing), conditions=["full"])
    assert other.threshold.spoof_probability == middle
    assert other.full.evaluation is not None
    rates = other.full.evaluation.pooled.rates
    assert rates.false_positive_rate is not None
    assert rates.miss_rate is not None
    accused = 7 * rates.false_positive_rate.value + 7 * (1 - rates.miss_rate.value)
    assert accused == pytest.approx(7)  # those above the middle of 14


def test_every_condition(detector: Detector, listing: Path) -> None:
    report = evaluate(detector, str(listing))
    assert [condition.name for condition in report.conditions] == [c.name for c in CONDITIONS]
    for clip in report.clips:
        assert not {name for name, reason in clip.unheard.items() if reason != "too_short"}


def test_what_can_not_be_evaluated(detector: Detector, tmp_path: Path, listing: Path) -> None:
    with pytest.raises(ConditionUnavailable, match="no condition 'vinyl'"):
        evaluate(detector, str(listing), conditions=["vinyl"])
    shutil.copytree(FIXTURES / "real", tmp_path / "real")
    with pytest.raises(DatasetError, match="no synthetic clip"):
        evaluate(detector, str(tmp_path))


def test_json_holds_what_every_figure_can_be_computed_from(report: EvaluationReport) -> None:
    data = json.loads(report_json(report))
    assert data["schema"] == 1
    assert data["model"] == {
        "name": "tiny", "sha256": report.model.sha256, "precision": "fp32",
    }  # fmt: skip
    assert {"data", "threshold", "dcf", "seed", "resamples", "versions"} <= data.keys()
    assert data["dcf"] == {"miss_cost": 1.0, "false_alarm_cost": 10.0, "spoof_prior": 0.05}
    scores = np.array([clip["scores"]["full"] for clip in data["clips"]])
    real = np.array([clip["bonafide"] for clip in data["clips"]])
    eer = data["conditions"][0]["evaluation"]["pooled"]["rates"]["eer"]
    assert eer["value"] == pytest.approx(equal_error_rate(real, scores).rate)
    assert "NaN" not in report_json(report)
    assert "Infinity" not in report_json(report)


class Page(HTMLParser):
    """What a page has: its tags, its text and everything that it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_beside_it(report: EvaluationReport) -> None:
    page = Page(render_page(report))
    assert page.open == page.loads == []
    assert "script" not in page.tags
    assert "b" not in page.tags
    assert ODD_ENGINE in page.text
    assert page.tags.count("svg") == 2
    assert "prefers-color-scheme: dark" in page.text
    for text in ("real speech accused", "synthetic speech passed", "By engine", "By language",
                 "broken.wav", "the first 8 s"):  # fmt: skip
        assert text in page.text


def test_the_det_curve_is_drawn_within_its_frame(report: EvaluationReport) -> None:
    det = re.findall(r"<svg.*?</svg>", render_page(report), re.DOTALL)[0]
    curves = re.findall(r'class="curve series-(\d)[^"]*" points="([^"]*)"', det)
    assert len(curves) == 1 + 7  # all clips, and each engine
    for _, points in curves:
        places = np.array([[float(x) for x in point.split(",")] for point in points.split()])
        assert len(places) > 2
        assert places.min() >= 0
        assert places.max() <= 420
        assert (np.diff(places[:, 0]) >= 0).all()  # false positives rise, and misses fall
        assert (np.diff(places[:, 1]) >= 0).all()
    assert det.count("<circle") == len(curves)


def test_the_command(tiny: Path, listing: Path, tmp_path: Path) -> None:
    output, html = tmp_path / "out.json", tmp_path / "out.html"
    output.write_text("old")
    result = run("evaluate", listing, "--model", tiny, "--conditions", "gsm", "--conditions", "2s",
                 "--output", output, "--html", html, "--seed", "5")  # fmt: skip
    assert result.returncode == 1
    left_out, failed = result.stderr.splitlines()
    assert left_out.startswith("warning: left out: ")
    assert left_out.endswith("stands there twice")
    assert failed.startswith(f"error: '{listing.parent}/clips/broken.wav'")
    for line in ("as it is", "GSM full rate, 13 kbit/s", "the first 2 s", "By engine", "By source",
                 "mean of these", "By language"):  # fmt: skip
        assert line in result.stdout
    data = json.loads(output.read_text(encoding="utf-8"))
    assert [condition["name"] for condition in data["conditions"]] == ["full", "gsm", "2s"]
    assert data["seed"] == 5
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.html", "out.json"]


def test_json_on_standard_output(tiny: Path, listing: Path) -> None:
    result = run("evaluate", listing, "--model", tiny, "--conditions", "full", "--format", "json",
                 "--bonafide-label", "synthetic")  # fmt: skip
    data = json.loads(result.stdout)
    assert {clip["label"] for clip in data["clips"] if clip["bonafide"]} == {"synthetic"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 1, "no file or folder 'nowhere'"),
        (["LIST", "--conditions", "vinyl"], 1, "no condition 'vinyl'"),
        (["LIST", "--bonafide-label", "x"], 1, "no clip has the label 'x' (--bonafide-label)"),
        (["LIST", "--output", "nowhere/x.json"], 1, "no folder 'nowhere'"),
        (["LIST", "--html", "."], 1, "it is a folder"),
        (["LIST", "--model", "nowhere"], 3, "nowhere"),
    ],
)
def test_errors_are_one_line(
    tiny: Path, listing: Path, arguments: list[str], code: int, message: str
) -> None:
    words = [str(listing) if word == "LIST" else word for word in arguments]
    model = [] if "--model" in words else ["--model", tiny]
    result = run("evaluate", *words, *model)
    assert (result.returncode, result.stdout) == (code, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    write_whole(path, "one")
    assert path.read_text() == "one"

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_whole(path, "two")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]
    assert path.read_text() == "one"
    with pytest.raises(OutputError, match="it is a folder"):
        check_folder(tmp_path)
