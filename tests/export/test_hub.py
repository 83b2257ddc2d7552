"""Files from the hub by its real client, against a server on loopback that misbehaves as asked."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.export.hub_server import Hub, serve

HUB_ID = "someone/wav2vec2-small"
WEIGHTS = "model.safetensors"
UNREACHABLE = "http://127.0.0.1:9"

# Prints the commit, the files and the content of the weights, or the error's type and message.
SCRIPT = """
import json, sys
from edge_detect.errors import EdgeDetectError
from edge_export.checkpoint import open_checkpoint
from edge_export.hub import download
kind, *arguments = json.loads(sys.argv[1])
try:
    opened = {"download": download, "checkpoint": open_checkpoint}[kind](*arguments)
except EdgeDetectError as error:
    print(json.dumps({"type": error.type, "message": error.message}))
else:
    commit = getattr(opened, "commit", None) or opened.revision
    files = {path.relative_to(opened.folder).as_posix(): path.read_bytes().hex()
             for path in opened.folder.rglob("*") if path.is_file()}
    print(json.dumps({"commit": commit, "files": files}))
assert not {"torch", "transformers", "onnx"} & set(sys.modules)
"""


class Client:
    """The hub's client in a process of its own, with a cache that outlives it."""

    def __init__(self, address: str, home: Path) -> None:
        self.environment = {"HF_ENDPOINT": address, "HF_HOME": str(home)}

    def call(self, *arguments: Any, **environment: str) -> dict[str, Any]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
        result = subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps(arguments)],
            capture_output=True,
            text=True,
            env={**inherited, **self.environment, **environment},
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    def download(
        self, revision: str | None = None, *files: str, **environment: str
    ) -> dict[str, Any]:
        return self.call("download", HUB_ID, revision, files or FILES, **environment)


FILES = ("config.json", WEIGHTS)
CONTENT = {"config.json": b"{}", WEIGHTS: bytes(range(256)) * 4000}


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    folder = tmp_path / "repository"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    hub = Hub(HUB_ID, folder)
    hub.large = {WEIGHTS}
    return hub


@pytest.fixture
def client(hub: Hub, tmp_path: Path) -> Iterator[Client]:
    with serve(hub) as address:
        yield Client(address, tmp_path / "hf")


def complete(hub: Hub) -> dict[str, Any]:
    return {"commit": hub.commit, "files": {k: v.hex() for k, v in CONTENT.items()}}


@pytest.mark.parametrize("revision", [None, "main", "commit"])
def test_a_cached_model_is_not_asked_for_again(
    hub: Hub, client: Client, revision: str | None
) -> None:
    if revision == "commit":
        revision = hub.commit
    assert client.download(revision) == complete(hub)
    hub.requests.clear()
    assert client.download(revision) == complete(hub)
    if revision == "main":  # a branch may have moved
        asked = {request for request in hub.requests if HUB_ID in request}
        assert asked == {f"HEAD /{HUB_ID}/resolve/main/config.json"}
    else:
        assert hub.requests == []
    hub.requests.clear()
    assert client.download(revision, HF_HUB_OFFLINE="1") == complete(hub)
    assert hub.requests == []


def test_a_branch_that_moved(hub: Hub, client: Client) -> None:
    """Only who names the branch gets its new commit; the old one is still to be had."""
    old = client.download()
    hub.files["config.json"], hub.commit = b'{"new": 1}', "a" * 40
    assert client.download() == old
    new = client.download("main")
    assert (new["commit"], new["files"]["config.json"]) == ("a" * 40, b'{"new": 1}'.hex())
    assert client.download() == new
    assert client.download(old["commit"], HF_HUB_OFFLINE="1") == old


def test_a_named_branch_is_never_silently_an_old_one(hub: Hub, client: Client) -> None:
    client.download("main")
    answer = client.download("main", HF_ENDPOINT=UNREACHABLE)
    assert answer["type"] == "hub_failed"
    assert "'main'" in answer["message"]


def test_what_does_not_exist_is_remembered(hub: Hub, client: Client) -> None:
    arguments = ("download", HUB_ID, None, FILES, ["preprocessor_config.json"])
    assert client.call(*arguments) == complete(hub)
    hub.requests.clear()
    assert client.call(*arguments) == complete(hub)
    assert hub.requests == []


def test_a_cache_that_others_filled_in_part(hub: Hub, client: Client) -> None:
    """transformers fetches the weights alone: what it left out is not taken for missing."""
    arguments = ("download", HUB_ID, None, FILES, ["preprocessor_config.json"])
    hub.files["preprocessor_config.json"] = b'{"do_normalize": false}'
    client.download()
    refused = client.call(*arguments, HF_HUB_OFFLINE="1")
    assert refused["type"] == "hub_failed"
    assert "preprocessor_config.json" in refused["message"]
    assert "unset HF_HUB_OFFLINE" in refused["message"]
    assert set(client.call(*arguments)["files"]) == {*FILES, "preprocessor_config.json"}


def test_an_interrupted_download_is_completed_later(hub: Hub, client: Client) -> None:
    hub.cut_after = {WEIGHTS: 100_000}
    broken = client.download()
    assert broken["type"] == "hub_failed"
    assert WEIGHTS in broken["message"]
    assert "\n" not in broken["message"]
    still = client.download(HF_HUB_OFFLINE="1")
    assert still["type"] == "hub_failed"
    hub.cut_after = {}
    assert client.download() == complete(hub)


