"""What the installed command costs: disk, start, and one verdict as a whole process.

Run it with the Python of a slim environment (the wheel and nothing else):

    SLIM/bin/python benchmarks/footprint.py

Prints JSON; `--check` fails where a figure is above its limit.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib.metadata import distributions
from pathlib import Path

import soundfile

CLIP = Path(__file__).parents[1] / "tests/data/fixtures/real/librivox_en_austen.opus"
CLIP_SECONDS = 4
RUNS = 9
MEGABYTE = 1e6

SITE_PACKAGES_LIMIT_MB = 330.0
HELP_LIMIT_S = 0.3
VERDICT_LIMIT_S = 1.0


@dataclass(frozen=True)
class Footprint:
    """Sizes in MB (10^6 bytes), times in seconds of wall clock, medians of `RUNS` processes."""

    site_packages_mb: float
    help_s: float
    verdict_s: float
    help_samples: list[float]
    verdict_samples: list[float]
    cpus: int
    machine: str
    python: str
    versions: dict[str, str]


def folder_megabytes(folder: Path) -> float:
    """Size of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*")) / MEGABYTE


def time_process(arguments: list[str]) -> list[float]:
    """Wall-clock seconds of each run of the command, after one that fills the disk cache."""
    command = [str(Path(sys.executable).with_name("edge-detect")), *arguments]
    samples = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        samples.append(time.perf_counter() - start)
    return samples[1:]


def measure() -> Footprint:
    """Measure this environment."""
    with tempfile.TemporaryDirectory() as scratch:
        clip = Path(scratch, "clip.wav")
        waveform, rate = soundfile.read(CLIP, frames=CLIP_SECONDS * soundfile.info(CLIP).samplerate)
        soundfile.write(clip, waveform, rate)
        help_samples = time_process(["--help"])
        verdict_samples = time_process([str(clip)])
    return Footprint(
        site_packages_mb=folder_megabytes(Path(sysconfig.get_path("purelib"))),
        help_s=statistics.median(help_samples),
        verdict_s=statistics.median(verdict_samples),
        help_samples=help_samples,
        verdict_samples=verdict_samples,
        cpus=os.cpu_count() or 1,
        machine=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions={d.metadata["Name"]: d.version for d in distributions()},
    )


def main() -> None:
    """Print the figures; with --check, fail above the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail above the limits")
    check = parser.parse_args().check
    figures = measure()
    json.dump(asdict(figures), sys.stdout, indent=2)
    sys.stdout.write("\n")
    within = (
        figures.site_packages_mb <= SITE_PACKAGES_LIMIT_MB
        and figures.help_s <= HELP_LIMIT_S
        and figures.verdict_s <= VERDICT_LIMIT_S
    )
    if check and not within:
        sys.exit(
            f"above a limit: {SITE_PACKAGES_LIMIT_MB} MB, {HELP_LIMIT_S} s, {VERDICT_LIMIT_S} s"
        )


if __name__ == "__main__":
    main()
