"""Which precision of the encoder runs: the one asked for, or what measurements speak for."""

from dataclasses import dataclass

from edge_detect.errors import PrecisionUnavailable
from edge_detect.manifest import Graph
from edge_detect.processor import cpu_kind, is_precise
from edge_detect.store import ModelPackage

AUTO = "auto"
EXACT = "fp32"

# The one of lower precision that "auto" may take: its export proves that verdicts don't move.
ACCURATE = "int8"

# Below this a lower precision gains too little to be worth a change of the numbers.
WORTHWHILE_SPEEDUP = 1.25


@dataclass(frozen=True)
class Choice:
    """The encoder graph that runs, where, and why."""

    precision: str
    """Of the graph."""
    reason: str
    """One sentence, the precision first."""
    device: str
    """"cpu" or "cuda"."""


def choose(package: ModelPackage, precision: str, devices: tuple[str, ...]) -> Choice:
    """Choose among the package's encoder graphs; `devices` are the possible ones, the best first.

    A precision that is named is taken, on the first device where it can run. "auto" takes fp32 on
    the first device, unless that is the CPU and the package says that its int8, whose quality it
    states, was measured to be more than 1.25 times as fast on this kind of CPU.

    Raises:
        PrecisionUnavailable: the package has none of that precision, or none for these devices.
    """
    if precision != AUTO:
        return choose_named(package, precision, devices)
    for device in devices:
        usable = graphs_on(package, device)
        if usable:
            return choose_measured(usable, device)
    raise PrecisionUnavailable(
        f"the model {package.manifest.name!r} has no precision for {' or '.join(devices)}; "
        f"it has {offered(package)}"
    )


def choose_named(package: ModelPackage, precision: str, devices: tuple[str, ...]) -> Choice:
    """The graph of a precision, where it can run."""
    graph = package.encoder(precision)
    for device in devices:
        if device in graph.devices:
            return Choice(precision, f"{precision}: as asked", device)
    raise PrecisionUnavailable(
        f"the precision {precision!r} of the model {package.manifest.name!r} runs on "
        f"{' or '.join(graph.devices)}, not on {' or '.join(devices)}; "
        f"it has {offered(package)}: give another, or another device"
    )


def choose_measured(usable: dict[str, Graph], device: str) -> Choice:
    """What "auto" takes on a device, of the graphs that can run there."""
    exact = EXACT if EXACT in usable else next(iter(usable))
    if device != "cpu":
        return Choice(exact, f"{exact}: others on {device} are taken by name only", device)
    quantised = usable.get(ACCURATE)
    if quantised is None or quantised.quality is None:
        return Choice(exact, f"{exact}: the model has no {ACCURATE} of stated quality", device)
    kind = cpu_kind()
    speedup = quantised.speedup.get(kind) if is_precise(kind) else None
    if speedup is None:
        return Choice(exact, f"{exact}: {ACCURATE} was not measured on {kind}", device)
    chosen = ACCURATE if speedup > WORTHWHILE_SPEEDUP else exact
    measured = f"{speedup:.2g} times as fast as {EXACT} on {kind}, as measured at export"
    said = measured if chosen == ACCURATE else f"{ACCURATE} is only {measured}"
    return Choice(chosen, f"{chosen}: {said}", device)


def graphs_on(package: ModelPackage, device: str) -> dict[str, Graph]:
    """Precision to graph, of those that can run on a device, in the manifest's order."""
    graphs = package.manifest.encoders
    return {graph.precision: graph for graph in graphs if device in graph.devices}


def offered(package: ModelPackage) -> str:
    """The package's precisions and where each can run."""
    graphs = package.manifest.encoders
    return ", ".join(f"{graph.precision} ({', '.join(graph.devices)})" for graph in graphs)
