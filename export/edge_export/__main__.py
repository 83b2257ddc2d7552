"""The command `edge-detect export`, also `python -m edge_export`.

Exit codes: 0 the package was written, 1 it was not, 2 usage.
"""

from typing import Annotated

import typer

from edge_detect.errors import EdgeDetectError

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


@app.command()
def export(
    encoder: Annotated[
        str,
        typer.Option(
            metavar="FOLDER|HUB_ID",
            help="Wav2Vec2: a folder with config.json and safetensors, or a hub id.",
        ),
    ],
    classifier: Annotated[
        str,
        typer.Option(
            metavar="FOLDER",
            help="Holds deepfake_audio_classifier.pkl, audio_scaler.pkl and model_metadata.json.",
        ),
    ],
    out: Annotated[
        str, typer.Option(metavar="FOLDER", help="The model package to make; must not exist.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the model.  [default: the folder's]")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of the encoder on the hub.")
    ] = None,
    bonafide: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL",
            help="A label that means a real human voice; repeatable.  [default: bonafide]",
        ),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "not stated",
    golden: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="A clip to store with its answer; repeatable.  [default: synthetic]",
        ),
    ] = None,
) -> None:
    """Turn a trained Wav2Vec2 and its scikit-learn head into a model package."""
    try:
        from transformers.utils.logging import disable_progress_bar

        from edge_export.package import export_package
        from edge_export.published import read_head

        disable_progress_bar()  # type: ignore[no-untyped-call]
        head = read_head(classifier)
        folder = export_package(
            encoder,
            head.scaler,
            head.classifier,
            out,
            labels=head.labels,
            bonafide_labels=bonafide,
            name=name,
            revision=revision,
            licence=licence,
            source=head.origin,
            golden=golden or (),
        )
    except ModuleNotFoundError as error:
        typer.echo(f"error: no module {error.name!r}; pip install 'edge-detect[export]'", err=True)
        raise typer.Exit(1) from error
    except EdgeDetectError as error:
        typer.echo(f"error: {error.message}", err=True)
        raise typer.Exit(1) from error
    typer.echo(folder)


if __name__ == "__main__":
    app(prog_name="python -m edge_export")
