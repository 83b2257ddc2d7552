"""Repositories of the Hugging Face hub, file by file, through its own client and cache."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_detect.store import file_sha256
from edge_export.errors import HubError, first_line

SHA256 = re.compile("[0-9a-f]{64}")
SHA1 = re.compile("[0-9a-f]{40}")

# What the hub says to who may not read: it answers 401 for what does not exist as well.
DENIED = (401, 403)


@dataclass(frozen=True)
class Snapshot:
    """A repository at one commit, as far as its files were fetched."""

    repository: str
    """Hub id, `owner/name`."""
    commit: str
    folder: Path
    """In the hub's cache."""

    def fetch(self, file: str) -> Path | None:
        """A file out of the cache, else from the hub; None where the commit has no such file.

        What the commit has and has not is remembered: the second time makes no network call.

        Raises:
            HubError: the hub can't give it, or gave other content than it announced.
        """
        from huggingface_hub import hf_hub_download, try_to_load_from_cache
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        with one_line_errors(self.repository, self.commit, file):
            known = try_to_load_from_cache(self.repository, file, revision=self.commit)
            if known is None:
                try:
                    known = hf_hub_download(self.repository, file, revision=self.commit)
                except LocalEntryNotFoundError:  # not reached: the file may well exist
                    raise
                except EntryNotFoundError:
                    return None
        if not isinstance(known, str):  # the client's mark for a file that does not exist
            return None
        check_content(self.repository, Path(known))
        return Path(known)

    def require(self, file: str) -> Path:
        """A file that the commit must have.

        Raises:
            HubError: as for `fetch`, or there is no such file.
        """
        path = self.fetch(file)
        if path is None:
            raise HubError(
                f"{self.repository!r} has no {file!r} at revision {self.commit!r}; "
                "check the name, or give another revision"
            )
        return path


def download(
    repository: str, revision: str | None, files: Sequence[str], optional: Sequence[str] = ()
) -> Snapshot:
    """Fetch `files`, and those of `optional` that exist, of a hub repository.

    Raises:
        HubError: the hub can't give one of `files`.
    """
    snapshot = open_snapshot(repository, revision, files[0])
    for file in files:
        snapshot.require(file)
    for file in optional:
        snapshot.fetch(file)
    return snapshot


def open_snapshot(repository: str, revision: str | None, anchor: str) -> Snapshot:
    """The commit of a branch, tag or commit, found by fetching `anchor`, a file that must exist.

    Where no revision is given, a cached `main` is taken without asking the hub. A branch or a tag
    is asked for each time but in the client's offline mode; a full commit never once it is cached.

    Raises:
        HubError: the hub can't give it.
    """
    from huggingface_hub import try_to_load_from_cache

    with one_line_errors(repository, revision, anchor):
        settled = revision is None or SHA1.fullmatch(revision)
        path = try_to_load_from_cache(repository, anchor, revision=revision) if settled else None
        if not isinstance(path, str):
            path = fetch_anchor(repository, revision, anchor)
    folder = Path(path).parents[anchor.count("/")]  # a snapshot's folder is its commit
    check_content(repository, Path(path))
    return Snapshot(repository, folder.name, folder)


def fetch_anchor(repository: str, revision: str | None, anchor: str) -> str:
    """Path of a file at a revision as the hub has it now."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if revision is not None and not HF_HUB_OFFLINE:
        # Asked first: a branch that can't be reached would silently be what it was once.
        get_hf_file_metadata(hf_hub_url(repository, anchor, revision=revision))
    path: str = hf_hub_download(repository, anchor, revision=revision)
    return path


def check_content(repository: str, path: Path) -> None:
    """Compare a cached file with its name in the cache, and remove one that is damaged.

    The client compares lengths only. In its cache a file links to a blob that is named by the
    hub's checksum: sha256 for what is large, git's sha1 for the rest. Without symbolic links
    (Windows) there is nothing to compare with.

    Raises:
        HubError: the content is another.
    """
    if not path.is_symlink():
        return
    blob = path.parent / path.readlink()
    if SHA256.fullmatch(blob.name):
        same = file_sha256(blob) == blob.name
    elif SHA1.fullmatch(blob.name):
        same = blob.name in sha1_names(blob.read_bytes())
    else:
        return
    if not same:
        path.unlink()
        blob.unlink()
        raise HubError(
            f"{path.name!r} of {repository!r} is not what the hub announced ({blob.name[:12]}…); "
            "the damaged copy was removed, try again"
        )


def sha1_names(content: bytes) -> tuple[str, str]:
    """Git's object id of a file, and its plain sha1, which some mirrors give instead."""
    blob = b"blob %d\0%b" % (len(content), content)
    git, plain = (hashlib.sha1(data, usedforsecurity=False) for data in (blob, content))
    return git.hexdigest(), plain.hexdigest()


@contextmanager
def one_line_errors(repository: str, revision: str | None, file: str) -> Iterator[None]:
    """Turn whatever the client raises into a HubError."""
    try:
        yield
    except Exception as error:  # its own, those of its HTTP library, of json, of the system
        raise HubError(
            f"the hub did not give {repository!r} at revision {revision or 'main'!r} "
            f"({file}: {reason(error)}); {remedy(error)}"
        ) from error


def reason(error: Exception) -> str:
    """Kind and first line of what stands behind an error."""
    origin = source(error)
    return f"{type(origin).__name__}: {first_line(origin)}"


def remedy(error: Exception) -> str:
    """What the user can do."""
    from huggingface_hub.constants import HF_HUB_OFFLINE
    from huggingface_hub.errors import RevisionNotFoundError

    if HF_HUB_OFFLINE:
        return "it is not in the cache: unset HF_HUB_OFFLINE once, or give a local folder"
    if status(source(error)) in DENIED:
        return (
            "check the name; where it is private or gated, accept its terms on the hub and set "
            "HF_TOKEN to a token that may read it"
        )
    if isinstance(error, RevisionNotFoundError):
        return "give a branch, a tag or a full commit that it has"
    return "check the name and the network, or give a local folder"


def source(error: BaseException) -> BaseException:
    """The error that the client wrapped into its "not in the cache either"."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    if isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
        return error.__cause__
    return error


def status(error: BaseException) -> int | None:
    """The HTTP status that the hub answered with, where it did."""
    return getattr(getattr(error, "response", None), "status_code", None)
