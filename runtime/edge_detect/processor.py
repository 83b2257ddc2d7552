"""The processor: how much of it this process may use, and which kind it is."""

import math
import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")

UNKNOWN = "unknown"

# What platform.machine() says, in lower case, on the systems that onnxruntime is built for.
ARCHITECTURES = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "arm64", "arm64": "arm64"}

# The extensions that decide how fast int8 is, the best first: the kernels of onnxruntime's MLAS
# are chosen by them. Each with the words by which Linux or macOS name what it needs.
EXTENSIONS = {
    "x86-64": (
        ("amx", ("amx_int8",)),
        ("avx512-vnni", ("avx512_vnni", "avx512vnni")),
        ("avx-vnni", ("avx_vnni", "avxvnni")),
        ("avx512", ("avx512bw",)),
        ("avx2", ("avx2", "avx2_0")),
        ("sse", ("sse2",)),
    ),
    "arm64": (
        ("i8mm", ("i8mm",)),
        ("dotprod", ("asimddp", "dotprod")),
        ("neon", ("asimd", "advsimd", "neon")),
    ),
}


def usable_cpus(root: Path = ROOT) -> int:
    """Processors that this process may keep busy, at least 1.

    The smaller of its affinity and the quota of its control group, which a container's limit of
    CPUs is; a quota of one and a half processors counts as two. `root` is where /proc and /sys are.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min([allowed or 1, *(math.ceil(quota) for quota in cpu_quotas(root))]))


def cpu_quotas(root: Path) -> Iterator[float]:
    """The quotas, in processors, of the process's control group and of those above it."""
    for folder in control_groups(root):
        quota = quota_v2(folder) if (folder / "cpu.max").is_file() else quota_v1(folder)
        if quota is not None:
            yield quota


def control_groups(root: Path) -> Iterator[Path]:
    """Folders of the control groups that may limit this process, each below its parents."""
    for mounted, mount_point, kind, options in cgroup_mounts(root):
        if kind == "cgroup" and "cpu" not in options:
            continue
        own = own_group(root, "cpu" if kind == "cgroup" else "")
        # A container sees its own group as the mount's root, whatever the host calls it.
        below = own.relative_to(mounted) if own.is_relative_to(mounted) else PurePosixPath()
        top = root / mount_point.relative_to("/")
        yield from (top / part for part in (below, *below.parents))


def cgroup_mounts(
    root: Path,
) -> Iterator[tuple[PurePosixPath, PurePosixPath, str, list[str]]]:
    """Mounts of control groups: the group at its root, where, "cgroup" or "cgroup2", options."""
    for line in lines(root / "proc/self/mountinfo"):
        mount, _, system = line.partition(" - ")
        where, what = mount.split(), system.split()
        if len(where) > 4 and len(what) > 2 and what[0] in ("cgroup", "cgroup2"):
            yield PurePosixPath(where[3]), PurePosixPath(where[4]), what[0], what[2].split(",")


def own_group(root: Path, controller: str) -> PurePosixPath:
    """The process's group under a controller of version 1, or "" for version 2."""
    for line in lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            return PurePosixPath(path)
    return PurePosixPath("/")


def quota_v2(folder: Path) -> float | None:
    """`cpu.max`: "max 100000" or microseconds in each period."""
    match " ".join(lines(folder / "cpu.max")).split():
        case [quota, period] if quota.isdigit() and period.isdigit() and int(period):
            return int(quota) / int(period)
    return None


def quota_v1(folder: Path) -> float | None:
    """`cpu.cfs_quota_us`: -1 or microseconds in each `cpu.cfs_period_us`."""
    quota = "".join(lines(folder / "cpu.cfs_quota_us"))
    period = "".join(lines(folder / "cpu.cfs_period_us"))
    if quota.isdigit() and period.isdigit() and int(period):
        return int(quota) / int(period)
    return None


def cpu_kind() -> str:
    """The architecture and the vector extension that decides how fast int8 is.

    "x86-64 avx2", "x86-64 avx512-vnni", "arm64 i8mm", …; the architecture alone where the system
    doesn't say which extensions there are, as Windows, and "unknown" for any other architecture.
    """
    architecture = ARCHITECTURES.get(platform.machine().lower(), UNKNOWN)
    return kind_of(architecture, processor_features())


def cpu_name() -> str:
    """What the maker calls the processor; "unknown" where the system doesn't say."""
    on_macos = platform.system() == "Darwin"
    said = sysctl("machdep.cpu.brand_string") if on_macos else lines(ROOT / "proc/cpuinfo")
    for line in said:
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "machdep.cpu.brand_string"):
            return value.strip()
    return platform.processor() or UNKNOWN


def kind_of(architecture: str, features: set[str]) -> str:
    """The kind of a processor, given what the system calls its features, in lower case."""
    for name, words in EXTENSIONS.get(architecture, ()):
        if not features.isdisjoint(words):
            return f"{architecture} {name}"
    return architecture


def is_precise(kind: str) -> bool:
    """Whether a kind names an extension, so that processors of it are alike in int8."""
    return " " in kind


def processor_features() -> set[str]:
    """What this system says of its first processor, in lower case; empty where nothing."""
    system = platform.system()
    if system == "Linux":
        return features_of_linux(lines(ROOT / "proc/cpuinfo"))
    if system == "Darwin":
        return features_of_macos(sysctl("machdep.cpu", "hw.optional"))
    return set()


def telling_features(features: set[str]) -> list[str]:
    """Those by which a kind is told, sorted."""
    words = {word for kinds in EXTENSIONS.values() for _, told_by in kinds for word in told_by}
    return sorted(features & words)


def features_of_linux(cpuinfo: list[str]) -> set[str]:
    """The flags (x86) or features (ARM) of the first processor in /proc/cpuinfo."""
    for line in cpuinfo:
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return set(value.lower().split())
    return set()


def features_of_macos(output: list[str]) -> set[str]:
    """The lists of features (x86) and the switches that are on (ARM), as sysctl prints them."""
    features: set[str] = set()
    for line in output:
        key, _, value = line.partition(":")
        name = key.rpartition(".")[2].lower()
        if name.endswith("features"):
            features |= set(value.lower().split())
        elif value.strip() == "1":
            features.add(name.removeprefix("feat_"))
    return features


def sysctl(*names: str) -> list[str]:
    """What sysctl says below the names; those that it doesn't know are left out."""
    command = ["/usr/sbin/sysctl", *names]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    except OSError:
        return []


def lines(path: Path) -> list[str]:
    """Lines of a file of the system; none where there is no such file or it may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
