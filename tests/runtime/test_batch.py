"""Batches: in order, as singles would be answered, failures beside, in flat memory."""

import io
import itertools
import json
import random
import subprocess
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from edge_detect import Detection, Detector, EdgeDetectError, Failure, Fetching
from edge_detect.audio import Source, load_audio
from edge_detect.errors import TruncatedAudio
from tests.conftest import FIXTURES, Waveform
from tests.runtime.site import Site, redirect, reply, serve

PROBABILITY_TOLERANCE = 1e-6


def load(tiny: Path, threads: int) -> Detector:
    fetching = Fetching(allow_hosts=("127.0.0.1",))
    return Detector.load(tiny, device="cpu", threads=threads, fetching=fetching)


@pytest.fixture(scope="module")
def detector(tiny: Path) -> Detector:
    return load(tiny, 1)


@pytest.fixture(scope="module", params=[1, 2, 3])
def any_detector(tiny: Path, request: pytest.FixtureRequest) -> Detector:
    """One after the other, or as many at a time as there are threads."""
    return load(tiny, request.param)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serve() as site:
        paths = sorted(FIXTURES.glob("*/*.opus"))
        site.answers = {f"/{n}": reply(path.read_bytes()) for n, path in enumerate(paths)}
        site.answers["/missing"] = reply(b"", status="404 Not Found")
        site.answers["/circle"] = redirect("/circle")
        yield site


def encoded(waveform: Waveform, rate: int, form: str) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format=form)
    return file.getvalue()


Draw = Callable[[random.Random, Waveform, Path, Site], Source]


def clip(rng: random.Random) -> Waveform:
    """Noise of a random length from 25 ms to 5 s."""
    generator = np.random.default_rng(rng.randrange(2**32))
    return generator.normal(0, 0.1, rng.randrange(400, 80_000)).astype(np.float32)


def a_fixture(rng: random.Random, speech: Waveform, folder: Path, site: Site) -> Source:
    return rng.choice(sorted(FIXTURES.glob("*/*.opus")))


def an_array(rng: random.Random, speech: Waveform, folder: Path, site: Site) -> Source:
    samples = clip(rng) * np.linspace(0.1, 1, rng.choice([1, 2, 6]))[:, np.newaxis]
    return samples.T.astype(rng.choice([np.float32, np.float64])), rng.choice([8_000, 16_000])


def some_bytes(rng: random.Random, speech: Waveform, folder: Path, site: Site) -> Source:
    return encoded(clip(rng), rng.choice([16_000, 44_100]), rng.choice(["WAV", "FLAC"]))


def a_damaged_file(rng: random.Random, speech: Waveform, folder: Path, site: Site) -> Source:
    path = folder / f"cut {rng.random()}.wav"
    path.write_bytes(encoded(speech, 16_000, "WAV")[: rng.randrange(5_000, 100_000)])
    return str(path)


def an_address(rng: random.Random, speech: Waveform, folder: Path, site: Site) -> Source:
    return site.url(f"/{rng.randrange(len(site.answers) - 2)}?n={rng.random()}")


def a_failure(rng: random.Random, speech: Waveform, folder: Path, site: Site) -> Source:
    failing: list[Source] = [
        b"", rng.randbytes(1000), str(folder), f"missing {rng.random()}.wav", "ftp://x.example/a",
        site.url("/missing"), site.url("/circle"), "http://10.0.0.1/a.wav",
        (np.zeros(rng.randrange(1, 20_000), np.float32), 16_000), (speech[:399], 16_000),
        (np.full(16_000, np.nan), 16_000), (np.zeros(121 * 1000), 1000),
    ]  # fmt: skip
    return rng.choice(failing)


DRAWS: list[Draw] = [a_fixture, an_array, some_bytes, a_damaged_file, an_address, a_failure]


def single(detector: Detector, source: Source) -> Detection | tuple[type[EdgeDetectError], str]:
    """The answer on one source by itself."""
    try:
        return detector.predict(source)
    except EdgeDetectError as error:
        return type(error), error.message


def assert_same(in_batch: Detection | Failure, alone: Any) -> None:
    """A batch gives what singles give."""
    if isinstance(in_batch, Failure):
        assert (type(in_batch.error), in_batch.error.message) == alone
        return
    assert in_batch.source == alone.source
    assert (in_batch.label, in_batch.duration_s) == (alone.label, alone.duration_s)
    assert list(in_batch.probabilities) == list(alone.probabilities)
    for label, probability in in_batch.probabilities.items():
        assert abs(probability - alone.probabilities[label]) <= PROBABILITY_TOLERANCE
    assert in_batch.spoof_probability is not None
    assert abs(in_batch.spoof_probability - alone.spoof_probability) <= PROBABILITY_TOLERANCE


@pytest.mark.filterwarnings("ignore::edge_detect.errors.TruncatedAudio")
@pytest.mark.parametrize("seed", range(10))
def test_a_batch_gives_what_singles_give(
    any_detector: Detector, speech: Waveform, tmp_path: Path, site: Site, seed: int
) -> None:
    rng = random.Random(seed)
    draws = [*DRAWS, *rng.choices(DRAWS, k=rng.randrange(12))]
    rng.shuffle(draws)
    sources = [draw(rng, speech, tmp_path, site) for draw in draws]
    alone: dict[int, Any] = {}
    for index in rng.sample(range(len(sources)), len(sources)):  # in another order
        alone[index] = single(any_detector, sources[index])
    in_batch = list(any_detector.predict_batch(iter(sources)))
    assert len(in_batch) == len(sources)
    for index, result in enumerate(in_batch):
        assert_same(result, alone[index])
    assert sum(isinstance(result, Failure) for result in in_batch) == draws.count(a_failure)


