"""Where what can be computed again is kept: a training's embeddings and converted encoders."""

import os
from pathlib import Path

CACHE_VARIABLE = "EDGE_DETECT_CACHE"


def cache_folder() -> Path:
    """The folder of `EDGE_DETECT_CACHE`, else the user's own cache (XDG base directories).

    Raises:
        RuntimeError: neither is named, and the user has no home.
    """
    if configured := os.environ.get(CACHE_VARIABLE):
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-detect"
