"""The page: no speed without parity or quality beside it, every number from the JSON files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.measured import read_results
from benchmarks.report import page
from benchmarks.sections import WITHHELD

Save = Callable[..., None]

MACHINE = {
    "processor": "a CPU",
    "family_model_stepping": ["1", "2", "3"],
    "usable_cpus": 2,
    "memory_gb": 24.0,
    "telling_flags": ["avx2"],
    "system": "Linux",
    "python": "3.11",
}
TITLES = {
    "torch": "torch eager",
    "odd": "an odd engine",
    "edge-fp32": "edge-detect fp32",
    "edge-int8": "edge-detect int8",
}


def record(
    table: str, graph: str = "one", model: str = "base", exported: float = 1e-6, **body: Any
) -> dict[str, Any]:
    """A results file."""
    engines = {
        name: {
            "title": title,
            "precision": "int8" if "int8" in name else "fp32",
            "settings": "as it is",
            "own": name.startswith("edge"),
            "versions": {},
        }
        for name, title in TITLES.items()
    }
    return {
        "table": table,
        "command": f"python -m benchmarks.{table} --rounds 3",
        "finished": "2026-11-24T00:00:00+00:00",
        "machine": MACHINE,
        "model": {
            "name": model,
            "described": "weights",
            "files_mb": {},
            "graphs": {"fp32": graph},
            "exported_max_abs": exported,
        },
        "engines": engines,
        "failures": {},
        **body,
    }


def timed(engine: str, milliseconds: float, max_abs: float) -> dict[str, Any]:
    """A row of the latency table."""
    return {
        "engine": engine,
        "threads": 1,
        "seconds": 4.0,
        "wall_s": [milliseconds / 1000] * 3,
        "foreign_cpu_s": [0.0] * 3,
        "max_abs": max_abs,
        "cosine": 1.0,
    }


def judged(engine: str) -> dict[str, Any]:
    """A row of the quality table."""
    return {
        "engine": engine,
        "clips": 100,
        "cosine_min": 0.98765,
        "cosine_mean": 0.99,
        "probability_max_abs": 0.1,
        "probability_mean_abs": 0.01,
        "flips": 7,
        "flip_rate_low": 0.03,
        "flip_rate_high": 0.14,
        "eer": 0.12,
        "eer_reference": 0.1,
    }


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(*records: dict[str, Any]) -> None:
        for each in records:
            path = tmp_path / f"{each['table']}-{each['model']['name']}.json"
            path.write_text(json.dumps(each), encoding="utf-8")

    return write


def render(folder: Path, model: str = "base") -> str:
    return page([read_results(folder, model)], folder)


def test_speeds_and_ratios_of_engines_with_parity(tmp_path: Path, save: Save) -> None:
    rows = [timed("torch", 500, 0.0), timed("odd", 250, 9e-5)]
    save(record("latency", rows=rows))
    text = render(tmp_path)
    assert "| torch eager | 500 | 0e+00 | - | - |" in text
    assert "| an odd engine | 250 | 9e-05 | - | - |" in text
    assert "python -m benchmarks.latency --rounds 3" in text
    assert (tmp_path / "latency-base-1.svg").read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize("table", ["latency", "cold_start", "throughput", "limit"])
def test_no_speed_without_parity_or_quality(tmp_path: Path, save: Save, table: str) -> None:
    rows = [timed("torch", 512, 0.0), timed("odd", 271, 2e-4)]
    extra = {"audio_s": 271 * 0.271, "files": 9}
    if table == "limit":
        rows = [{**row, "macs": 28.0e9} for row in rows]
        extra["gemm"] = [
            {"threads": 1, "kind": kind, "shape": [1, 1, 1], "macs_per_s": [70e9]}
            for kind in ("fp32", "u8s8")
        ]
    save(record(table, rows=rows, **extra))
    [line] = [line for line in render(tmp_path).splitlines() if "| an odd engine |" in line]
    assert WITHHELD in line
    assert not any(figure in line for figure in ("271", "0.27", "103.3"))


def test_withheld_speeds_are_in_no_plot_or_ratio(tmp_path: Path, save: Save) -> None:
    save(record("latency", rows=[timed("torch", 500, 0.0), timed("edge-int8", 100, 0.05)]))
    text = render(tmp_path)
    assert "times as fast" not in text
    assert "5.00" not in text
    assert "edge-detect int8" not in (tmp_path / "latency-base-1.svg").read_text(encoding="utf-8")


def test_quality_beside_a_speed_lets_it_be_printed(tmp_path: Path, save: Save) -> None:
    rows = [timed("torch", 500, 0.0), timed("edge-int8", 100, 0.05)]
    save(record("latency", rows=rows))
    save(record("quality", reference="torch", rows=[judged("edge-int8")]))
    text = render(tmp_path)
    assert "| **edge-detect int8** | 100 | 5e-02 | 0.9877 | 7 / 100 |" in text
    assert "| torch eager | 5.00 |" in text
    assert "7 of 100 (3.0% to 14.0%)" in text
    assert "12.0% (+2.0%)" in text


def test_quality_of_other_graphs_is_refused(tmp_path: Path, save: Save) -> None:
    save(record("latency", rows=[timed("edge-int8", 100, 0.05)]))
    save(record("quality", graph="two", reference="torch", rows=[judged("edge-int8")]))
    with pytest.raises(SystemExit, match="different graphs"):
        render(tmp_path)


def test_an_engine_that_failed_is_named_with_its_reason(tmp_path: Path, save: Save) -> None:
    failures = {"odd": "RuntimeError: no kernel"}
    save(record("latency", rows=[timed("torch", 500, 0.0)], failures=failures))
    assert "an odd engine is missing here: RuntimeError: no kernel" in render(tmp_path)


def test_models_are_kept_apart(tmp_path: Path, save: Save) -> None:
    save(record("latency", rows=[timed("torch", 500, 0.0)]))
    save(record("latency", model="compact", graph="two", rows=[timed("odd", 20, 0.0)]))
    assert "an odd engine |" not in render(tmp_path)
    assert "## Model `compact`" in render(tmp_path, "compact")


@pytest.mark.parametrize(("exported", "cell"), [(2e-6, "20.0"), (2e-4, WITHHELD)])
def test_without_weights_for_torch_the_exports_own_proof_counts(
    tmp_path: Path, save: Save, exported: float, cell: str
) -> None:
    row = {**timed("edge-fp32", 20, 0.0), "max_abs": None, "cosine": None}
    save(record("latency", model="compact", exported=exported, rows=[row]))
    assert f"| **edge-detect fp32** | {cell} | {exported:.0e} |" in render(tmp_path, "compact")
