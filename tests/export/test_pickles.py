"""Pickles are read and nothing in them is run."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from edge_export.errors import HeadError
from edge_export.pickles import Stored, read_pickle
from tests.export import hostile

# The bounds on a hostile file: of reading it, and of the whole process that does.
MAX_SECONDS = 2.0
MAX_MEGABYTES = 500


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of hostile files and the canary that none of them may bring to life."""
    folder = tmp_path_factory.mktemp("hostile")
    canary = folder / "canary"
    (folder / "files").mkdir()
    for name, content in hostile.corpus(canary).items():
        (folder / "files" / name).write_bytes(content)
    return folder / "files", canary


def test_the_corpus_bites(corpus: tuple[Path, Path]) -> None:
    """A reader that runs what it reads does bring the canary to life."""
    files, canary = corpus
    pickle.loads((files / "eval").read_bytes())
    assert canary.exists()
    canary.unlink()
    joblib.load(files / "system, protocol 2")
    assert canary.exists()
    canary.unlink()


READ_ALL = """
import json, sys, time
from pathlib import Path
from edge_export.errors import HeadError
from edge_export.pickles import read_pickle
from edge_export.fitted import make_head
for path in sorted(Path(sys.argv[1]).iterdir()):
    start = time.perf_counter()
    try:
        model = read_pickle(path)
        make_head(model, model)
        message = None
    except HeadError as error:
        message = str(error)
    seconds = time.perf_counter() - start
    # Of this process; getrusage starts with the peak of the process that started it.
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps([path.name, message, seconds, peak]))
print(json.dumps(sorted({"sklearn", "joblib", "torch", "scipy"} & set(sys.modules))))
"""


def test_hostile_files(corpus: tuple[Path, Path]) -> None:
    files, canary = corpus
    result = subprocess.run(
        [sys.executable, "-c", READ_ALL, files], capture_output=True, text=True, timeout=300
    )
    assert result.stderr == ""
    *records, imported = [json.loads(line) for line in result.stdout.splitlines()]
    assert [name for name, *_ in records] == sorted(path.name for path in files.iterdir())
    for name, message, seconds, megabytes in records:
        assert message is not None, name
        assert len(message.splitlines()) == 1, name
        assert seconds < MAX_SECONDS, name
        assert megabytes < MAX_MEGABYTES, name
    assert not canary.exists()
    assert imported == []


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("system", "posix.system"),
        ("eval", "builtins.eval"),
        ("eval, protocol 2", "__builtin__.eval"),
        ("in an attribute", "builtins.eval"),
        ("object array", "builtins.eval"),
        ("getattr chain", "builtins.getattr"),
        ("instance opcode", "os.system"),
        ("object opcode", "os.system"),
        ("dotted name", r"sklearn.svm._classes.SVC.__init__"),
        ("name of an allowed module", "numpy.fromfile"),
        ("pipeline", "save the pipeline's scaler and classifier as two files"),
        ("another model", "sklearn.cluster._kmeans.KMeans"),
        ("extension code", "the opcode EXT1"),
        ("persistent id", "the opcode BINPERSID"),
        ("array of 2 GB", "more than 256 MB"),
        ("bytes of 2 GB", "claims 2147483648 bytes"),
    ],
)
def test_a_refusal_names_what_was_asked_for(
    corpus: tuple[Path, Path], name: str, asked: str
) -> None:
    with pytest.raises(HeadError) as refusal:
        read_pickle(corpus[0] / name)
    assert asked in str(refusal.value)


def dump(protocol: int) -> Callable[[Any, Path], Any]:
    return lambda value, path: path.write_bytes(pickle.dumps(value, protocol))


DUMPS: dict[str, Callable[[Any, Path], Any]] = {
    "joblib": joblib.dump,
    **{f"pickle {protocol}": dump(protocol) for protocol in range(2, 6)},
    **{
        method: lambda value, path, method=method: joblib.dump(value, path, compress=(method, 3))
        for method in ("zlib", "gzip", "bz2", "lzma", "xz")
    },
}

ARRAYS = {
    "float64": np.linspace(-1, 1, 12).reshape(3, 4),
    "float32, by columns": np.asfortranarray(np.eye(3, 5, dtype=np.float32)),
    "int8": np.arange(-3, 3, dtype=np.int8),
    "big endian": np.arange(5, dtype=">i4"),
    "bool": np.array([True, False]),
    "text": np.array(["bonafide", "настоящий"]),
    "objects of text": np.array(["bonafide", "spoof"], dtype=object),
    "empty": np.empty((0, 4)),
    "no dimension": np.array(2.5),
    "records": np.array([(1, 2.5)], dtype=[("a", "<i8"), ("b", "<f8")]),
    "large": np.arange(300_000.0),
}


@pytest.mark.parametrize("write", DUMPS.values(), ids=DUMPS)
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_arrays(array: Any, write: Callable[[Any, Path], Any], tmp_path: Path) -> None:
    write({"array": array, "again": [array, 1, -(2**40), 2.5, None, True, ("a",)]}, tmp_path / "x")
    given = read_pickle(tmp_path / "x")
    for read in (given["array"], given["again"][0]):
        assert (read.dtype, read.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read, array)
    assert given["again"][1:] == [1, -(2**40), 2.5, None, True, ("a",)]


@pytest.mark.parametrize("write", DUMPS.values(), ids=DUMPS)
@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
def test_models(write: Callable[[Any, Path], Any], tmp_path: Path) -> None:
    features = np.random.default_rng(0).standard_normal((30, 4))
    targets = np.array(["a", "b", "c"], dtype=object)[np.arange(30) % 3]
    for model in (
        StandardScaler().fit(features),
        LogisticRegression().fit(features, targets),
        SVC(probability=True, random_state=0).fit(features, targets),
        SVC().fit(features, targets),
    ):
        write(model, tmp_path / "x")
        stored = read_pickle(tmp_path / "x")
        assert isinstance(stored, Stored)
        assert stored.kind == type(model).__name__
        state = model.__getstate__()
        assert stored.attributes.keys() == state.keys()
        for name, value in state.items():
            np.testing.assert_array_equal(stored.attributes[name], value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(HeadError, match=r"can't read .*nothing\.pkl"):
        read_pickle(tmp_path / "nothing.pkl")
