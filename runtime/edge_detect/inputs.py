"""What the command is given: files, addresses, folders, lists and standard input, one by one."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from edge_detect.detection import Failure
from edge_detect.errors import FileNotFound, FileUnreadable
from edge_detect.fetching import is_url

STANDARD_INPUT = "-"

# Not .ts and .mts, which are source code more often.
SOUND = (
    "*.3g2", "*.3gp", "*.3gpp", "*.aac", "*.ac3", "*.aif", "*.aifc", "*.aiff", "*.amr", "*.ape",
    "*.asf", "*.au", "*.avi", "*.awb", "*.bwf", "*.caf", "*.eac3", "*.flac", "*.flv", "*.m2ts",
    "*.m4a", "*.m4b", "*.m4v", "*.mka", "*.mkv", "*.mov", "*.mp2", "*.mp3", "*.mp4", "*.mpeg",
    "*.mpg", "*.mxf", "*.oga", "*.ogg", "*.ogv", "*.opus", "*.rf64", "*.snd", "*.spx", "*.tta",
    "*.voc", "*.w64", "*.wav", "*.weba", "*.webm", "*.wma", "*.wmv", "*.wv",
)  # fmt: skip
"""Names that are taken from a folder unless `--include` says others."""


@dataclass(frozen=True)
class Selection:
    """Which files of a folder are meant, by name or by path in it; letters' case is the same."""

    include: tuple[str, ...] = SOUND
    exclude: tuple[str, ...] = ()

    def takes(self, path: str) -> bool:
        """Whether a path, relative to the folder and with "/", is meant."""
        return matches(path, self.include) and not matches(path, self.exclude)


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern fits the whole path or its last part."""
    texts = (path.lower(), path.lower().rpartition("/")[2])
    return any(fnmatch(text, pattern.lower()) for pattern in patterns for text in texts)


def expand(names: Iterable[str], selection: Selection) -> Iterator[str | Failure]:
    """Each file and address in the order given, a folder as its files in the order of their names.

    A folder that can't be read, or has no such file, is a failure among them. `-` stays what it is.
    """
    for name in names:
        if name != STANDARD_INPUT and not is_url(name) and is_folder(Path(name)):
            yield from files_below(name, selection)
        else:
            yield name


def files_below(folder: str, selection: Selection) -> Iterator[str | Failure]:
    """The files that are meant below a folder, each folder once wherever links lead."""
    found = False
    for item in _walk(Path(folder), "", selection, set()):
        found = True
        yield item
    if not found:
        patterns = " ".join(selection.include)
        yield Failure(
            folder, FileNotFound(f"no file in {folder!r} is one of {patterns}; give --include")
        )


def _walk(
    root: Path, below: str, selection: Selection, seen: set[tuple[int, int]]
) -> Iterator[str | Failure]:
    folder = root / below
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Failure(str(folder), unreadable("folder", str(folder), error))
        return
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        if is_folder(entry):
            yield from _walk(root, path, selection, seen)
        elif selection.takes(path):
            yield str(root / path)


def is_folder(path: "Path | os.DirEntry[str]") -> bool:
    """Whether it is one; what can't be looked at is a file, whose failure will say why."""
    try:
        return path.is_dir()
    except OSError:  # a folder above it is closed, or a link leads to itself
        return False


def unreadable(what: str, path: str, error: OSError) -> FileUnreadable:
    """The error that says why."""
    return FileUnreadable(f"can't read the {what} {path!r}: {error.strerror}; change its rights")


def read_list(path: str) -> list[str]:
    """The names in a list, one a line, empty lines left out; `-` is standard input.

    Raises:
        FileNotFound: there is no such list.
        FileUnreadable: it can't be read.
    """
    try:
        content = sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
    except FileNotFoundError as error:
        raise FileNotFound(f"no list {path!r}; check the path") from error
    except OSError as error:
        raise unreadable("list", path, error) from error
    return [os.fsdecode(line) for line in content.splitlines() if line.strip()]


def check_standard_input(names: Sequence[str], list_path: str | None) -> None:
    """Refuse to read standard input twice.

    Raises:
        ValueError: says where it is named.
    """
    if [*names, list_path].count(STANDARD_INPUT) > 1:
        raise ValueError("standard input (-) can be read once; name it once")
