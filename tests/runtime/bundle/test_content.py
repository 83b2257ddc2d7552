"""Archives that are refused by their content, and an addition that is killed."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_detect.errors import InvalidManifest
from edge_detect.store import installed_packages
from tests.runtime.bundle.archives import Files, add, pack, refused, with_checksums


def changed(files: Files) -> Files:
    return {**files, "tiny/encoder.onnx": files["tiny/encoder.onnx"][:-1] + b"x"}


def replaced(files: Files) -> Files:
    return with_checksums(changed(files))


def renamed(files: Files) -> Files:
    return {name.replace("tiny/", "other/"): content for name, content in files.items()}


def unlisted(files: Files) -> Files:
    return {**files, "tiny/extra.txt": b""}


def without(name: str) -> Callable[[Files], Files]:
    def edit(files: Files) -> Files:
        return {key: content for key, content in files.items() if key != f"tiny/{name}"}

    return edit


def without_graph(files: Files) -> Files:
    return with_checksums(without("classifier.onnx")(files))


def without_manifest(files: Files) -> Files:
    return with_checksums(without("manifest.json")(files))


def listed_as(line: str) -> Callable[[Files], Files]:
    def edit(files: Files) -> Files:
        return {**files, "tiny/CHECKSUMS": files["tiny/CHECKSUMS"] + line.encode()}

    return edit


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (changed, "another 'encoder.onnx' than its CHECKSUMS says"),
        (replaced, "another 'encoder.onnx' than its manifest says"),
        (renamed, "the folder 'other' for the model 'tiny'"),
        (unlisted, "'extra.txt', which its CHECKSUMS doesn't list"),
        (without("golden/clip_0.flac"), "lacks 'golden/clip_0.flac', which its CHECKSUMS lists"),
        (without("CHECKSUMS"), "no 'CHECKSUMS'"),
        (without_graph, "no 'classifier.onnx', which its manifest names"),
        (without_manifest, "no 'manifest.json'"),
        (listed_as("nonsense\n"), "has 'nonsense' in its CHECKSUMS"),
        (listed_as(f"{'0' * 64}  README.md\n"), "README.md' in its CHECKSUMS"),
        (listed_as(f"{'0' * 64}  ../evil\n"), "lacks '../evil'"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_says(
    files: Files, tmp_path: Path, root: Path, edit: Callable[[Files], Files], match: str
) -> None:
    refused(pack(tmp_path / "bad.tar.gz", edit(files)), root, match)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"schema": 2', b'"schema": 99'), (b'"schema"', b'"x": 1, "schema"'), (b"{", b"")],
)
def test_a_manifest_that_can_not_be_used(
    files: Files, tmp_path: Path, root: Path, old: bytes, new: bytes
) -> None:
    manifest = files["tiny/manifest.json"].replace(old, new, 1)
    bad = with_checksums({**files, "tiny/manifest.json": manifest})
    refused(pack(tmp_path / "bad.tar.gz", bad), root, r"manifest\.json", InvalidManifest)


@pytest.mark.parametrize("function", ["write_member", "check_checksums", "check_manifest"])
def test_a_kill_in_the_middle_leaves_no_model(archive: Path, root: Path, function: str) -> None:
    script = f"""
import os, signal, sys
from edge_detect import bundle, placement
from edge_detect.cli import main

whole = bundle.{function}
calls = []

def killed(*args):
    answer = whole(*args)
    calls.append(args)
    if len(calls) == {3 if function == "write_member" else 1}:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

bundle.{function} = killed
sys.argv = ["edge-detect", "models", "add", {str(archive)!r}]
main()
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (-signal.SIGKILL, "")
    assert "tiny" not in installed_packages()
    assert not (root / "tiny").exists()
    assert add(archive).folder == root / "tiny"
