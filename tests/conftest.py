"""Clips and containers for every test, made from the fixtures as they are needed."""

import io
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from edge_detect.manifest import format_manifest, read_manifest

DATA = Path(__file__).parent / "data"
FIXTURES = DATA / "fixtures"

Waveform = npt.NDArray[np.float32]


@pytest.fixture(scope="session")
def tiny() -> Path:
    """The committed model package of random weights."""
    return DATA / "tiny"


@pytest.fixture
def cutting(tiny: Path, tmp_path: Path) -> Path:
    """The tiny package, whose manifest says that silence is cut out."""
    folder = shutil.copytree(tiny, tmp_path / "cutting")
    manifest = replace(read_manifest(tiny), cuts_silence=True)
    (folder / "manifest.json").write_text(format_manifest(manifest), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def speech_path() -> Path:
    """A real human voice: 5.3 s, mono."""
    return FIXTURES / "real" / "librivox_en_austen.opus"


@pytest.fixture(scope="session")
def speech(speech_path: Path) -> Waveform:
    """The same, decoded: float32 (samples,) at 16 kHz."""
    waveform, rate = soundfile.read(speech_path, dtype="float32")
    assert rate == 16_000
    return waveform


def film(*tracks: Waveform) -> bytes:
    """A Matroska with an audio track for each 16 kHz clip."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        streams = [container.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in tracks]
        for stream, track in zip(streams, tracks, strict=True):
            pcm = np.rint(track * 32767).astype(np.int16)[np.newaxis]
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate = 16_000
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return file.getvalue()


def write_with_ffmpeg(
    path: Path,
    speech: Waveform,
    codec: str,
    *,
    rate: int = 48_000,
    layout: str = "mono",
    video: bool = False,
    start: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode 16 kHz speech with FFmpeg into the container that the path's ending names; its time
    stamps begin at `start` seconds."""
    with av.open(str(path), "w", options=options or {}) as container:
        audio = container.add_stream(codec, rate=rate, layout=layout)
        if video:
            add_black_second(container)
        resampler = av.AudioResampler(audio.codec_context.format, layout, rate)
        frame = av.AudioFrame.from_ndarray(
            np.rint(speech * 32767).astype(np.int16)[np.newaxis], format="s16", layout="mono"
        )
        frame.sample_rate = 16_000
        frame.pts = start * 16_000
        for resampled in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(audio.encode(resampled))
        container.mux(audio.encode(None))
    return path


def add_black_second(container: av.container.OutputContainer) -> None:
    """A video stream of one second."""
    stream = container.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
    for _ in range(25):
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


WRITERS: dict[str, Callable[[Path, Waveform], object]] = {
    "wav": lambda path, x: soundfile.write(path, x, 16_000),
    "flac": lambda path, x: soundfile.write(path, x, 16_000),
    "ogg": lambda path, x: soundfile.write(path, x, 16_000),
    "mp3": lambda path, x: soundfile.write(path, x, 16_000),
    "aiff": lambda path, x: soundfile.write(path, x, 16_000),
    "caf": lambda path, x: soundfile.write(path, x, 16_000),
    "opus": lambda path, x: soundfile.write(path, x, 16_000, format="OGG", subtype="OPUS"),
    "m4a": lambda path, x: write_with_ffmpeg(path, x, "aac"),
    "aac": lambda path, x: write_with_ffmpeg(path, x, "aac"),
    "webm": lambda path, x: write_with_ffmpeg(path, x, "libopus"),
    "mp4": lambda path, x: write_with_ffmpeg(path, x, "aac", layout="stereo", video=True),
}


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory, speech: Waveform) -> dict[str, Path]:
    """The same speech in every container, by its ending."""
    folder = tmp_path_factory.mktemp("containers")
    paths = {ending: folder / f"speech.{ending}" for ending in WRITERS}
    for ending, write in WRITERS.items():
        write(paths[ending], speech)
    return paths


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder without a word on standard error."""

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


def serve_folder(folder: Path) -> AbstractContextManager[str]:
    """Serve a folder's files over HTTP on loopback; gives the address."""
    return serve_requests(partial(QuietHandler, directory=str(folder)))


@contextmanager
def serve_requests(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer HTTP requests on loopback by a handler; yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
