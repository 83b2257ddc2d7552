"""Why onnxruntime's CUDA provider does not start.

onnxruntime says so on standard error alone; here its libraries and the driver are asked themselves.
"""

import ctypes
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"

# The host's part of a provider comes first: the provider's own library takes names from it.
PROVIDER_LIBRARIES = (
    ("onnxruntime_providers_shared.dll", "onnxruntime_providers_cuda.dll")
    if sys.platform == "win32"
    else ("libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so")
)

BUILD_INFO = "build_and_package_info.py"
BUILT_FOR = re.compile(r"^cuda_version = ['\"](.+)['\"]", re.MULTILINE)


@dataclass(frozen=True)
class Cuda:
    """What of CUDA is there."""

    driver: str | None
    """The newest CUDA version that the NVIDIA driver knows, as "12.4"; None without a driver."""
    built_for: str | None
    """The CUDA version that this onnxruntime needs; None where it doesn't say."""
    loader: str | None
    """Why the system can't load the provider's libraries; None where it can."""

    @property
    def detail(self) -> str:
        """What there is, in one line."""
        driver = f"the NVIDIA driver has CUDA {self.driver}" if self.driver else "no NVIDIA driver"
        wanted = f", onnxruntime is built for {self.built_for}" if self.built_for else ""
        return f"{driver}{wanted}" + (f"; {self.loader}" if self.loader else "")

    @property
    def remedy(self) -> str:
        """What to do, in one line."""
        wanted = f"CUDA {self.built_for}" if self.built_for else "its CUDA"
        if self.driver is None:
            return "install the NVIDIA driver, or use --device cpu"
        if self.built_for and major(self.driver) < major(self.built_for):
            return (
                f"install an NVIDIA driver for {wanted}, or an onnxruntime-gpu that is built for "
                f"CUDA {major(self.driver)}"
            )
        return (
            f"install the libraries of {wanted} and its cuDNN where the loader finds them "
            "(LD_LIBRARY_PATH, or PATH on Windows), or use --device cpu"
        )


def ask_cuda() -> Cuda:
    """Ask the driver, the installed onnxruntime and the system's loader."""
    spec = find_spec("onnxruntime")
    folder = Path(spec.origin).parent / "capi" if spec and spec.origin else None
    if folder is None:
        return Cuda(driver_version(), None, None)
    return Cuda(driver_version(), built_for(folder), loader_problem(folder))


def driver_version() -> str | None:
    """The newest CUDA version that the NVIDIA driver knows; None without a driver."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return None
    number = ctypes.c_int()
    if driver.cuDriverGetVersion(ctypes.byref(number)):
        return None
    return f"{number.value // 1000}.{number.value % 1000 // 10}"  # 12040 is 12.4


def built_for(folder: Path) -> str | None:
    """The CUDA version that the onnxruntime in `folder` was built for."""
    try:
        text = (folder / BUILD_INFO).read_text(encoding="utf-8")
    except OSError:
        return None
    found = BUILT_FOR.search(text)
    return found[1] if found else None


def loader_problem(folder: Path) -> str | None:
    """What the loader says of the provider's libraries in `folder`; None where it loads them."""
    try:
        for library in PROVIDER_LIBRARIES:
            ctypes.CDLL(str(folder / library), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return str(error)
    return None


def major(version: str) -> int:
    """12 of "12.4"."""
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0
