"""The machine that a table was measured on."""

import os
import platform
from pathlib import Path
from typing import Any

# The instructions that decide how fast a matrix product can be.
TELLING_FLAGS = (
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
)


def machine_record() -> dict[str, Any]:
    """Processor, its instructions, memory and system, for a results file."""
    processor = cpu_record()
    flags = processor.get("flags", "").split()
    return {
        "processor": processor.get("model name", platform.processor()),
        "family_model_stepping": [
            processor.get(field, "") for field in ("cpu family", "model", "stepping")
        ],
        "cpus": os.cpu_count(),
        "usable_cpus": len(os.sched_getaffinity(0)),
        "cache": processor.get("cache size", ""),
        "telling_flags": [flag for flag in TELLING_FLAGS if flag in flags],
        "flags": flags,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def cpu_record() -> dict[str, str]:
    """What /proc/cpuinfo says of the first processor."""
    first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
