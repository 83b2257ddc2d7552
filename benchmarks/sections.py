"""The sections of the page, one function a table.

A speed is printed where the embedding is torch's (within 1e-4), or where the engine's quality
stands beside it; else the word "withheld".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import spread
from benchmarks.measured import Record, Results
from benchmarks.plots import plot_latency, plot_trade

WITHHELD = "withheld"


def heading(title: str, record: Record) -> list[str]:
    """A section's title and the command that makes its table."""
    return [f"### {title}", f"```sh\n{record['command']}\n```"]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def title(record: Record, engine: str) -> str:
    """An engine's name on the page."""
    found: str = record["engines"][engine]["title"]
    return f"**{found}**" if record["engines"][engine]["own"] else found


def guarded(results: Results, engine: str, text: str) -> str:
    """A speed, or the word that stands for it."""
    return text if results.may_print(engine) else WITHHELD


def difference_cells(results: Results, engine: str) -> list[str]:
    """Largest difference from torch, and smallest cosine with flips where quality was measured."""
    difference = results.worst_difference(engine)
    quality = results.quality(engine)
    return [
        "-" if difference is None else f"{difference:.0e}",
        f"{quality['cosine_min']:.4f}" if quality else "-",
        f"{quality['flips']} / {quality['clips']}" if quality else "-",
    ]


DIFFERENCE_COLUMNS = ["max abs", "cosine, least", "flips"]


def latency_section(results: Results, record: Record, folder: Path) -> list[str]:
    """Medians by length, ratios, then every percentile."""
    parts = heading("Latency", record)
    for threads in distinct(record["rows"], "threads"):
        rows = [row for row in record["rows"] if row["threads"] == threads]
        lengths = distinct(rows, "seconds")
        medians = {(row["engine"], row["seconds"]): spread(row["wall_s"]).p50 for row in rows}
        engines = distinct(rows, "engine")
        columns = [f"ms, {threads} thread{'s' * (threads > 1)}"]
        columns += [f"{seconds:g} s" for seconds in lengths] + DIFFERENCE_COLUMNS
        lines = []
        for engine in engines:
            cells = [milliseconds(medians.get((engine, seconds))) for seconds in lengths]
            cells = [guarded(results, engine, cell) for cell in cells]
            lines.append([title(record, engine), *cells, *difference_cells(results, engine)])
        parts.append(table(columns, lines))
        parts += ratio_tables(results, record, engines, lengths, medians)
        parts += latency_plot(results, record, threads, medians, folder)
    return [*parts, percentiles(results, record)]


def latency_plot(
    results: Results,
    record: Record,
    threads: int,
    medians: Mapping[tuple[str, float], float],
    folder: Path,
) -> list[str]:
    """RTF by length of the engines whose speed may be printed."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for (engine, seconds), median in medians.items():
        if results.may_print(engine):
            curve = curves.setdefault(record["engines"][engine]["title"], [])
            curve.append((seconds, median / seconds))
    if not curves:
        return []
    name = f"latency-{results.model}-{threads}.svg"
    plot_latency(curves, f"RTF, {threads} thread(s)", folder / name)
    return [f"![RTF by length, {threads} thread(s)]({name})"]


def ratio_tables(
    results: Results,
    record: Record,
    engines: Sequence[str],
    lengths: Sequence[float],
    medians: Mapping[tuple[str, float], float],
) -> list[str]:
    """How many times as fast each precision of edge-detect is as every peer."""
    parts = []
    for own in (name for name in engines if record["engines"][name]["own"]):
        if not results.may_print(own):
            continue
        lines = [
            [title(record, peer), *(ratio(medians, peer, own, seconds) for seconds in lengths)]
            for peer in engines
            if peer != own and results.may_print(peer)
        ]
        if lines:
            columns = [f"{title(record, own)} is … times as fast as"]
            parts.append(table([*columns, *(f"{seconds:g} s" for seconds in lengths)], lines))
    return parts


def ratio(medians: Mapping[tuple[str, float], float], peer: str, own: str, seconds: float) -> str:
    """The peer's median by ours."""
    if (peer, seconds) not in medians or (own, seconds) not in medians:
        return "-"
    return f"{medians[peer, seconds] / medians[own, seconds]:.2f}"


