"""The doctor: it finds what is broken, says what helps, and is stopped by nothing."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest

from edge_detect import cuda, doctor, store
from edge_detect.cuda import Cuda, built_for, driver_version, loader_problem
from edge_detect.doctor import Check, diagnose, masked, within
from edge_detect.session import CPU, CUDA

Usage = namedtuple("Usage", ["total", "used", "free"])


def run(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a whole process."""
    return subprocess.run(
        [sys.executable, "-m", "edge_detect", "doctor", *args],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        timeout=120,
    )


def checks_of(result: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    """The command's JSON, by name."""
    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert list(report) == ["schema", "checks"]
    assert report["schema"] == 1
    for check in report["checks"]:
        assert list(check) == ["name", "status", "detail", "remedy"]
        assert check["status"] in {"ok", "problem", "info"}
        assert "\n" not in check["detail"]
        assert check["remedy"] or check["status"] != "problem"
    problems = [check for check in report["checks"] if check["status"] == "problem"]
    assert result.returncode == (1 if problems else 0)
    return {check["name"]: check for check in report["checks"]}


def find(name: str) -> Check:
    """The one check of a name."""
    [found] = [check for check in diagnose() if check.name == name]
    return found


@pytest.fixture
def models(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models with one in it."""
    shutil.copytree(tiny, tmp_path / "models" / "tiny")
    monkeypatch.setenv(store.MODELS_VARIABLE, str(tmp_path / "models"))
    return tmp_path / "models"


def test_this_installation() -> None:
    checks = checks_of(run("--format", "json"))
    for name in ("numpy", "soundfile", "soxr", "av", "typer", "onnxruntime", "device cpu"):
        assert checks[name]["status"] == "ok", checks[name]
    for name in ("libsndfile", "ffmpeg", "resampling", "model compact", "temporary folder"):
        assert checks[name]["status"] == "ok", checks[name]
    for name in ("versions", "cpu", "threads", "device cuda", "model folder", "cache", "proxies"):
        assert checks[name]["detail"]
    assert onnxruntime.__version__ in checks["onnxruntime"]["detail"]
    assert "FLAC" in checks["libsndfile"]["detail"]


def test_the_table(tmp_path: Path) -> None:
    result = run(EDGE_DETECT_MODELS=str(tmp_path / "nowhere"))
    assert (result.returncode, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    [at] = [i for i, line in enumerate(lines) if line.startswith("problem ")]
    assert lines[at] == f"problem  model folder: {tmp_path / 'nowhere'} is no folder"
    assert lines[at + 1] == "         -> make it, or take it out of EDGE_DETECT_MODELS"
    assert lines[-1] == "1 problem found"


@pytest.mark.parametrize(
    ("module", "raised", "broken"),
    [
        ("av", "ImportError('DLL load failed')", {"av", "ffmpeg"}),
        ("soundfile", "OSError('sndfile library not found')", {"soundfile", "libsndfile"}),
        ("soxr", "ImportError('undefined symbol: soxr_version')", {"soxr", "resampling"}),
        ("onnxruntime", "ImportError('GLIBC_2.27 not found')", {"onnxruntime", "device cpu"}),
        ("numpy", "ImportError('\\n\\nIMPORTANT: read this\\n')", {"numpy", "libsndfile"}),
    ],
)
def test_a_broken_dependency_is_a_finding(
    tmp_path: Path, module: str, raised: str, broken: set[str]
) -> None:
    (tmp_path / f"{module}.py").write_text(f"raise {raised}\n", encoding="utf-8")
    checks = checks_of(run("--format", "json", PYTHONPATH=str(tmp_path)))
    for name in broken:
        assert checks[name]["status"] == "problem", name
    said = raised.split("'")[1].replace("\\n", "").strip()
    assert said in checks[module]["detail"]
    assert "pip " in checks[module]["remedy"]
    for name in ("model compact", "temporary folder", "proxies"):
        assert checks[name]["status"] != "problem", name


def test_the_table_needs_no_rich(tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text("raise ImportError('broken')\n", encoding="utf-8")
    result = run(PYTHONPATH=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("no problems found\n")


def install(folder: Path, name: str, version: str, module: str) -> None:
    """What the installer notes down of a distribution."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )
    (info / "top_level.txt").write_text(f"{module}\n", encoding="utf-8")


def test_two_wheels_of_onnxruntime(tmp_path: Path) -> None:
    install(tmp_path, "onnxruntime", onnxruntime.__version__, "onnxruntime")
    install(tmp_path, "onnxruntime-gpu", "1.20.0", "onnxruntime")
    check = checks_of(run("--format", "json", PYTHONPATH=str(tmp_path)))["onnxruntime"]
    assert check["status"] == "problem"
    assert "onnxruntime and onnxruntime-gpu" in check["detail"]
    assert check["remedy"].startswith("pip uninstall --yes onnxruntime onnxruntime-gpu")


def test_an_onnxruntime_that_is_not_the_one_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_detect.session.ONNXRUNTIME_VERSION", "1.21.0")
    check = find("onnxruntime")
    assert check.status == "problem"
    assert check.detail.startswith("1.21.0 is imported")


def test_no_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.metadata, "packages_distributions", dict)
    check = find("onnxruntime")
    assert (check.status, check.detail) == ("problem", "is not installed")


def test_a_version_that_edge_detect_was_not_made_for(tmp_path: Path) -> None:
    if "av" not in doctor.requirements():
        pytest.skip("edge-detect is not installed, so nothing states bounds")
    install(tmp_path, "av", "99.0.0", "av")
    check = checks_of(run("--format", "json", PYTHONPATH=str(tmp_path)))["av"]
    assert check["status"] == "problem"
    assert check["detail"].startswith("99.0.0 is not within ")
    assert "<19" in check["remedy"]


@pytest.mark.parametrize(
    ("version", "bounds", "holds"),
    [
        ("18.1.0", "<19,>=14", True),
        ("19.0.0", "<19,>=14", False),
        ("13.9", "<19,>=14", False),
        ("1.20", ">=1.20.0", True),
        ("1.9.0", ">=1.20", False),
        ("1.20.1.dev3", ">=1.20", True),
        ("0.14.0", "", True),
    ],
)
def test_bounds(version: str, bounds: str, holds: bool) -> None:
    assert within(version, bounds) is holds


@pytest.mark.skipif(
    CUDA in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)
@pytest.mark.parametrize(
    ("found", "remedy"),
    [
        (Cuda(None, "12.8", None), "install the NVIDIA driver"),
        (Cuda("11.8", "12.8", None), "an NVIDIA driver for CUDA 12.8, or an onnxruntime-gpu"),
        (Cuda("13.0", "12.8", "libcublasLt.so.12: no such file"), "the libraries of CUDA 12.8"),
        (Cuda("12.4", None, "libcudnn.so.9: no such file"), "the libraries of its CUDA"),
    ],
)
def test_cuda_that_is_offered_and_does_not_start(
    monkeypatch: pytest.MonkeyPatch, found: Cuda, remedy: str
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(doctor, "ask_cuda", lambda: found)
    check = find("device cuda")
    assert check.status == "problem"
    assert "can't start it" in check.detail
    assert (found.loader or "") in check.detail
    assert check.remedy
    assert remedy in check.remedy


@pytest.mark.skipif(
    CUDA in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)
def test_a_gpu_that_onnxruntime_can_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "driver_version", lambda: "12.4")
    check = find("device cuda")
    assert check.status == "info"
    assert check.remedy
    assert "onnxruntime-gpu" in check.remedy


def test_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    class Driver:
        def __init__(self, name: str) -> None:
            assert name == cuda.DRIVER

        def cuDriverGetVersion(self, number: object) -> int:  # noqa: N802
            number._obj.value = 12040  # type: ignore[attr-defined]
            return 0

    monkeypatch.setattr(ctypes, "CDLL", Driver)
    assert driver_version() == "12.4"
    monkeypatch.setattr(Driver, "cuDriverGetVersion", lambda self, number: 100)
    assert driver_version() is None


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "DRIVER", "libno-such-driver.so.1")
    assert driver_version() is None


