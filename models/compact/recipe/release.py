"""The trained model as a package of the project: exported, checked, put in its place."""

from __future__ import annotations

import shutil
from pathlib import Path

from card import LICENCE, card
from clips import Clip
from encoder import ENCODER_FOLDER, load_encoder
from evaluation import Row
from head import Head
from sources import Label, Split

NAME = "compact"
_RECIPE_FOLDER = Path(__file__).resolve().parent
_MODEL_FOLDER = _RECIPE_FOLDER.parent


def release(clips: list[Clip], rows: list[Row], head: Head, work: Path) -> None:
    """Export the model in `work` with the project's own exporter, then replace the model folder's
    files; the exporter fails unless the graphs agree with the torch pipeline. The record of seed,
    versions and figures goes beside the recipe."""
    # Imported here: every other stage runs without the project installed.
    from edge_export import export_package

    parameters = sum(weight.numel() for weight in load_encoder(work / ENCODER_FOLDER).parameters())
    out = work / "package"
    shutil.rmtree(out, ignore_errors=True)
    export_package(
        encoder=work / ENCODER_FOLDER,
        scaler=head.scaler,
        classifier=head.classifier,
        labels=tuple(map(str, Label)),
        bonafide_labels=(str(Label.BONAFIDE),),
        out=out,
        name=NAME,
        licence=LICENCE,
        source=f"models/{NAME}/recipe",
        card=card(clips, rows, parameters),
        precisions=("int8",),
        quality_folder=validation_folder(clips, work),
    )
    shutil.copytree(out, _MODEL_FOLDER, dirs_exist_ok=True)
    for record in ("provenance.json", "metrics.json"):
        shutil.copy(work / record, _RECIPE_FOLDER / record)


def validation_folder(clips: list[Clip], work: Path) -> Path:
    """The clips of the validation rows in a folder for each label: int8 is judged on them."""
    folder = work / "validation-rows"
    shutil.rmtree(folder, ignore_errors=True)
    for clip in clips:
        if clip.split is Split.VALIDATION:
            link = folder / clip.label / clip.path.replace("/", "_")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to((work / clip.path).resolve())
    return folder