def percentiles(results: Results, record: Record) -> str:
    """p50, p90, p99 and RTF of every row, folded away."""
    lines = []
    for row in record["rows"]:
        if results.may_print(row["engine"]):
            figures = spread(row["wall_s"])
            times = [milliseconds(value) for value in (figures.p50, figures.p90, figures.p99)]
            rtf = f"{figures.p50 / row['seconds']:.4f}"
            foreign = f"{sum(row['foreign_cpu_s']) / sum(row['wall_s']):.1%}"
            where = [title(record, row["engine"]), str(row["threads"]), f"{row['seconds']:g} s"]
            lines.append([*where, str(figures.count), *times, rtf, foreign])
    columns = ["engine", "threads", "clip", "samples", "p50 ms", "p90 ms", "p99 ms", "RTF"]
    body = table([*columns, "foreign CPU"], lines)
    return f"<details><summary>Percentiles and RTF</summary>\n\n{body}\n\n</details>"


def cold_start_section(results: Results, record: Record, folder: Path) -> list[str]:
    """Whole processes."""
    lines = []
    for row in record["rows"]:
        figures = spread(row["wall_s"])
        cells = [f"{value:.2f}" for value in (figures.p50, figures.p90)]
        cells = [guarded(results, row["engine"], cell) for cell in cells]
        cells = [title(record, row["engine"]), *cells, str(figures.count)]
        lines.append([*cells, *difference_cells(results, row["engine"])])
    note = "Seconds from start to end of a process that loads the model and answers one 4 s WAV."
    columns = ["engine", "p50 s", "p90 s", "samples", *DIFFERENCE_COLUMNS]
    return [*heading("Cold start", record), note, table(columns, lines)]


def memory_section(results: Results, record: Record, folder: Path) -> list[str]:
    """Peak memory by length."""
    lengths = distinct(record["rows"], "seconds")
    peaks = {(row["engine"], row["seconds"]): row["peak_rss_mb"] for row in record["rows"]}
    lines = [
        [
            title(record, engine),
            *(f"{peaks[engine, s]:.0f}" if (engine, s) in peaks else "-" for s in lengths),
        ]
        for engine in distinct(record["rows"], "engine")
    ]
    columns = ["peak RSS, MB", *(f"{seconds:g} s" for seconds in lengths)]
    return [*heading("Memory", record), table(columns, lines)]


def throughput_section(results: Results, record: Record, folder: Path) -> list[str]:
    """Audio seconds a second over many files."""
    lines = []
    for row in record["rows"]:
        rate = record["audio_s"] / spread(row["wall_s"]).p50
        cell = guarded(results, row["engine"], f"{rate:.1f}")
        cells = [title(record, row["engine"]), str(row["threads"]), cell]
        lines.append([*cells, *difference_cells(results, row["engine"])])
    note = f"{record['files']} files, {record['audio_s']:g} s of audio."
    columns = ["engine", "threads", "audio s / s", *DIFFERENCE_COLUMNS]
    return [*heading("Throughput", record), note, table(columns, lines)]


def parity_section(results: Results, record: Record, folder: Path) -> list[str]:
    """Largest difference and cosine by length."""
    lengths = distinct(record["rows"], "seconds")
    found = {(row["engine"], row["seconds"]): row for row in record["rows"]}
    lines = []
    for engine in distinct(record["rows"], "engine"):
        rows = [found.get((engine, seconds)) for seconds in lengths]
        cells = [f"{r['max_abs']:.1e} / {1 - r['cosine']:.0e}" if r else "-" for r in rows]
        lines.append([title(record, engine), *cells])
    columns = ["max abs / 1 - cosine", *(f"{seconds:g} s" for seconds in lengths)]
    return [*heading("Parity with torch", record), table(columns, lines)]


