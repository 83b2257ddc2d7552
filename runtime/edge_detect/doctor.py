"""What of this machine and installation edge-detect depends on, and what is wrong with it.

Every dependency is loaded within its own check: a broken one is a finding, not the end.
"""

import io
import math
import os
import platform
import re
import shutil
import sys
import tempfile
import warnings
import wave
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib import import_module, metadata
from pathlib import Path
from typing import Literal, TypeAlias

from edge_detect import __version__
from edge_detect.cache import CACHE_VARIABLE, cache_folder
from edge_detect.cuda import ask_cuda, driver_version
from edge_detect.detection import Device
from edge_detect.errors import DeviceUnavailable, EdgeDetectError
from edge_detect.fetching import DEFAULT_FETCHING, without_credentials
from edge_detect.manifest import MANIFEST_FILE
from edge_detect.processor import (
    ROOT,
    cpu_kind,
    cpu_name,
    cpu_quotas,
    processor_features,
    telling_features,
    usable_cpus,
)
from edge_detect.store import (
    DEFAULT_MODEL,
    MODELS_VARIABLE,
    ModelPackage,
    configured_roots,
    installed_packages,
    model_roots,
    open_package,
)

Status: TypeAlias = Literal["ok", "problem", "info"]

DISTRIBUTION = "edge-detect"

# Module and distribution of what can't be missing; onnxruntime has several distributions.
DEPENDENCIES = ("numpy", "soundfile", "soxr", "av", "typer")

# A requirement as the metadata has it, and its clauses: of those that pyproject.toml uses.
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)([^;]*)$")
CLAUSE = re.compile(r"(>=|<)\s*(\d+(?:\.\d+)*)")

PROXY_VARIABLES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}

TRIAL_RATE = 16_000  # Hz
TRIAL_SAMPLES = TRIAL_RATE  # 1 s
TONE_HZ = 220

MEGABYTE = 1e6
GIGABYTE = 1e9


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    """"info" is neither good nor bad by itself."""
    detail: str
    """What was found, in one line."""
    remedy: str | None
    """What to do about it, in one line; every problem has one."""


def diagnose() -> tuple[Check, ...]:
    """Look at everything; nothing that is broken keeps the rest from being looked at."""
    examinations: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("versions", versions),
        ("dependencies", dependencies),
        ("onnxruntime", onnxruntime_wheels),
        ("cpu", cpu),
        ("threads", threads),
        ("device cpu", cpu_device),
        ("device cuda", cuda_device),
        ("libsndfile", libsndfile),
        ("ffmpeg", ffmpeg),
        ("resampling", resampling),
        ("models", model_folders),
        ("model", model_packages),
        ("cache", cache),
        ("temporary folder", temporary_folder),
        ("proxies", proxies),
    )
    return tuple(check for name, examine in examinations for check in guarded(name, examine))


