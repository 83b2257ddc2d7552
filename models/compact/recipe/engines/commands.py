"""The engines that are Debian commands: espeak-ng, flite, festival and pico."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from jobs import Job, jobs_from_arguments, run

_ESPEAK_WORDS_PER_MINUTE = 160


def _espeak(job: Job, part: Path) -> list[str]:
    rate = str(round(_ESPEAK_WORDS_PER_MINUTE * job.speed))
    return ["espeak-ng", "-v", job.voice, "-s", rate, "-w", str(part), job.source]


def _flite(job: Job, part: Path) -> list[str]:
    stretch = f"duration_stretch={1 / job.speed:.3f}"
    return ["flite", "-voice", job.voice, "--setf", stretch, "-t", job.source, "-o", str(part)]


def _festival(job: Job, part: Path) -> list[str]:
    stretch = f"(Parameter.set 'Duration_Stretch {1 / job.speed:.3f})"
    return ["text2wave", "-o", str(part), "-eval", f"(voice_{job.voice})", "-eval", stretch]


def _pico(job: Job, part: Path) -> list[str]:
    # pico2wave looks at the name of its output: it must end in .wav.
    level = round(100 * job.speed)
    text = f'<speed level="{level}">{job.source}</speed>'
    return ["pico2wave", "-l", job.voice, "-w", f"{part}.wav", text]


_COMMANDS: dict[str, Callable[[Job, Path], list[str]]] = {
    "espeak-ng": _espeak,
    "flite": _flite,
    "festival": _festival,
    "slt-hts": _festival,
    "pico": _pico,
}


def speak(job: Job, part: Path) -> None:
    """One utterance; festival reads the text from its standard input, the others ignore it."""
    command = _COMMANDS[Path(job.out).parent.name](job, part)
    subprocess.run(command, input=job.source.encode(), check=True, stderr=subprocess.DEVNULL)
    renamed = Path(f"{part}.wav")
    if renamed.exists():
        renamed.replace(part)


if __name__ == "__main__":
    run(speak, jobs_from_arguments())