def test_a_batch_takes_a_source_only_when_its_answer_is_wanted(
    detector: Detector, speech_path: Path
) -> None:
    taken = []

    def sources() -> Iterator[Source]:
        for number in range(100):
            taken.append(number)
            yield speech_path if number % 2 else "no.wav"

    results = detector.predict_batch(sources())
    assert taken == []
    assert isinstance(next(results), Failure)
    assert taken == [0]
    assert isinstance(next(results), Detection)
    assert taken == [0, 1]


def test_an_empty_batch(any_detector: Detector) -> None:
    assert list(any_detector.predict_batch([])) == []
    assert list(any_detector.predict_batch(iter([]))) == []


def test_the_bits_of_a_batch_are_those_of_one_thread(tiny: Path, detector: Detector) -> None:
    paths = sorted(FIXTURES.glob("*/*.opus"))
    assert list(load(tiny, 2).predict_batch(paths)) == [detector.predict(path) for path in paths]


def test_warnings_reach_the_caller(any_detector: Detector, speech: Waveform) -> None:
    cut = encoded(speech, 16_000, "WAV")[:50_000]
    with pytest.warns(TruncatedAudio) as said:
        results = list(any_detector.predict_batch([cut] * 7))
    assert [type(result) for result in results] == [Detection] * 7
    assert len(said) == 7


def test_an_endless_batch_that_is_left(any_detector: Detector, speech_path: Path) -> None:
    results = any_detector.predict_batch(itertools.repeat(speech_path))
    assert isinstance(next(results), Detection)
    assert isinstance(next(results), Detection)
    del results
    assert not [t for t in threading.enumerate() if t.name.startswith("edge-detect")]


def test_a_failure_keeps_nothing_of_its_source(any_detector: Detector) -> None:
    silence = np.zeros(16_000, np.float32)
    content = np.random.default_rng(0).bytes(100_000)
    of_silence, of_content = any_detector.predict_batch([(silence, 16_000), content])
    for failure in (of_silence, of_content):
        assert isinstance(failure, Failure)
        error = failure.error
        assert (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)
    kept = weakref.ref(silence)
    del silence
    assert kept() is None


def test_a_warning_is_not_kept(containers: dict[str, Path]) -> None:
    cut = containers["wav"].read_bytes()[:50_000]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            load_audio(cut, 16_000)
    assert [warning.category for warning in caught] == [TruncatedAudio] * 2
    for name, module in list(sys.modules.items()):
        if name.startswith("edge_detect"):
            keys = getattr(module, "__warningregistry__", {})
            assert not [key for key in keys if key != "version" and TruncatedAudio in key]


MEMORY_SCRIPT = """
import sys, warnings
from pathlib import Path
import numpy as np
from edge_detect import Detection, Detector
from edge_detect.errors import TruncatedAudio

folder, tiny, threads = sys.argv[1:]
detector = Detector.load(tiny, device="cpu", threads=int(threads))
clip = Path(tiny, "golden", "clip_0.flac")
content = clip.read_bytes()
silence = np.zeros(100_000, np.float32)

def sources():
    for n in range(2_000):
        yield clip
        yield content
        yield f"{folder}/{n}.wav"
        yield f"{folder}/missing {n}.wav"
        yield (silence.copy(), 16_000)

def resident():
    [line] = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in x]
    return int(line.split()[1])

warnings.simplefilter("default", TruncatedAudio)
warnings.showwarning = lambda *args, **kwargs: None
failures = []
for number, result in enumerate(detector.predict_batch(sources()), 1):
    if not isinstance(result, Detection):
        failures.append(result)
    if number == 1_000:
        before = resident()
print(number, len(failures), resident() - before)
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_is_flat_over_ten_thousand_sources(
    tiny: Path, tmp_path: Path, speech: Waveform, threads: int
) -> None:
    cut = tmp_path / "0.wav"
    cut.write_bytes(encoded(speech, 16_000, "WAV")[:8_000])
    for number in range(1, 2_000):
        (tmp_path / f"{number}.wav").hardlink_to(cut)
    result = subprocess.run(
        [sys.executable, "-c", MEMORY_SCRIPT, tmp_path, tiny, str(threads)],
        capture_output=True,
        text=True,
    )
    assert result.stderr == ""
    answered, failed, grown_kb = map(int, result.stdout.split())
    assert (answered, failed) == (10_000, 4_000)
    # 3,600 of the failures came after the first figure: a kilobyte for each, and nothing else.
    assert grown_kb < 5_000


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_many_files_in_one_command(tiny: Path, tmp_path: Path, form: str) -> None:
    rng = random.Random(7)
    kinds = rng.choices(["good", "broken", "empty", "missing"], [6, 1, 1, 1], k=300)
    content = {
        "good": (tiny / "golden" / "clip_0.flac").read_bytes(),
        "broken": b"no audio" * 100,
        "empty": b"",
    }
    files = []
    for number, kind in enumerate(kinds):
        path = tmp_path / f"{rng.random()} {number}.flac"
        if kind in content:
            path.write_bytes(content[kind])
        files.append(str(path))
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "edge_detect", "--model", tiny, "--format", form,
         "--threads", "1", *files],
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 1
    if form == "json":
        results = json.loads(result.stdout)["results"]
    else:
        results = [json.loads(line) for line in result.stdout.splitlines()]
    assert [r["source"] for r in results] == files
    types = {"broken": "unsupported_audio", "empty": "empty_file", "missing": "file_not_found"}
    assert [r.get("error", {}).get("type") for r in results] == [types.get(k) for k in kinds]
    assert len({r["confidence"] for r in results if "error" not in r}) == 1
    assert len(result.stderr.splitlines()) == len(kinds) - kinds.count("good")
