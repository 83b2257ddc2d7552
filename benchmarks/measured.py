"""What the results files of one model say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import PARITY_MAX_ABS

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Results:
    """What one model's results files say; a table that was not run is None."""

    model: str
    tables: Mapping[str, Record]
    """Table to record."""

    def get(self, table: str) -> Record | None:
        """The record of a table."""
        return self.tables.get(table)

    def quality(self, engine: str) -> Record | None:
        """What the quality table says of an engine."""
        return row_of(self.get("quality"), engine)

    def worst_difference(self, engine: str) -> float | None:
        """Largest difference from torch in any table, None where none was measured.

        Where a model has no weights for torch, its fp32 is as far as its export found it to be.
        """
        found = [
            row["max_abs"]
            for record in self.tables.values()
            for row in record.get("rows", ())
            if row["engine"] == engine and row.get("max_abs") is not None
        ]
        if not found and engine == "edge-fp32":
            found = [record["model"]["exported_max_abs"] for record in self.tables.values()]
        return max(found, default=None)

    def may_print(self, engine: str) -> bool:
        """Whether a speed of the engine may stand on the page."""
        if self.quality(engine) is not None:
            return True
        difference = self.worst_difference(engine)
        return difference is not None and difference <= PARITY_MAX_ABS


def row_of(record: Record | None, engine: str) -> Record | None:
    """The first row of an engine."""
    rows = record["rows"] if record else ()
    return next((row for row in rows if row["engine"] == engine), None)


def read_results(folder: Path, model: str) -> Results:
    """The results files of one model in a folder.

    Raises:
        SystemExit: they speak of different graphs, so no quality can stand beside a speed.
    """
    records = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    mine = [record for record in records if record.get("model", {}).get("name") == model]
    if len({json.dumps(record["model"]["graphs"], sort_keys=True) for record in mine}) > 1:
        names = ", ".join(sorted(record["table"] for record in mine))
        raise SystemExit(f"the tables of {model!r} ({names}) are of different graphs; run all anew")
    return Results(model, {record["table"]: record for record in mine})
