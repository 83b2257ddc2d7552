"""The command `edge-detect export`, also `python -m edge_export`.

Exit codes: 0 the package was written, 1 it was not, 2 usage.
"""

from enum import Enum
from typing import Annotated, Literal

import typer

from edge_export.command import BonafideLabels, Licence, ModelName, NewFolder, one_line_errors


class Precision(str, Enum):
    """What `--precision` takes; typer knows lists of enums only."""

    fp32 = "fp32"
    int8 = "int8"
    fp16 = "fp16"


app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


@app.command()
def export(
    classifier: Annotated[
        str,
        typer.Option(
            metavar="FOLDER|HUB_ID",
            help="Holds deepfake_audio_classifier.pkl, audio_scaler.pkl and model_metadata.json.",
        ),
    ],
    out: NewFolder,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|HUB_ID",
            help="Wav2Vec2: a folder with config.json and safetensors or an ONNX graph by "
            "optimum, or a hub id.  "
            "[default: the feature_extractor of model_metadata.json]",
        ),
    ] = None,
    name: ModelName = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of the encoder on the hub.")
    ] = None,
    exporter: Annotated[
        Literal["torch", "optimum"],
        typer.Option(help="Turns safetensors into a graph; optimum is an extra of its own."),
    ] = "torch",
    graph: Annotated[
        Literal["fast", "standard", "plain"] | None,
        typer.Option(
            help="The fp32 graph: for onnxruntime's CPU, in standard ONNX operators alone, or as "
            "torch's exporter writes it.  [default: fast]",
        ),
    ] = None,
    precision: Annotated[
        list[Precision] | None,
        typer.Option(help="A graph besides fp32: int8 for CPUs, fp16 for GPUs; repeatable."),
    ] = None,
    quality_clips: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Clips on which lower precisions are judged, in sub-folders named by label.  "
            "[default: synthetic]",
        ),
    ] = None,
    max_flips: Annotated[
        float,
        typer.Option(
            metavar="SHARE", min=0, max=1, help="Clips whose verdict a lower precision may change."
        ),
    ] = 0.01,
    decision: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="JSON with the threshold, the inconclusive band and what was measured of them.  "
            "[default: none, so no verdicts]",
        ),
    ] = None,
    cut_silence: Annotated[
        bool,
        typer.Option(
            "--cut-silence",
            help="Judge clips without the silence at their ends and in longer pauses, as where "
            "the training clips had none.",
        ),
    ] = False,
    classifier_revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of the classifier on the hub.")
    ] = None,
    bonafide: BonafideLabels = None,
    licence: Licence = "not stated",
    golden: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="A clip to store with its answer; repeatable.  [default: synthetic]",
        ),
    ] = None,
) -> None:
    """Turn a trained Wav2Vec2 and its scikit-learn head into a model package."""
    with one_line_errors("export"):
        from edge_export.decision import read_decision
        from edge_export.published import choose_encoder, read_published

        decided = read_decision(decision) if decision is not None else None
        published = read_published(classifier, classifier_revision)
        chosen = choose_encoder(encoder, published)

        # Behind these stand torch and transformers: a classifier that can't be used is told before.
        from transformers.utils.logging import disable_progress_bar

        from edge_export.package import export_package

        disable_progress_bar()  # type: ignore[no-untyped-call]
        head = published.head
        folder = export_package(
            chosen,
            head.scaler,
            head.classifier,
            out,
            labels=head.labels,
            bonafide_labels=bonafide,
            name=name,
            revision=revision,
            exporter=exporter,
            graph=graph,
            precisions=[p.value for p in precision or ()],
            quality_folder=quality_clips,
            max_flips=max_flips,
            decision=decided,
            cuts_silence=cut_silence,
            licence=licence,
            source=head.origin,
            golden=golden or (),
        )
    typer.echo(folder)


if __name__ == "__main__":
    app(prog_name="python -m edge_export")
