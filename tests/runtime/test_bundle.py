"""Bundles: what is written, what is placed of them, and every archive that is refused."""

import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_detect import bundle, placement
from edge_detect.bundle import CHECKSUMS_FILE, write_bundle
from edge_detect.errors import (
    BundleInvalid,
    InvalidManifest,
    ModelCorrupted,
    ModelNotFound,
    OutputError,
    PlacementError,
)
from edge_detect.placement import Placement, opened_archive, place, remove
from edge_detect.store import (
    DATA_VARIABLE,
    MODELS_VARIABLE,
    file_sha256,
    installed_packages,
    open_package,
    shipped_root,
)
from tests.runtime.site import reply, serve
from tests.runtime.test_cli import run

Files = dict[str, bytes]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder of models, which isn't there yet."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    monkeypatch.delenv(MODELS_VARIABLE, raising=False)
    return tmp_path / "data" / "edge-detect" / "models"


@pytest.fixture
def archive(tiny: Path, tmp_path: Path) -> Path:
    """The tiny package's bundle."""
    write_bundle(open_package(tiny), tmp_path / "tiny.tar.gz")
    return tmp_path / "tiny.tar.gz"


@pytest.fixture
def files(archive: Path) -> Files:
    """What is in it, by name."""
    with tarfile.open(archive) as tar:
        return {info.name: read_member(tar, info) for info in tar}


def read_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    """A plain file's content."""
    file = tar.extractfile(info)
    assert file is not None
    return file.read()


def pack(
    path: Path, files: Files, *extra: tarfile.TarInfo, form: int = tarfile.USTAR_FORMAT
) -> Path:
    """An archive of files, then of members without content, such as links."""
    with tarfile.open(path, "w:gz", format=form) as tar:
        for name, content in files.items():
            tar.addfile(member(name, size=len(content)), io.BytesIO(content))
        for info in extra:
            tar.addfile(info)
    return path


