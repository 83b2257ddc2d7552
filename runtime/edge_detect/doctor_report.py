"""What `edge-detect doctor` found, as a table or JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TextIO

from edge_detect.doctor import Check

SCHEMA = 1

STATUS_WIDTH = len("problem")


def write_json(checks: Sequence[Check], out: TextIO) -> None:
    """One object with all checks in order."""
    json.dump({"schema": SCHEMA, "checks": [asdict(check) for check in checks]}, out, indent=2)
    out.write("\n")


def write_table(checks: Sequence[Check], out: TextIO) -> None:
    """A line for each check, a remedy below it, and the number of problems last.

    Plain text: rich may be what is broken.
    """
    for check in checks:
        out.write(f"{check.status:<{STATUS_WIDTH}}  {check.name}: {check.detail}\n")
        if check.remedy:
            out.write(f"{'':<{STATUS_WIDTH}}  -> {check.remedy}\n")
    problems = sum(check.status == "problem" for check in checks)
    out.write(f"\n{problems or 'no'} problem{'' if problems == 1 else 's'} found\n")