def test_what_an_onnxruntime_says_of_itself(tmp_path: Path) -> None:
    assert built_for(tmp_path) is None
    text = "package_name = 'onnxruntime-gpu'\n__version__ = '1.22.0'\ncuda_version = '12.8'\n"
    (tmp_path / cuda.BUILD_INFO).write_text(text, encoding="utf-8")
    assert built_for(tmp_path) == "12.8"


def test_a_library_that_can_not_be_loaded(tmp_path: Path) -> None:
    said = loader_problem(tmp_path)
    assert said
    assert cuda.PROVIDER_LIBRARIES[0] in said


def test_a_changed_model(models: Path) -> None:
    assert find("model tiny").status == "ok"
    content = bytearray((models / "tiny" / "golden" / "clip_0.flac").read_bytes())
    content[-1] ^= 1
    (models / "tiny" / "golden" / "clip_0.flac").write_bytes(content)
    check = find("model tiny")
    assert check.status == "problem"
    assert "sha256" in check.detail
    assert check.remedy == "install or export the model again"


def test_a_manifest_that_can_not_be_read(models: Path) -> None:
    (models / "tiny" / "manifest.json").write_text("{", encoding="utf-8")
    check = find("model tiny")
    assert (check.status, check.remedy) == ("problem", "export the model again")