def member(
    name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = ""
) -> tarfile.TarInfo:
    """A header."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


def with_checksums(files: Files) -> Files:
    """The files with a CHECKSUMS that is right."""
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  {name.partition('/')[2]}\n"
        for name, content in files.items()
        if not name.endswith(CHECKSUMS_FILE)
    ]
    return {**files, f"tiny/{CHECKSUMS_FILE}": "".join(lines).encode()}


def add(path: Path, sha256: str | None = None) -> Placement:
    """What `models add` does."""
    with opened_archive(path) as file:
        return place(file, path.name, sha256)


def refused(path: Path, root: Path, match: str, error: type[Exception] = BundleInvalid) -> None:
    """The archive is refused, in one line, and nothing of it is left anywhere."""
    around = {file for file in path.parent.rglob("*") if root not in (file, *file.parents)}
    with pytest.raises(error, match=match) as raised:
        add(path)
    assert "\n" not in str(raised.value)
    assert [*root.rglob("*")] == []
    left = {file for file in path.parent.rglob("*") if root not in (file, *file.parents)}
    assert left - around <= {*root.parents}


# What is written.


def test_what_a_bundle_holds(tiny: Path, archive: Path, files: Files) -> None:
    for name in (
        "manifest.json",
        "encoder.onnx",
        "classifier.onnx",
        "golden/clip_0.flac",
        "README.md",
    ):
        assert files[f"tiny/{name}"] == (tiny / name).read_bytes()
    assert b"MIT License" in files["tiny/LICENSE-edge-detect"]
    listed = dict(line.split("  ")[::-1] for line in files["tiny/CHECKSUMS"].decode().splitlines())
    assert listed == {
        name.removeprefix("tiny/"): hashlib.sha256(content).hexdigest()
        for name, content in files.items()
        if name != "tiny/CHECKSUMS"
    }
    assert [*files] == sorted(files)


def test_a_bundle_says_nothing_of_where_it_was_made(archive: Path) -> None:
    assert archive.read_bytes()[3:8] == bytes(5)  # neither a name nor a time: RFC 1952
    with tarfile.open(archive) as tar:
        for info in tar:
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")
            assert (info.mode, info.isreg()) == (0o644, True)


def test_the_same_package_gives_the_same_bytes(tiny: Path, archive: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "elsewhere" / "copy", copy_function=shutil.copy))
    (copy / "encoder.onnx").chmod(0o700)
    os.utime(copy / "manifest.json", (1, 1))
    (copy / "notes.txt").write_text("not the model's")
    again = tmp_path / "again.tgz"
    digest = write_bundle(open_package(copy), again)
    assert again.read_bytes() == archive.read_bytes()
    assert digest == hashlib.sha256(archive.read_bytes()).hexdigest()


def test_the_models_own_licences_go_with_it(tiny: Path, tmp_path: Path, root: Path) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    (copy / "LICENCE.txt").write_text("Do what you like.")
    write_bundle(open_package(copy), tmp_path / "copy.tar.gz")
    assert (add(tmp_path / "copy.tar.gz").folder / "LICENCE.txt").read_text() == "Do what you like."


@pytest.mark.parametrize("file", ["encoder.onnx", "golden/clip_0.flac"])
def test_a_damaged_package_is_not_bundled(tiny: Path, tmp_path: Path, file: str) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    (copy / file).write_bytes((copy / file).read_bytes()[:-1])
    with pytest.raises(ModelCorrupted, match="sha256"):
        write_bundle(open_package(copy), tmp_path / "copy.tar.gz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]


@pytest.mark.parametrize("name", ["../up", "two/parts", ".hidden", "модель", "", "x" * 100])
def test_a_name_that_is_no_folder_everywhere(tiny: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "name": name}))
    with pytest.raises(BundleInvalid, match="export it again"):
        write_bundle(open_package(copy), tmp_path / "copy.tar.gz")


def test_a_disk_that_fills_up(
    tiny: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    before = archive.read_bytes()
    monkeypatch.setattr(bundle, "write_archive", full)
    with pytest.raises(OutputError, match="No space left on device; free space"):
        write_bundle(open_package(tiny), archive)
    assert (archive.read_bytes(), [*archive.parent.iterdir()]) == (before, [archive])
    monkeypatch.setattr(bundle, "write_member", full)
    refused(archive, root, "No space left on device; free space", PlacementError)


# What is placed, where, and how it goes again.


def test_a_bundle_is_placed_and_found(tiny: Path, archive: Path, root: Path) -> None:
    assert add(archive) == Placement(root / "tiny", file_sha256(archive), None)
    package = open_package("tiny")
    assert package.folder == root / "tiny"
    assert package.sha256 == open_package(tiny).sha256
    package.verify_all()
    assert [*root.iterdir()] == [root / "tiny"]
    again = archive.with_name("again.tar.gz")
    write_bundle(package, again)
    assert again.read_bytes() == archive.read_bytes()


def test_the_first_configured_folder_comes_first(
    archive: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(archive)
    first = tmp_path / "first"
    monkeypatch.setenv(MODELS_VARIABLE, os.pathsep.join([str(first), str(tmp_path / "second")]))
    assert add(archive) == Placement(first / "tiny", file_sha256(archive), root / "tiny")
    assert remove("tiny") == first / "tiny"
    assert remove("tiny") == root / "tiny"
    assert [*first.iterdir(), *root.iterdir()] == []


def test_no_model_is_placed_over_another(archive: Path, root: Path) -> None:
    (root / "tiny").mkdir(parents=True)
    with pytest.raises(PlacementError, match="edge-detect models remove tiny"):
        add(archive)
    assert [*root.rglob("*")] == [root / "tiny"]


def test_no_place(
    archive: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(PlacementError, match=MODELS_VARIABLE):
        add(archive)
    monkeypatch.delenv(MODELS_VARIABLE)
    monkeypatch.setattr(placement, "user_root", lambda: None)
    with pytest.raises(PlacementError, match=f"no home folder .+ set {MODELS_VARIABLE}"):
        add(archive)


@pytest.mark.parametrize("name", ["nonsense", "..", ".", "", "../models/tiny"])
def test_removing_what_is_not_there(archive: Path, root: Path, name: str) -> None:
    add(archive)
    with pytest.raises(ModelNotFound, match="there are compact, tiny"):
        remove(name)
    assert (root / "tiny").is_dir()


def test_a_shipped_model_stays(root: Path) -> None:
    with pytest.raises(PlacementError, match="came with edge-detect"):
        remove("compact")
    assert (shipped_root() / "compact" / "manifest.json").is_file()


def test_what_nobody_added_is_not_removed(tiny: Path, root: Path) -> None:
    shutil.copytree(tiny, root / "mine")
    with pytest.raises(PlacementError, match="remove the folder yourself"):
        remove("mine")
    assert (root / "mine" / "manifest.json").is_file()


def test_an_archive_by_its_sha256(archive: Path, root: Path) -> None:
    with pytest.raises(BundleInvalid, match="not 0000"):
        add(archive, "0" * 64)
    assert "tiny" not in installed_packages()
    assert add(archive, file_sha256(archive)).folder == root / "tiny"


# Hostile archives.

PLAIN = "which is not plain letters"


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("../evil", PLAIN),
        ("tiny/../../evil", PLAIN),
        ("tiny/..", PLAIN),
        ("/tmp/evil", PLAIN),
        ("tiny/..\\evil", PLAIN),
        ("C:/evil", PLAIN),
        ("tiny/x:stream", PLAIN),
        ("tiny/.hidden", PLAIN),
        ("tiny/./x", PLAIN),
        ("tiny//x", PLAIN),
        ("tiny/x\n", PLAIN),
        ("tiny/x ", PLAIN),
        ("tiny/голос", PLAIN),
        ("tiny/" + "x" * 99, PLAIN),
        ("evil", "which is in no folder"),
        ("other/evil", "more than one folder: other, tiny"),
        ("tiny/README.MD", "twice"),
        ("tiny/manifest.json", "twice"),
        ("tiny/golden", "twice"),
        ("tiny/README.md/evil", "which is in a file"),
    ],
)
def test_names(files: Files, tmp_path: Path, root: Path, name: str, match: str) -> None:
    path = pack(tmp_path / "bad.tar.gz", files, member(name))
    refused(path, root, match)


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.DIRTYPE,
        tarfile.GNUTYPE_SPARSE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        b"Z",
    ],
)
def test_only_plain_files(files: Files, tmp_path: Path, root: Path, kind: bytes) -> None:
    path = pack(tmp_path / "bad.tar.gz", files, member("tiny/x", kind, link="/etc/passwd"))
    refused(path, root, "'tiny/x', which is no plain file")


def test_a_link_in_the_place_of_the_folder(files: Files, tmp_path: Path, root: Path) -> None:
    path = tmp_path / "bad.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(member("tiny", tarfile.SYMTYPE, link=str(tmp_path)))
        for name, content in files.items():
            tar.addfile(member(name, size=len(content)), io.BytesIO(content))
    refused(path, root, "'tiny', which is no plain file")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("tiny/bomb", bundle.MAX_BYTES + 1),
        ("tiny/bomb", 10**15),
        ("tiny/bomb", -512),
        ("tiny/sub/manifest.json", bundle.MAX_TEXT_BYTES + 1),
    ],
)
def test_a_bomb_is_refused_by_its_header(
    files: Files, tmp_path: Path, root: Path, name: str, size: int
) -> None:
    head = member(name, size=size).tobuf(tarfile.GNU_FORMAT)
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(head + bytes(10_240)))
    refused(path, root, "more than a bundle may have")


def test_the_limits_hold_for_all_files_together(
    files: Files, archive: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = sum(map(len, files.values()))
    monkeypatch.setattr(bundle, "MAX_BYTES", total - 1)
    refused(archive, root, "more than a bundle may have")
    monkeypatch.setattr(bundle, "MAX_BYTES", total)
    monkeypatch.setattr(bundle, "MAX_FILES", len(files) - 1)
    refused(archive, root, f"more than {len(files) - 1} files")
    monkeypatch.setattr(bundle, "MAX_FILES", len(files))
    assert add(archive).folder == root / "tiny"


def test_a_package_above_the_limits_is_not_bundled(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MAX_BYTES", 1000)
    with pytest.raises(BundleInvalid, match="more than a bundle may have"):
        write_bundle(open_package(tiny), tmp_path / "big.tar.gz")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_off_archive(archive: Path, root: Path, share: float) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    refused(archive, root, "no whole .tar.gz")


@pytest.mark.parametrize("place_of_change", [0.3, 0.6, 0.9, 1.0])
def test_a_changed_bit(archive: Path, root: Path, place_of_change: float) -> None:
    content = bytearray(archive.read_bytes())
    content[int(place_of_change * (len(content) - 8))] ^= 16  # 8: at most, the checksum behind it
    archive.write_bytes(content)
    refused(archive, root, r"tiny\.tar\.gz")


@pytest.mark.parametrize(
    "content",
    [b"This is no archive.\n" * 1000, gzip.compress(b"no tar" * 1000), b"PK\x03\x04" + bytes(1000)],
    ids=["text", "gzip", "zip"],
)
def test_no_archive(tmp_path: Path, root: Path, content: bytes) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(content)
    refused(tmp_path / "bad.tar.gz", root, r"no whole \.tar\.gz \(.+\); copy it again")


def test_an_empty_archive(tmp_path: Path, root: Path) -> None:
    refused(pack(tmp_path / "empty.tar.gz", {}), root, "has no files")


@pytest.mark.parametrize("excess", [b"x", bytes(20_000)])
def test_something_behind_the_end(archive: Path, root: Path, excess: bytes) -> None:
    archive.write_bytes(gzip.compress(gzip.decompress(archive.read_bytes()) + excess))
    refused(archive, root, "something behind its last file")


def test_a_second_archive_behind_the_first(archive: Path, root: Path) -> None:
    archive.write_bytes(archive.read_bytes() * 2)
    refused(archive, root, "something behind its last file")


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


# The commands.


def test_from_one_machine_to_another(tiny: Path, tmp_path: Path, speech_path: Path) -> None:
    archive, there = tmp_path / "tiny.tar.gz", {DATA_VARIABLE: str(tmp_path / "there")}
    written = run("bundle", tiny, "--output", archive)
    digest = file_sha256(archive)
    assert (written.returncode, written.stdout) == (0, f"{digest}  {archive}\n")

    folder = tmp_path / "there" / "edge-detect" / "models" / "tiny"
    added = run("models", "add", archive, "--sha256", digest.upper(), **there)
    assert (added.returncode, added.stderr, added.stdout) == (0, "", f"tiny\t{folder}\n")
    assert f"tiny\t{folder}" in run("models", "list", **there).stdout.splitlines()
    assert run("models", "path", "tiny", **there).stdout == f"{folder}\n"
    assert run("--model", "tiny", speech_path, **there).returncode == 0

    twice = run("models", "add", archive, **there)
    assert (twice.returncode, twice.stdout) == (3, "")
    assert "is there already" in twice.stderr
    removed = run("models", "remove", "tiny", **there)
    assert (removed.returncode, removed.stdout) == (0, f"removed {folder}\n")
    assert run("models", "path", "tiny", **there).returncode == 3


def test_a_shipped_model_is_hidden_until_the_other_is_removed(tmp_path: Path) -> None:
    there = {DATA_VARIABLE: str(tmp_path)}
    run("bundle", "compact", "--output", tmp_path / "compact.tar.gz")
    added = run("models", "add", tmp_path / "compact.tar.gz", **there)
    shipped = shipped_root() / "compact"
    assert added.returncode == 0
    assert added.stderr == f"warning: it hides the model of that name in {shipped}\n"
    assert run("models", "remove", "compact", **there).returncode == 0
    assert run("models", "path", "compact", **there).stdout == f"{shipped}\n"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("models", "remove", "compact"), 3),
        (("models", "remove", "nonsense"), 3),
        (("models", "path", "nonsense"), 3),
        (("models", "add", "no.tar.gz"), 3),
        (("models", "add", "."), 3),
        (("models", "add", "https://example.org/tiny.tar.gz"), 3),
        (("models", "pull", "tiny.tar.gz"), 1),
        (("models", "pull", "http://127.0.0.1:1/tiny.tar.gz"), 1),
        (("bundle", "nonsense", "--output", "x.tar.gz"), 3),
        (("bundle", "compact", "--output", "no/such/folder/x.tar.gz"), 1),
    ],
)
def test_every_failure_is_one_line(args: tuple[str, ...], code: int) -> None:
    result = run(*args)
    assert (result.returncode, result.stdout) == (code, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")


@pytest.mark.parametrize(
    "args",
    [
        ("bundle", "compact"),
        ("models", "add", "x.tar.gz", "--sha256", "123"),
        ("models", "pull", "https://example.org/x", "--allow-host", "a/b"),
    ],
)
def test_usage_errors(args: tuple[str, ...]) -> None:
    result = run(*args)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_a_bundle_from_an_address(archive: Path, root: Path) -> None:
    digest = file_sha256(archive)
    with serve() as site:
        site.answers["/tiny.tar.gz"] = reply(archive.read_bytes())
        site.answers["/page"] = reply(b"<html>", "Content-Type: text/html")
        pull = ("models", "pull", site.url("/tiny.tar.gz"))
        local = ("--allow-host", "127.0.0.1")

        private = run(*pull)
        assert (private.returncode, "--allow-host" in private.stderr) == (1, True)
        other = run(*pull, *local, "--sha256", "0" * 64)
        assert (other.returncode, f"has sha256 {digest}, not 0000" in other.stderr) == (3, True)
        page = run("models", "pull", site.url("/page"), *local)
        assert (page.returncode, "is a web page" in page.stderr) == (1, True)
        assert not root.exists()

        pulled = run(*pull, *local)
        lines = [f"tiny\t{root / 'tiny'}", f"next time: --sha256 {digest}"]
        assert (pulled.stderr, pulled.stdout.splitlines()) == ("", lines)
        remove("tiny")
        pinned = run(*pull, *local, "--sha256", digest)
        assert (pinned.stderr, pinned.stdout.splitlines()) == ("", lines[:1])