def quality_section(results: Results, record: Record, folder: Path) -> list[str]:
    """What quantisation costs."""
    lines = []
    for row in record["rows"]:
        low, high = row["flip_rate_low"], row["flip_rate_high"]
        lines.append(
            [
                title(record, row["engine"]),
                f"{row['cosine_min']:.5f} / {row['cosine_mean']:.5f}",
                f"{row['probability_max_abs']:.3f} / {row['probability_mean_abs']:.4f}",
                f"{row['flips']} of {row['clips']} ({low:.1%} to {high:.1%})",
                f"{row['eer']:.1%} ({row['eer'] - row['eer_reference']:+.1%})",
            ]
        )
    columns = ["engine", "cosine: least / mean", "probability error: most / mean"]
    columns += ["flips (95 % Wilson)", "EER (change)"]
    note = f"Against {record['reference']}."
    if results.model == "base":
        note += " The weights are random: only indicative."
    parts = [*heading("Quality of quantised engines", record), note, table(columns, lines)]
    return parts + trade_plot(results, record, folder)


def trade_plot(results: Results, record: Record, folder: Path) -> list[str]:
    """Speed against quality, where both were measured at 4 s."""
    latency = results.get("latency")
    points = {}
    for row in latency["rows"] if latency else ():
        quality = results.quality(row["engine"])
        if quality and row["seconds"] == 4.0:
            key = (latency["engines"][row["engine"]]["title"], row["threads"])
            points[key] = (spread(row["wall_s"]).p50, 1 - quality["cosine_min"])
    if not points:
        return []
    name = f"trade-{results.model}.svg"
    plot_trade(points, folder / name)
    return [f"![speed at 4 s against distance from torch]({name})"]


def limit_section(results: Results, record: Record, folder: Path) -> list[str]:
    """Fractions of the roof."""
    roof = {
        (threads, kind): max(
            spread(row["macs_per_s"]).p50
            for row in record["gemm"]
            if row["threads"] == threads and row["kind"] == kind
        )
        for threads in distinct(record["gemm"], "threads")
        for kind in distinct(record["gemm"], "kind")
    }
    lines = []
    for row in record["rows"]:
        rate = row["macs"] / spread(row["wall_s"]).p50
        cells = [f"{rate / 1e9:.1f}"]
        cells += [f"{rate / roof[row['threads'], kind]:.0%}" for kind in ("fp32", "u8s8")]
        cells = [guarded(results, row["engine"], cell) for cell in cells]
        where = [title(record, row["engine"]), str(row["threads"]), f"{row['seconds']:g} s"]
        lines.append([*where, *cells, *difference_cells(results, row["engine"])])
    roofs = "; ".join(
        f"{threads} thread(s): {kind} {rate / 1e9:.0f} GMAC/s"
        for (threads, kind), rate in roof.items()
    )
    columns = ["engine", "threads", "clip", "GMAC/s", "of the fp32 roof", "of the u8s8 roof"]
    columns += DIFFERENCE_COLUMNS
    note = f"Best product of onnxruntime in the same run, {roofs}."
    return [*heading("Fraction of the limit", record), note, table(columns, lines)]


SECTIONS: dict[str, Callable[[Results, Record, Path], list[str]]] = {
    "latency": latency_section,
    "cold_start": cold_start_section,
    "memory": memory_section,
    "throughput": throughput_section,
    "limit": limit_section,
    "parity": parity_section,
    "quality": quality_section,
}


def failure_lines(record: Record) -> list[str]:
    """Engines that could not be measured, and why."""
    return [
        f"{title(record, engine)} is missing here: {reason}"
        for engine, reason in record["failures"].items()
    ]


def milliseconds(seconds: float | None) -> str:
    """A time to three digits."""
    if seconds is None:
        return "-"
    value = seconds * 1000
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def distinct(rows: Iterable[Record], key: str) -> list[Any]:
    """Values of a key in the order of their first row."""
    return list(dict.fromkeys(row[key] for row in rows))