def guarded(name: str, examine: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """The checks of an examination; what it raises is one more."""
    try:
        yield from examine()
    except Exception as error:  # a broken dependency raises anything
        remedy = "mend what the message names; where it is a package, install edge-detect again"
        yield Check(name, "problem", said_by(error), remedy)


def said_by(error: Exception) -> str:
    """An error in one line: the first that says something."""
    line = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {line.strip()}" if line else type(error).__name__


def versions() -> Iterator[Check]:
    """Of edge-detect, Python and the system."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    detail = f"edge-detect {__version__}, {python} at {sys.executable}, {platform.platform()}"
    yield Check("versions", "info", detail, None)


def dependencies() -> Iterator[Check]:
    """Whether each package can be imported, in a version that edge-detect was made for."""
    wanted = requirements()
    for name in DEPENDENCIES:
        yield dependency(name, wanted.get(name, ""))


def requirements() -> dict[str, str]:
    """Distribution to its bounds, as ">=14,<19"; none where edge-detect isn't installed."""
    try:
        stated = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return {}
    found = (REQUIREMENT.match(one) for one in stated)  # one of an extra goes on behind a ";"
    return {one[1]: one[2] for one in found if one}


def dependency(name: str, bounds: str) -> Check:
    """One package."""
    remedy = f"pip install --force-reinstall '{name}{bounds}'"
    try:
        version = metadata.version(name)
        import_module(name)
    except metadata.PackageNotFoundError:
        return Check(name, "problem", "is not installed", remedy)
    except Exception as error:  # a broken package raises anything
        return Check(name, "problem", f"can't be imported: {said_by(error)}", remedy)
    if not within(version, bounds):
        return Check(name, "problem", f"{version} is not within {bounds}", remedy)
    return Check(name, "ok", version, None)


def within(version: str, bounds: str) -> bool:
    """Whether a version keeps bounds as ">=14,<19"."""
    own = numbers(version)
    for relation, bound in CLAUSE.findall(bounds):
        if (own >= numbers(bound)) != (relation == ">="):
            return False
    return True


def numbers(version: str) -> list[int]:
    """[1, 20] of "1.20.0", so that it equals that of "1.20"; what isn't a release is left out."""
    release = re.match(r"\d+(\.\d+)*", version)
    parts = [int(part) for part in release[0].split(".")] if release else []
    while parts and not parts[-1]:
        parts.pop()
    return parts


def onnxruntime_wheels() -> Iterator[Check]:
    """Whether exactly one onnxruntime is installed, and is the one that is imported."""
    wheels = sorted(set(metadata.packages_distributions().get("onnxruntime", ())))
    again = f"pip uninstall --yes {' '.join(wheels)}, then pip install"
    one = "the one that you want: onnxruntime, or onnxruntime-gpu for CUDA"
    if not wheels:
        yield Check("onnxruntime", "problem", "is not installed", f"pip install {one}")
        return
    if len(wheels) > 1:
        detail = f"{' and '.join(wheels)} are installed over each other, in one folder"
        yield Check("onnxruntime", "problem", detail, f"{again} {one}")
    try:
        from edge_detect.session import ONNXRUNTIME_VERSION
    except Exception as error:  # a broken package raises anything
        detail = f"can't be imported: {said_by(error)}"
        yield Check("onnxruntime", "problem", detail, f"{again} {wheels[0]}")
        return
    installed = {metadata.version(wheel) for wheel in wheels}
    bounds = requirements().get("onnxruntime", "")
    if ONNXRUNTIME_VERSION not in installed:
        detail = f"{ONNXRUNTIME_VERSION} is imported, {', '.join(installed)} is installed"
        yield Check("onnxruntime", "problem", detail, f"{again} {wheels[0]}")
    elif not within(ONNXRUNTIME_VERSION, bounds):
        detail = f"{ONNXRUNTIME_VERSION} is not within {bounds}"
        yield Check("onnxruntime", "problem", detail, f"pip install '{wheels[0]}{bounds}'")
    elif len(wheels) == 1:
        yield Check("onnxruntime", "ok", f"{wheels[0]} {ONNXRUNTIME_VERSION}", None)


def cpu() -> Iterator[Check]:
    """Name, kind, and the features by which int8 is fast or slow."""
    told = ", ".join(telling_features(processor_features())) or "none told"
    yield Check("cpu", "info", f"{cpu_name()}; {cpu_kind()}; features {told}", None)


def threads() -> Iterator[Check]:
    """How many threads are used where nobody says, and what limits them."""
    limits = [f"the machine has {os.cpu_count() or 'an unknown number of'} processors"]
    if hasattr(os, "sched_getaffinity"):
        limits.append(f"the affinity allows {len(os.sched_getaffinity(0))}")
    quota = min(cpu_quotas(ROOT), default=math.inf)
    limits.append(f"the control group {quota:g}" if quota < math.inf else "no control group does")
    yield Check("threads", "info", f"{usable_cpus()}: {', '.join(limits)}", None)


def cpu_device() -> Iterator[Check]:
    """Whether a model answers on the CPU."""
    yield try_device("cpu")


def cuda_device() -> Iterator[Check]:
    """Whether a model answers on CUDA; where onnxruntime has no CUDA, that is no problem."""
    from edge_detect.session import possible_devices

    if "cuda" in possible_devices("auto"):
        yield try_device("cuda")
    elif driver := driver_version():
        detail = f"the NVIDIA driver has CUDA {driver}, this onnxruntime has no CUDA provider"
        remedy = "to use the GPU, replace onnxruntime by onnxruntime-gpu"
        yield Check("device cuda", "info", detail, remedy)
    else:
        detail = "no NVIDIA driver, and this onnxruntime has no CUDA provider"
        yield Check("device cuda", "info", detail, None)


def try_device(device: Device) -> Check:
    """Ask the default model, or else the first that is whole, for a verdict on a device."""
    name = f"device {device}"
    package = whole_package()
    if package is None:
        return Check(name, "info", "was not tried: there is no whole model", None)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # onnxruntime's remarks; the outcome is said here
            answer(package, device)
    except DeviceUnavailable:
        cuda = ask_cuda()
        detail = f"onnxruntime has the CUDA provider and can't start it: {cuda.detail}"
        return Check(name, "problem", detail, cuda.remedy)
    except EdgeDetectError as error:
        return complaint(name, error)
    return Check(name, "ok", f"the model {package.manifest.name!r} answers", None)


def answer(package: ModelPackage, device: Device) -> None:
    """A verdict on a tone."""
    import numpy as np

    from edge_detect.detector import Detector
    from edge_detect.precision import AUTO

    tone = np.sin(2 * np.pi * TONE_HZ * np.arange(TRIAL_SAMPLES) / TRIAL_RATE)
    Detector(package, AUTO, device, None).predict((tone, TRIAL_RATE))


def whole_package() -> ModelPackage | None:
    """A package whose files are those of its manifest, the default model if it is; else None."""
    names = sorted(installed_packages(), key=lambda name: (name != DEFAULT_MODEL, name))
    for name in names:
        try:
            package = open_package(name)
            package.verify_all()
        except (EdgeDetectError, OSError):  # its own check says so
            continue
        return package
    return None


def complaint(name: str, error: EdgeDetectError) -> Check:
    """An error of ours, whose message mostly ends with the remedy."""
    detail, _, remedy = error.message.rpartition("; ")
    if not detail:
        detail, remedy = error.message, "install the model again, readable for you"
    return Check(name, "problem", detail, remedy)


def libsndfile() -> Iterator[Check]:
    """Whether libsndfile decodes, which version it is, and what it reads."""
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(trial_wav()))
    version, formats = soundfile.__libsndfile_version__, sorted(soundfile.available_formats())
    detail = f"{version}, reads {', '.join(formats)}"
    yield decoded("libsndfile", (len(samples), rate), detail, "soundfile")


