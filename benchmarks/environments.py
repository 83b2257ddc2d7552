"""An environment of its own for each family of peers, made on demand in the cache.

    python -m benchmarks.environments [NAME ...]

makes those that are missing; every table does so for the engines that it runs.
"""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.console import say
from benchmarks.places import CHECKOUT, cache_folder, key_of

PEERS = CHECKOUT / "benchmarks" / "peers"


class EnvironmentFailed(Exception):
    """pip could not make an environment; the message names its log."""


@dataclass(frozen=True)
class Environment:
    """A Python with one family of peers."""

    name: str
    requirements: tuple[str, ...]
    """Files of benchmarks/peers, installed one after another; none for the Python that runs the
    benchmarks, which has the extra `dev`."""

    @property
    def key(self) -> str:
        """Changes with the requirements and the Python."""
        texts = [(PEERS / file).read_text(encoding="utf-8") for file in self.requirements]
        return key_of([sys.version, *texts])

    @property
    def folder(self) -> Path:
        """Of the virtual environment."""
        return cache_folder() / "environments" / f"{self.name}-{self.key}"

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python" if self.requirements else Path(sys.executable)

    def ensure(self) -> None:
        """Make the environment where it is not there whole.

        Raises:
            EnvironmentFailed: pip failed.
        """
        done = self.folder / "installed.txt"
        if not self.requirements or done.exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        log = self.folder.with_suffix(".log")
        say(f"making the environment {self.name} (log: {log})")
        with log.open("w", encoding="utf-8") as output:
            commands = [[sys.executable, "-m", "venv", str(self.folder)]]
            pip = [str(self.python), "-m", "pip", "install"]
            commands += [[*pip, "-r", str(PEERS / file)] for file in self.requirements]
            for command in commands:
                if subprocess.run(command, stdout=output, stderr=output).returncode:
                    raise EnvironmentFailed(f"{' '.join(command)} failed; see {log}")
        frozen = subprocess.run([str(self.python), "-m", "pip", "freeze"], capture_output=True)
        done.write_bytes(frozen.stdout)


OWN = Environment("own", ())
OPTIMUM = Environment("optimum", ("torch.txt", "optimum.txt"))
OPENVINO = Environment("openvino", ("torch.txt", "openvino.txt"))
ENVIRONMENTS = {each.name: each for each in (OWN, OPTIMUM, OPENVINO)}


def worker_variables(threads: int) -> dict[str, str]:
    """Environment variables of every process that is measured."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "TORCHINDUCTOR_CACHE_DIR": str(cache_folder() / "inductor"),
        "PYTHONPATH": str(CHECKOUT),
    }


def main() -> None:
    """Make the environments that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *ENVIRONMENTS], metavar="NAME")
    for name in parser.parse_args().names or ENVIRONMENTS:
        ENVIRONMENTS[name].ensure()
        say(f"{name}: {ENVIRONMENTS[name].python}")


if __name__ == "__main__":
    main()
