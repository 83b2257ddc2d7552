"""README.md of a model package: the model card."""

from edge_detect.manifest import Decision, Manifest, Quality
from edge_detect.summary import decision_rows


def render_card(manifest: Manifest, notes: str) -> str:
    """The model card in Markdown: what the manifest knows, then the author's own notes."""
    provenance, parity = manifest.provenance, manifest.parity
    revision = f" at `{provenance.encoder_revision}`" if provenance.encoder_revision else ""
    # A given graph has no weights for torch, which then has no hand in the export.
    reference = "torch" if "torch" in manifest.versions else "the ONNX graph it was made from"
    bonafide = ", ".join(f"`{label}`" for label in manifest.bonafide_labels)
    lines = [
        f"# {manifest.name}",
        "",
        f"A model package for edge-detect: `edge-detect --model {manifest.name} FILE...`",
        "",
        f"- Encoder: Wav2Vec2 `{provenance.encoder}`{revision}, mean-pooled to "
        f"{manifest.hidden_size} dimensions",
        f"- Classifier: {provenance.classifier}",
        f"- Labels: {', '.join(f'`{label}`' for label in manifest.labels)}; a real human voice "
        f"is {bonafide or 'not stated, so there is no spoof probability'}",
        f"- Input: mono, {manifest.sample_rate} Hz, at least {manifest.min_samples} samples",
        f"- Precisions: {', '.join(graph.precision for graph in manifest.encoders)}",
        *(quality_line(g.precision, g.quality) for g in manifest.encoders if g.quality),
        f"- Licence: {manifest.licence}",
        f"- Parity with {reference} and scikit-learn over {parity.clips} clips of up to "
        f"{parity.max_seconds:g} s: embedding within {parity.embedding_max_abs:.1e}, cosine "
        f"within {1 - parity.embedding_min_cosine:.1e} of 1, probabilities within "
        f"{parity.probability_max_abs:.1e}",
    ]
    if manifest.decision:
        lines += decision_lines(manifest.decision)
    return "\n".join([*lines, *(["", notes.strip()] if notes else []), ""])


def quality_line(precision: str, quality: Quality) -> str:
    """What a lower precision costs."""
    return (
        f"- {precision} against fp32, over {quality.clips} clips ({quality.source}): "
        f"{quality.flips} verdicts changed (95 % interval {quality.flip_rate_low:.1%} to "
        f"{quality.flip_rate_high:.1%}), probabilities within {quality.probability_max_abs:.1e}, "
        f"cosine at least {quality.cosine_min:.6f}"
    )


def decision_lines(decision: Decision) -> list[str]:
    """The section that says when a verdict changes and how often it was wrong."""
    return [
        "",
        "## Verdict",
        *(f"- {title[:1].upper()}{title[1:]}: {text}" for title, text in decision_rows(decision)),
        "",
        "A verdict is no proof: these are shares of the clips that were measured, and others "
        "(of a generator, a language, a telephone that they don't have) can be judged far worse.",
    ]