def test_the_devices_are_tried_with_a_whole_model(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "shipped_root", lambda: tmp_path / "gone")
    assert find("device cpu").detail == "the model 'tiny' answers"
    missing = find("model compact")
    assert (missing.status, "default" in missing.detail) == ("problem", True)
    (models / "tiny" / "encoder.onnx").unlink()
    assert find("device cpu").status == "info"


def test_a_model_that_gives_no_answer(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (models / "tiny" / "encoder.onnx").write_bytes(b"no graph")
    manifest = json.loads((models / "tiny" / "manifest.json").read_text(encoding="utf-8"))
    digest = store.file_sha256(models / "tiny" / "encoder.onnx")
    manifest["encoders"][0]["sha256"] = digest
    (models / "tiny" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setattr(store, "shipped_root", lambda: models)
    check = find("device cpu")
    assert (check.status, "can't load" in check.detail) == ("problem", True)


def test_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_DETECT_CACHE", str(tmp_path / "cache"))
    assert find("cache").detail == f"{tmp_path / 'cache'} is not there"
    (tmp_path / "cache" / "encoder").mkdir(parents=True)
    (tmp_path / "cache" / "encoder" / "clip.npz").write_bytes(bytes(2_500_000))
    assert find("cache").detail == f"{tmp_path / 'cache'}: 1 files, 2.5 MB"
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGE_DETECT_CACHE", str(tmp_path / "file"))
    check = find("cache")
    assert check.status == "problem"
    assert check.remedy
    assert "EDGE_DETECT_CACHE" in check.remedy


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: Usage(9, 8, 1_000_000))
    check = find("temporary folder")
    assert check.status == "problem"
    assert "0.00 GB free" in check.detail
    assert check.remedy
    assert "TMPDIR" in check.remedy


def test_no_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(doctor.tempfile, "gettempdir", refuse)
    assert find("temporary folder").status == "problem"


def test_proxies_keep_their_secrets(tmp_path: Path) -> None:
    result = run(
        "--format",
        "json",
        HTTPS_PROXY="http://anna:s3cret@proxy.example:3128",
        all_proxy="anna:s3cret/@proxy.example",
        NO_PROXY="localhost",
    )
    assert "s3cret" not in result.stdout
    assert "anna" not in result.stdout
    detail = checks_of(result)["proxies"]["detail"]
    assert "HTTPS_PROXY=http://…@proxy.example:3128" in detail
    assert "NO_PROXY=localhost" in detail


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("http://a:b@c@proxy", "http://…@proxy"),
        ("a:b@proxy:3128", "…@proxy:3128"),
        ("proxy:3128", "proxy:3128"),
    ],
)
def test_masked(value: str, shown: str) -> None:
    assert masked(value) == shown


def test_whatever_is_raised_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Callable[[], str]:
        raise ZeroDivisionError

    monkeypatch.setattr(doctor, "cpu_name", fail)
    check = find("cpu")
    assert (check.status, check.detail) == ("problem", "ZeroDivisionError")
    assert check.remedy
