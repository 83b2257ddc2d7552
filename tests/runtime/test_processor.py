"""How many processors a process may use, and which kind they are."""

import os
import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_detect import processor
from edge_detect.processor import (
    cpu_kind,
    cpu_quotas,
    features_of_linux,
    features_of_macos,
    is_precise,
    kind_of,
    usable_cpus,
)

V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = "33 28 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "34 28 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
HYBRID = "35 28 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
OTHER = "21 28 0:20 / /sys rw,nosuid - sysfs sysfs rw"

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A root of a file system with /proc/self and limits below /sys/fs/cgroup."""

    def make(mounts: list[str], own: str, limits: dict[str, str]) -> Path:
        proc = tmp_path / "proc" / "self"
        proc.mkdir(parents=True)
        (proc / "mountinfo").write_text("\n".join([OTHER, *mounts]) + "\n", encoding="utf-8")
        (proc / "cgroup").write_text(own, encoding="utf-8")
        for name, content in limits.items():
            path = tmp_path / "sys/fs/cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + "\n", encoding="utf-8")
        return tmp_path

    return make


@pytest.fixture
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """An affinity of eight processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


@pytest.mark.usefixtures("eight_cpus")
@pytest.mark.parametrize(
    ("limit", "cpus"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("5000 100000", 1),
        ("0 100000", 1),
        ("9999999 100000", 8),
        ("100000 0", 8),
        ("nonsense", 8),
        ("", 8),
    ],
)
def test_a_quota_of_version_2(tree: Tree, limit: str, cpus: int) -> None:
    assert usable_cpus(tree([V2], "0::/app\n", {"app/cpu.max": limit})) == cpus


@pytest.mark.usefixtures("eight_cpus")
def test_the_smallest_quota_above_a_process_counts(tree: Tree) -> None:
    limits = {
        "cpu.max": "700000 100000",
        "a/cpu.max": "300000 100000",
        "a/b/cpu.max": "max 100000",
        "c/cpu.max": "100000 100000",  # another branch
    }
    root = tree([V2], "0::/a/b\n", limits)
    assert list(cpu_quotas(root)) == [3.0, 7.0]
    assert usable_cpus(root) == 3


@pytest.mark.usefixtures("eight_cpus")
@pytest.mark.parametrize(("quota", "cpus"), [("-1", 8), ("250000", 3), ("50000", 1)])
def test_a_quota_of_version_1(tree: Tree, quota: str, cpus: int) -> None:
    limits = {
        "cpu,cpuacct/app/cpu.cfs_quota_us": quota,
        "cpu,cpuacct/app/cpu.cfs_period_us": "100000",
        "cpu,cpuacct/cpu.cfs_quota_us": "-1",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
    }
    own = "5:memory:/other\n4:cpu,cpuacct:/app\n0::/\n"
    assert usable_cpus(tree([V1.format(root="/"), V1_MEMORY, HYBRID], own, limits)) == cpus


@pytest.mark.usefixtures("eight_cpus")
def test_a_container_whose_host_names_the_group(tree: Tree) -> None:
    limits = {
        "cpu,cpuacct/cpu.cfs_quota_us": "400000",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
    }
    own = "4:cpu,cpuacct:/docker/abc\n"
    assert usable_cpus(tree([V1.format(root="/docker/abc")], own, limits)) == 4


@pytest.mark.usefixtures("eight_cpus")
def test_a_system_without_control_groups(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == 8


def test_affinity(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert usable_cpus(tree([V2], "0::/\n", {"cpu.max": "400000 100000"})) == 1


def test_a_system_without_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cpus(tmp_path) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus(tmp_path) == 1


CPUINFO = "processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: fpu sse2 {flags}\nbugs\t\t: amx_int8\n"
CPUINFO_ARM = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd {flags}\n"


@pytest.mark.parametrize(
    ("name", "flags", "kind"),
    [
        ("Core 2", "ssse3", "x86-64 sse"),
        ("Zen 3", "avx avx2 vaes", "x86-64 avx2"),
        ("Skylake-SP", "avx2 avx512f avx512dq avx512cd avx512bw avx512vl", "x86-64 avx512"),
        ("Ice Lake", "avx2 avx512f avx512bw avx512vl avx512_vnni", "x86-64 avx512-vnni"),
        ("Zen 4", "avx2 avx512f avx512bw avx512_bf16 avx512_vnni", "x86-64 avx512-vnni"),
        ("Alder Lake", "avx2 avx_vnni vaes", "x86-64 avx-vnni"),
        (
            "Sapphire Rapids",
            "avx2 avx_vnni avx512f avx512bw avx512_vnni amx_bf16 amx_tile amx_int8",
            "x86-64 amx",
        ),
    ],
)
def test_kinds_of_x86_on_linux(name: str, flags: str, kind: str) -> None:
    text = CPUINFO.format(vendor=name, flags=flags)
    assert kind_of("x86-64", features_of_linux(text.splitlines())) == kind


@pytest.mark.parametrize(
    ("name", "flags", "kind"),
    [
        ("Cortex-A72", "evtstrm aes crc32", "arm64 neon"),
        ("Graviton 2", "aes atomics asimdhp asimdrdm lrcpc asimddp ssbs", "arm64 dotprod"),
        ("Graviton 3", "asimdhp asimddp sve bf16 i8mm", "arm64 i8mm"),
    ],
)
def test_kinds_of_arm_on_linux(name: str, flags: str, kind: str) -> None:
    text = CPUINFO_ARM.format(flags=flags)
    assert kind_of("arm64", features_of_linux(text.splitlines())) == kind


INTEL_MAC = """\
machdep.cpu.brand_string: Intel(R) Core(TM) i7
machdep.cpu.features: FPU SSE SSE2 AVX1.0
machdep.cpu.leaf7_features: BMI1 AVX2 {more}
hw.optional.sse2: 1
hw.optional.avx2_0: 1
hw.optional.avx512f: 0
"""
APPLE = """\
machdep.cpu.brand_string: Apple M
hw.optional.neon: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: {i8mm}
hw.optional.arm.FEAT_SME: 0
"""


@pytest.mark.parametrize(
    ("architecture", "output", "kind"),
    [
        ("x86-64", INTEL_MAC.format(more=""), "x86-64 avx2"),
        ("x86-64", INTEL_MAC.format(more="AVX512F AVX512BW AVX512VNNI"), "x86-64 avx512-vnni"),
        ("arm64", APPLE.format(i8mm=0), "arm64 dotprod"),
        ("arm64", APPLE.format(i8mm=1), "arm64 i8mm"),
    ],
)
def test_kinds_on_macos(architecture: str, output: str, kind: str) -> None:
    assert kind_of(architecture, features_of_macos(output.splitlines())) == kind


@pytest.mark.parametrize("text", ["", "processor : 0\n", "\x00", "flags\n"])
def test_a_system_that_does_not_say(text: str) -> None:
    assert features_of_linux(text.splitlines()) == set()
    assert kind_of("x86-64", set()) == "x86-64"
    assert not is_precise("x86-64")
    assert is_precise("x86-64 avx2")


def test_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    assert cpu_kind() == "x86-64"
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert cpu_kind() == "unknown"
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(processor, "sysctl", lambda *names: APPLE.format(i8mm=1).splitlines())
    assert cpu_kind() == "arm64 i8mm"


def test_this_machine() -> None:
    assert cpu_kind() == cpu_kind()
    assert 1 <= usable_cpus() <= (os.cpu_count() or 1)