def test_a_killed_download_is_completed_later(hub: Hub, client: Client, tmp_path: Path) -> None:
    """The client is killed while it waits for the rest of the weights."""
    hub.cut_after, hub.stall = {WEIGHTS: 300_000}, True
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(["download", HUB_ID, None, FILES])],
        env={**os.environ, **client.environment},
    )
    assert hub.stalled.wait(timeout=60)
    process.kill()
    process.wait()
    hub.resume.set()
    hub.cut_after = {}
    assert client.download() == complete(hub)


PAGE = b"<html>Sign in to this network</html>"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (WEIGHTS, bytes(len(CONTENT[WEIGHTS]))),
        (WEIGHTS, CONTENT[WEIGHTS] + b"more"),
        (WEIGHTS, PAGE),
        ("config.json", b"[]"),
    ],
    ids=["same length", "longer", "web page", "small file"],
)
def test_wrong_content_does_not_stay_in_the_cache(
    hub: Hub, client: Client, name: str, content: bytes
) -> None:
    hub.damaged[name] = content
    broken = client.download()
    assert broken["type"] == "hub_failed"
    assert name in broken["message"]
    hub.damaged.clear()
    assert client.download() == complete(hub)


def test_a_cache_damaged_later_is_noticed(hub: Hub, client: Client, tmp_path: Path) -> None:
    client.download()
    [weights] = tmp_path.glob(f"hf/hub/models--*/snapshots/*/{WEIGHTS}")
    weights.write_bytes(b"\0" * len(CONTENT[WEIGHTS]))
    assert "try again" in client.download()["message"]
    assert client.download() == complete(hub)


GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."}


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ((401, {}, b"{}"), "HF_TOKEN"),
        ((401, {"X-Error-Code": "RepoNotFound"}, b"{}"), "HF_TOKEN"),
        ((403, GATED, b"{}"), "HF_TOKEN"),
        ((403, {}, b"{}"), "HF_TOKEN"),
        ((404, {"X-Error-Code": "RepoNotFound"}, b"{}"), "check the name"),
        ((404, {}, b"nginx"), "check the name"),
        ((404, {"X-Error-Code": "RevisionNotFound"}, b"{}"), "give a branch, a tag"),
        ((200, {"Content-Type": "text/html"}, PAGE), "check the name and the network"),
        ((302, {"Location": "/login"}, b""), "check the name and the network"),
    ],
)
def test_a_refusal_is_one_line(
    hub: Hub, client: Client, refusal: tuple[int, dict[str, str], bytes], message: str
) -> None:
    hub.refusal = refusal
    answer = client.download("main")
    assert answer["type"] == "hub_failed"
    assert answer["message"].startswith(f"the hub did not give {HUB_ID!r} at revision 'main'")
    assert message in answer["message"]
    assert "\n" not in answer["message"]
    hub.refusal = None
    assert client.download("main") == complete(hub)


def test_a_missing_file_and_a_missing_network(hub: Hub, client: Client) -> None:
    answer = client.download(None, "config.json", "audio_scaler.pkl")
    assert answer["message"].startswith(f"{HUB_ID!r} has no 'audio_scaler.pkl'")
    answer = client.call("download", "no/such", None, FILES, HF_ENDPOINT=UNREACHABLE)
    assert "check the name and the network" in answer["message"]


def test_the_token_travels(hub: Hub, client: Client) -> None:
    client.download(HF_TOKEN="hf_secret")
    assert hub.tokens == {"Bearer hf_secret"}


WEIGHTED = {"config.json", "preprocessor_config.json", WEIGHTS}
GRAPHS = {"onnx/model.onnx": b"graph", "onnx/model_quantized.onnx": b"int8"}


@pytest.mark.parametrize(
    ("files", "fetched"),
    [
        ({WEIGHTS: b"w", **GRAPHS, "pytorch_model.bin": b"p"}, {WEIGHTS}),
        (GRAPHS, {"onnx/model.onnx"}),
        ({"model.onnx": b"g", "model.onnx_data": b"d"}, {"model.onnx", "model.onnx_data"}),
        (
            {
                "model.safetensors.index.json": b'{"weight_map": {"a": "1.safetensors"}}',
                "1.safetensors": b"w",
                "adapter.fra.safetensors": b"a",
            },
            {"model.safetensors.index.json", "1.safetensors"},
        ),
    ],
    ids=["both", "onnx folder", "optimum folder", "shards"],
)
def test_only_what_is_needed_is_fetched(
    hub: Hub, client: Client, files: dict[str, bytes], fetched: set[str]
) -> None:
    hub.files = {"config.json": b"{}", "processor_config.json": b"{}", **files}
    answer = client.call("checkpoint", HUB_ID)
    assert set(answer["files"]) == {"config.json", "processor_config.json", *fetched}
    assert not any(f"{name}" in request for request in hub.requests
                   for name in ("quantized", "adapter", "pytorch_model"))  # fmt: skip
    hub.requests.clear()
    assert client.call("checkpoint", HUB_ID) == answer
    assert hub.requests == []


def test_a_repository_without_weights(hub: Hub, client: Client) -> None:
    hub.files = {"config.json": b"{}", "pytorch_model.bin": b"p"}
    answer = client.call("checkpoint", HUB_ID)
    assert answer["type"] == "encoder_invalid"
    assert "neither model.safetensors nor model.onnx" in answer["message"]
