"""Build hook: the default model travels inside the wheel, checked against its manifest first."""

import hashlib
import json
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DEFAULT_MODEL = Path("models/compact")
HOME_IN_WHEEL = Path("edge_detect/models/compact")


class DefaultModel(BuildHookInterface):
    """Adds the files that the default model's manifest names, and no others of its folder."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling; an editable install finds the model in the checkout instead."""
        if version == "editable":
            return
        folder = Path(self.root, DEFAULT_MODEL)
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        graphs = [*manifest["encoders"], manifest["classifier"]]
        weights = [graph["weights"] for graph in graphs if graph["weights"]]
        recorded = [graph["recorded"] for graph in graphs if graph["recorded"]]
        named = [*graphs, *weights, *manifest["golden"], *recorded]
        for entry in named:
            digest = hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest()
            if digest != entry["sha256"]:
                raise ValueError(
                    f"{folder / entry['file']} differs from its manifest; export it again"
                )
        for file in ("manifest.json", "README.md", *(entry["file"] for entry in named)):
            build_data["force_include"][str(folder / file)] = str(HOME_IN_WHEEL / file)
