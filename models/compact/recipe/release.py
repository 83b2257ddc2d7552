"""The package in its place in the project, with its card and the record of how it was made."""

from __future__ import annotations

import shutil
from pathlib import Path

from card import card
from clips import Clip
from edge_detect.manifest import read_manifest
from edge_export.card import render_card
from encoder import ENCODER_FOLDER, load_encoder
from evaluation import Evaluated
from sources import Split

_RECIPE_FOLDER = Path(__file__).resolve().parent
_MODEL_FOLDER = _RECIPE_FOLDER.parent


def release(
    clips: list[Clip], evaluated: dict[Split, Evaluated], package: Path, work: Path
) -> None:
    """Write the card, then put the package's files in place of the model folder's."""
    parameters = sum(weight.numel() for weight in load_encoder(work / ENCODER_FOLDER).parameters())
    text = render_card(read_manifest(package), card(clips, evaluated, parameters))
    (package / "README.md").write_text(text, encoding="utf-8")
    for old in _MODEL_FOLDER.glob("*.onnx*"):
        old.unlink()
    shutil.copytree(package, _MODEL_FOLDER, dirs_exist_ok=True)
    for record in ("provenance.json", "metrics.json"):
        shutil.copy(work / record, _RECIPE_FOLDER / record)