def ffmpeg() -> Iterator[Check]:
    """Whether FFmpeg decodes, and which version it is."""
    import av

    with av.open(io.BytesIO(trial_wav()), "r", metadata_errors="replace") as container:
        frames = list(container.decode(audio=0))
    heard = (sum(frame.samples for frame in frames), frames[0].sample_rate if frames else 0)
    codec = ".".join(map(str, av.library_versions["libavcodec"]))
    detail = f"{av.ffmpeg_version_info} (libavcodec {codec}) through PyAV {av.__version__}"
    yield decoded("ffmpeg", heard, detail, "av")


def decoded(name: str, heard: tuple[int, int], detail: str, package: str) -> Check:
    """Whether the trial came back as (samples, Hz)."""
    if heard == (TRIAL_SAMPLES, TRIAL_RATE):
        return Check(name, "ok", detail, None)
    wrong = f"{detail}; made {heard[0]} samples at {heard[1]} Hz of {TRIAL_SAMPLES} at {TRIAL_RATE}"
    return Check(name, "problem", wrong, f"pip install --force-reinstall {package}")


def trial_wav() -> bytes:
    """A second of silence as a WAV file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(TRIAL_RATE)
        file.writeframes(bytes(2 * TRIAL_SAMPLES))
    return content.getvalue()


def resampling() -> Iterator[Check]:
    """Whether soxr resamples."""
    import numpy as np
    import soxr

    length = len(soxr.resample(np.zeros(TRIAL_SAMPLES, np.float32), TRIAL_RATE, TRIAL_RATE // 2))
    detail = f"soxr {soxr.__version__}"
    yield decoded("resampling", (2 * length, TRIAL_RATE), detail, "soxr")


def model_folders() -> Iterator[Check]:
    """Whether the folders that models are looked for in can be read; those named must be there."""
    named = configured_roots()
    for root in model_roots():
        if root.is_dir():
            yield model_folder(root)
        elif root in named:
            remedy = f"make it, or take it out of {MODELS_VARIABLE}"
            yield Check("model folder", "problem", f"{root} is no folder", remedy)
        else:
            yield Check("model folder", "info", f"{root} is not there", None)
    if DEFAULT_MODEL not in installed_packages():
        detail = f"the default model {DEFAULT_MODEL!r} is in none of these folders"
        remedy = "install edge-detect again, or name a model with --model"
        yield Check(f"model {DEFAULT_MODEL}", "problem", detail, remedy)


def model_folder(root: Path) -> Check:
    """Which models are in a folder."""
    if not os.access(root, os.R_OK | os.X_OK):
        remedy = "give yourself the right to read it"
        return Check("model folder", "problem", f"{root} may not be read", remedy)
    names = sorted(manifest.parent.name for manifest in root.glob(f"*/{MANIFEST_FILE}"))
    return Check("model folder", "ok", f"{root} has {', '.join(names) or 'no models'}", None)


def model_packages() -> Iterator[Check]:
    """Whether each package's manifest can be read and every file is the one that it names."""
    for name, folder in installed_packages().items():
        yield from guarded(f"model {name}", partial(package, name, folder))


