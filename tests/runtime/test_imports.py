"""What the runtime imports and what it offers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import edge_detect

SOURCES = sorted(Path(edge_detect.__file__).parent.glob("*.py"))
HEAVY = {"torch", "transformers", "sklearn", "skl2onnx", "onnx", "joblib", "librosa", "scipy"}

# What a detection may import, direction as in CONTRIBUTING: errors first, the command last.
LAYERS = [
    {
        "bench_report",
        "cache",
        "content",
        "cuda",
        "errors",
        "fail_on",
        "lazy",
        "page",
        "processor",
        "records",
        "svg",
        "windowing",
        "workers",
    },
    {"decoded", "flac", "mp3", "ogg", "schemas"},
    {"clips", "fetching", "ffmpeg", "manifest", "parquet", "rates", "silence", "whole_file"},
    {"decoding", "detection", "envelope", "label_folder", "listing", "remote", "resampling"},
    {
        "audio",
        "calibration",
        "evaluation",
        "evaluation_data",
        "inputs",
        "resuming",
        "store",
        "timeline",
    },
    {
        "bundle",
        "calibration_profile",
        "conditions",
        "evaluation_plots",
        "evaluation_report",
        "plot",
        "precision",
        "session",
    },
    {"encoder", "evaluation_page", "placement", "recorded", "summary", "windows"},
    {"calibration_report", "detector", "output"},
    {"bench", "calibrate", "scoring", "witness"},
    {"doctor", "evaluate", "evidence", "verification"},
    {"doctor_report", "evidence_page", "verification_report"},
    {"command"},
    {"detect_command", "models_command"},
    {"cli"},
    {"__init__", "__main__"},
]


def imported_modules(path: Path) -> set[str]:
    """Every module that a file imports, at its top or later."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            modules.add(node.module or "")
    return modules


def layer(module: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if module in names)


def test_public_names() -> None:
    assert edge_detect.__all__ == [
        "AudioError",
        "Decision",
        "Detection",
        "Detector",
        "EdgeDetectError",
        "Failure",
        "Fetching",
        "InferenceError",
        "Manifest",
        "ModelError",
        "ModelIdentity",
        "OtherTracks",
        "Segment",
        "TruncatedAudio",
        "Window",
        "Windowing",
        "__version__",
    ]
    for name in set(edge_detect.__all__) - {"__version__"}:
        assert getattr(edge_detect, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        edge_detect.nonsense  # noqa: B018


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_file_imports_what_is_heavy_or_unsafe(path: Path) -> None:
    roots = {module.partition(".")[0] for module in imported_modules(path)}
    assert not roots & (HEAVY | {"pickle", "shelve", "marshal", "dill", "cloudpickle"})
    assert "onnxruntime" not in roots or path.name == "session.py"
    assert "pyarrow" not in roots or path.name == "parquet.py"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_imports_run_one_way(path: Path) -> None:
    own = layer(path.stem)
    for module in imported_modules(path):
        package, _, name = module.partition(".")
        if package == "edge_detect" and name and path.stem != "__init__":
            assert layer(name) < own, f"{path.stem} imports {name}"
        assert package not in {"edge_export", "edge_train"} or path.stem == "cli"


def test_a_detection_loads_nothing_heavy_and_unpickles_nothing(
    tiny: Path, speech_path: Path, containers: dict[str, Path]
) -> None:
    script = f"""
import pickle, sys
def refuse(*args, **kwargs):
    raise AssertionError("something was unpickled")
pickle.load = pickle.loads = pickle.Unpickler = refuse
import edge_detect
detector = edge_detect.Detector.load({str(tiny)!r})
for source in ({str(speech_path)!r}, {str(containers["m4a"])!r}):
    detector.predict(source)
print(sorted({HEAVY!r} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.stderr, result.stdout) == ("", "[]\n")


def test_import_is_lazy() -> None:
    script = (
        "import edge_detect.cli, sys; print({*sys.modules} & {'numpy', 'onnxruntime', 'av', 'ssl'})"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout == "set()\n"
