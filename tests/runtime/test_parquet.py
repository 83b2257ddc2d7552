"""`--format parquet`: the CSV's columns with types, the results of the JSON Lines."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_detect import Detection, Failure, ModelIdentity
from edge_detect.errors import NoSpeech
from edge_detect.output import Result, write_results
from edge_detect.parquet import GROUP_ROWS
from tests.runtime.test_cli import run

WITHOUT_PYARROW = """
import importlib.util as util
found = util.find_spec
util.find_spec = lambda name, *rest: None if name == "pyarrow" else found(name, *rest)
from edge_detect.cli import main
main()
"""


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """A result of the JSON Lines under the names of the columns; what it doesn't have is absent."""
    model, error = record.pop("model", {}), record.pop("error", {})
    probabilities = record.pop("probabilities", {})
    return {
        **record,
        **{f"probability_{label}": p for label, p in probabilities.items()},
        **({"model": model["name"], "model_sha256": model["sha256"]} if model else {}),
        **({"precision": model["precision"]} if model else {}),
        **{f"error_{key}": value for key, value in error.items()},
    }


def test_it_is_the_json_lines_with_the_columns_of_the_csv(
    tiny: Path, speech_path: Path, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "broken.wav").write_bytes(b"RIFF broken")
    no_utf8 = os.fsdecode(bytes(tmp_path) + b"/caf\xe9 \xc3\xa9.opus")
    Path(no_utf8).write_bytes(speech_path.read_bytes())
    file = tmp_path / "o.parquet"
    args = ("--model", tiny, speech_path, tmp_path / "broken.wav", no_utf8, "no.wav",
            "--threshold", "0.5")  # fmt: skip
    written = run(*args, "--format", "parquet", "--output", file)
    assert (written.returncode, written.stdout) == (1, "")
    assert written.stderr.count("error: ") == 2
    table = parquet.read_table(file)
    lines = run(*args, "--format", "jsonl").stdout.splitlines()
    # A byte that is no UTF-8 is \udce9 in the JSON, as an escape; and here, as text.
    records = [flat(json.loads(line.replace("\\udce9", "\\\\udce9"))) for line in lines]
    assert "caf\\udce9 é.opus" in records[2]["source"]
    assert table.to_pylist() == [
        {name: record.get(name) for name in table.column_names} for record in records
    ]
    assert [set(record) - set(table.column_names) for record in records] == [set()] * 4
    as_csv = subprocess.run(
        [sys.executable, "-m", "edge_detect", *map(str, args), "--format", "csv"],
        capture_output=True,
    ).stdout.decode(errors="replace")
    assert table.column_names == csv.DictReader(io.StringIO(as_csv)).fieldnames
    doubles = {"confidence", "spoof_probability", "duration_s",
               "probability_bonafide", "probability_spoof"}  # fmt: skip
    assert {field.name: str(field.type) for field in table.schema} == {
        name: "double" if name in doubles else "string" for name in table.column_names
    }
    assert sorted(path.name for path in tmp_path.iterdir() if "part" in path.name) == []


DETECTION = Detection(
    source="",
    label="spoof",
    confidence=0.75,
    probabilities={"bonafide": 0.25, "spoof": 0.75},
    spoof_probability=None,
    verdict=None,
    duration_s=1.5,
    mode="whole",
    model=ModelIdentity("tiny", 64 * "a", "fp32"),
    device="cpu",
)


def test_groups_are_written_as_they_are_full(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    count = 3 * GROUP_ROWS + 5
    file = tmp_path / "o.parquet"
    sizes = []

    def results() -> Iterator[Result]:
        for index in range(count):
            if index % GROUP_ROWS == 0:
                out.flush()
                sizes.append(file.stat().st_size)
            name = f"{index}.wav"
            yield (
                Failure(name, NoSpeech("is silent"))
                if index % 3
                else replace(DETECTION, source=name)
            )

    with file.open("w") as out:
        write_results(results(), ("bonafide", "spoof"), "parquet", out)
    assert sizes[0] == 4  # the magic number
    assert sizes == sorted({*sizes})
    metadata = parquet.read_metadata(file)
    assert metadata.num_rows == count
    assert metadata.num_row_groups == 4
    table = parquet.read_table(file)
    assert table["source"].to_pylist() == [f"{index}.wav" for index in range(count)]
    assert table["spoof_probability"].null_count == count
    assert table["confidence"].null_count == table["label"].null_count == 2 * count // 3
    assert table["error_type"].null_count == count - 2 * count // 3


def test_no_files_that_can_be_judged(tiny: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "o.parquet"
    assert run("--model", tiny, "no.wav", "--format", "parquet", "--output", file).returncode == 1
    [row] = parquet.read_table(file).to_pylist()
    found = {name: cell for name, cell in row.items() if cell is not None}
    assert found == {
        "source": "no.wav",
        "error_type": "file_not_found",
        "error_message": "no file 'no.wav'; check the path",
    }


def test_it_needs_a_file(tiny: Path, speech_path: Path) -> None:
    result = run("--model", tiny, speech_path, "--format", "parquet")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.endswith("Invalid value for --format: parquet needs --output FILE\n")
    resumed = run("--model", tiny, speech_path, "--format", "parquet", "--output", "o", "--resume")
    assert resumed.returncode == 2


def test_without_pyarrow(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "o.parquet"
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYARROW, "--model", tiny, "no.wav", "--format", "parquet",
         "--output", file],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (1, "")
    # Nothing is said of no.wav: nothing was judged.
    assert result.stderr == (
        f"error: can't write {str(file)!r} without pyarrow; "
        'pip install "edge-detect[parquet]", or give another --format\n'
    )
    assert list(tmp_path.iterdir()) == []