def package(name: str, folder: Path) -> Iterator[Check]:
    """One package."""
    try:
        opened = open_package(folder)
        files = opened.verify_all()
    except EdgeDetectError as error:
        yield complaint(f"model {name}", error)
        return
    precisions = ", ".join(graph.precision for graph in opened.manifest.encoders)
    detail = f"{len(files)} files as the manifest has them; {precisions}; at {folder}"
    yield Check(f"model {name}", "ok", detail, None)


def cache() -> Iterator[Check]:
    """Where it is and how large; it is made when it is needed."""
    folder = cache_folder()
    if not folder.exists():
        yield Check("cache", "info", f"{folder} is not there", None)
    elif folder.is_dir() and os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        detail = f"{folder}: {len(sizes)} files, {sum(sizes) / MEGABYTE:.1f} MB"
        yield Check("cache", "info", detail, None)
    else:
        remedy = f"mend its permissions, or name another folder in {CACHE_VARIABLE}"
        yield Check("cache", "problem", f"{folder} is no folder to write in", remedy)


def temporary_folder() -> Iterator[Check]:
    """Whether it has room for the largest file that is fetched from an address."""
    remedy = "make room, or name another folder in TMPDIR"
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        yield Check("temporary folder", "problem", "there is none to write in", remedy)
        return
    free, needed = shutil.disk_usage(folder).free, DEFAULT_FETCHING.max_bytes
    detail = f"{folder}: {free / GIGABYTE:.2f} GB free"
    if free < needed:
        wanted = f"{detail}, a file from an address may have {needed / GIGABYTE:.2f} GB"
        yield Check("temporary folder", "problem", wanted, remedy)
    else:
        yield Check("temporary folder", "ok", detail, None)


def proxies() -> Iterator[Check]:
    """Which proxies the environment names; edge-detect connects directly all the same."""
    named = [
        f"{name}={masked(value)}"
        for name, value in sorted(os.environ.items())
        if name.lower() in PROXY_VARIABLES and value
    ]
    if not named:
        yield Check("proxies", "info", "the environment names none", None)
        return
    detail = f"{', '.join(named)}; addresses of audio are fetched without them"
    remedy = "where the web is reached through a proxy alone, download files first"
    yield Check("proxies", "info", detail, remedy)


def masked(value: str) -> str:
    """A proxy without the user name and password, which may stand there without a scheme too."""
    if "://" in value:
        return without_credentials(value)
    return without_credentials(f"://{value}").removeprefix("://")
