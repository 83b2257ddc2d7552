"""What `edge-detect models show` says of a model package."""

from edge_detect.manifest import Decision, Graph, Quality
from edge_detect.precision import Choice
from edge_detect.store import ModelPackage


def summarise(package: ModelPackage, auto: Choice) -> list[tuple[str, str]]:
    """Titles and texts of what a package is; `auto` is what that precision means here."""
    manifest = package.manifest
    rows = [
        ("name", manifest.name),
        ("folder", str(package.folder)),
        ("sha256", package.sha256),
        ("labels", ", ".join(manifest.labels)),
        ("bona fide", ", ".join(manifest.bonafide_labels) or "not stated"),
        *(decision_rows(manifest.decision) if manifest.decision else [("verdict", "not stated")]),
        ("precisions", ", ".join(graph.precision for graph in manifest.encoders)),
        ("auto here", auto.reason),
    ]
    for graph in manifest.encoders:
        rows += [(f"{graph.precision} {title}", text) for title, text in graph_rows(graph)]
    return [
        *rows,
        ("sample rate", f"{manifest.sample_rate} Hz, at least {manifest.min_samples} samples"),
        ("silence", silence_treatment(manifest.cuts_silence)),
        ("encoder", manifest.provenance.encoder),
        ("licence", manifest.licence),
    ]


def silence_treatment(cut: bool) -> str:
    """What becomes of silence in a clip."""
    return "cut out first" if cut else "judged as it is"


def decision_rows(decision: Decision) -> list[tuple[str, str]]:
    """Where the verdict changes, and what was measured of it."""
    d = decision
    accused = with_interval(
        d.false_positive_rate, d.false_positive_rate_low, d.false_positive_rate_high
    )
    missed = with_interval(d.miss_rate, d.miss_rate_low, d.miss_rate_high)
    wrong = with_interval(d.error_rate_outside, d.error_rate_outside_low, d.error_rate_outside_high)
    return [
        (
            "verdict",
            f"spoof from a spoof probability of {d.threshold:.6g} on, "
            f"which assumes {d.spoof_prior:.0%} synthetic speech",
        ),
        ("inconclusive", band(decision)),
        (
            "verdict measured",
            f"on {d.real_clips} real and {d.spoof_clips} synthetic clips: {d.data}",
        ),
        ("accused", f"{accused} of the real clips"),
        ("missed", f"{missed} of the synthetic clips"),
        (
            "wrong if conclusive",
            f"{wrong}; {d.inconclusive_rate:.2%} of all clips are inconclusive",
        ),
        ("Cllr", f"{d.cllr:.3f} bits"),
    ]


def band(decision: Decision) -> str:
    """Which spoof probabilities are inconclusive."""
    low, high = decision.inconclusive_low, decision.inconclusive_high
    return f"between {low:.6g} and {high:.6g}" if low < high else "never"


def with_interval(rate: float, low: float, high: float) -> str:
    """A measured share, 0 to 1, with its interval."""
    return f"{rate:.2%} (95 % interval {low:.2%} to {high:.2%})"


def graph_rows(graph: Graph) -> list[tuple[str, str]]:
    """What a graph of lower precision costs and gains; nothing for one that nobody measured."""
    rows = quality_rows(graph.quality) if graph.quality else []
    for kind, speedup in graph.speedup.items():
        rows.append(("speed", f"{speedup:.2f} times fp32 on {kind}, one thread"))
    return rows


def quality_rows(quality: Quality) -> list[tuple[str, str]]:
    """How far a precision is from the reference."""
    interval = f"{quality.flip_rate_low:.2%} to {quality.flip_rate_high:.2%}"
    rows = [
        ("measured", f"on {quality.clips} clips: {quality.source}"),
        ("cosine", f"{quality.cosine_min:.6f} at least, {quality.cosine_mean:.6f} on average"),
        (
            "probability",
            f"off by {quality.probability_max_abs:.4f} at most, "
            f"{quality.probability_mean_abs:.4f} on average",
        ),
        ("labels", f"{quality.flips} of {quality.clips} differ (95 % interval {interval})"),
    ]
    if quality.eer is not None and quality.eer_reference is not None:
        change = 100 * (quality.eer - quality.eer_reference)
        rows.append(("EER", f"{quality.eer:.2%}, {change:+.2f} points from the reference"))
    return rows
