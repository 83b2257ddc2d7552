"""Where the benchmarks read and write."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
RESULTS = CHECKOUT / "benchmarks" / "results"
FIXTURES = CHECKOUT / "tests" / "data" / "fixtures"
COMPACT = CHECKOUT / "models" / "compact"

CACHE_VARIABLE = "EDGE_DETECT_BENCHMARKS"


def cache_folder() -> Path:
    """The folder of `EDGE_DETECT_BENCHMARKS`, else one in the user's cache: environments, models,
    clips, and nothing that can't be made again."""
    if configured := os.environ.get(CACHE_VARIABLE):
        return Path(configured).resolve()
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "edge-detect-benchmarks"


def key_of(parts: Iterable[bytes | str]) -> str:
    """A name that changes with any of the parts."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:12]


def key_of_files(paths: Iterable[Path]) -> str:
    """A name that changes with the content of any of the files."""
    return key_of(path.read_bytes() for path in sorted(paths))
