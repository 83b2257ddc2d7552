"""What `edge-detect bench` found, as a table or JSON."""

import json
from dataclasses import asdict, dataclass
from typing import Literal, TextIO, TypeAlias

BenchFormat: TypeAlias = Literal["table", "json"]

SCHEMA = 1


@dataclass(frozen=True)
class Machine:
    """Where it ran, and with what."""

    cpu: str
    """The processor's name."""
    cpu_kind: str
    """`processor.cpu_kind`: what decides how fast int8 is."""
    threads: int
    system: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Latency:
    """One clip at a time, all threads, from the waveform to the verdict; decoding is not in it."""

    duration_s: float
    """Of the clip."""
    samples_s: tuple[float, ...]
    """Every time that was measured, in the order of measurement."""
    p50_s: float
    p90_s: float
    rtf: float
    """Real-time factor: `p50_s` for each second of audio, lower is better."""


@dataclass(frozen=True)
class Throughput:
    """`predict_batch` on many clips of one duration; decoding is not in it."""

    duration_s: float
    """Of each clip."""
    clips: int
    """In each batch."""
    samples: tuple[float, ...]
    """Seconds of audio in each second, of every batch."""
    audio_seconds_per_second: float
    """Median of `samples`."""


@dataclass(frozen=True)
class Distance:
    """Largest differences from the answers that the package's golden clips are to have."""

    clips: int
    embedding_max_abs: float
    probability_max_abs: float
    labels_differ: int
    """Clips whose most probable class is another."""


@dataclass(frozen=True)
class PrecisionReport:
    """One precision."""

    precision: str
    device: str
    """"cpu" or "cuda"."""
    load_s: float
    """From the package to a detector that is ready."""
    distance: Distance
    latencies: tuple[Latency, ...]
    throughput: Throughput


@dataclass(frozen=True)
class BenchReport:
    """All precisions of a model that run on this machine."""

    schema: int
    model: str
    model_sha256: str
    audio: str
    """The file that was judged, repeated or cut to each duration unless the user gave it."""
    machine: Machine
    auto: str
    """What precision "auto" takes here and why."""
    precisions: tuple[PrecisionReport, ...]


def write_report(report: BenchReport, form: BenchFormat, out: TextIO) -> None:
    """Write the report; the JSON has every sample."""
    if form == "json":
        json.dump(asdict(report), out, indent=2)
        out.write("\n")
    else:
        write_table(report, out)


def write_table(report: BenchReport, out: TextIO) -> None:
    """A row for each precision and duration."""
    from rich.console import Console
    from rich.table import Table

    versions = ", ".join(f"{name} {version}" for name, version in report.machine.versions.items())
    out.write(
        f"model {report.model}, audio {report.audio}\n"
        f"{report.machine.cpu} ({report.machine.cpu_kind}), {report.machine.threads} threads, "
        f"{versions}\nauto takes {report.auto}\n\n"
    )
    table = Table(box=None, pad_edge=False)
    for title in ("precision", "device"):
        table.add_column(title, no_wrap=True)
    for title in ("load", "clip", "p50", "p90", "RTF", "batch", "embedding off", "probability off",
                  "labels off"):  # fmt: skip
        table.add_column(title, justify="right", no_wrap=True)
    for precision in report.precisions:
        for latency in precision.latencies:
            first = latency is precision.latencies[0]
            table.add_row(*cells(precision, latency, first))
    Console(file=out, highlight=False, width=1000).print(table)


def cells(precision: PrecisionReport, latency: Latency, first: bool) -> list[str]:
    """One row; what holds for the whole precision stands in its `first`."""
    speed = [
        f"{latency.duration_s:.2f} s",
        f"{1000 * latency.p50_s:.1f} ms",
        f"{1000 * latency.p90_s:.1f} ms",
        f"{latency.rtf:.4f}",
    ]
    if not first:
        return ["", "", "", *speed]
    distance = precision.distance
    return [
        precision.precision,
        precision.device,
        f"{precision.load_s:.2f} s",
        *speed,
        f"{precision.throughput.audio_seconds_per_second:.0f} s/s",
        f"{distance.embedding_max_abs:.1e}",
        f"{distance.probability_max_abs:.1e}",
        f"{distance.labels_differ} of {distance.clips}",
    ]
