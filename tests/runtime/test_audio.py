"""Every way a source can be good, odd or bad."""

import errno
import io
import math
import os
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_detect import errors
from edge_detect.audio import check_waveform, load_audio
from tests.conftest import FIXTURES, WRITERS, Waveform, write_with_ffmpeg
from tests.runtime.test_lengths import with_data_size

RATE = 16_000
LOSSLESS = {"wav", "flac", "aiff", "caf"}


def similarity(a: Waveform, b: Waveform) -> float:
    """Cosine of two waveforms at the best of small offsets: codecs pad and delay."""
    size = min(len(a), len(b)) - 4096
    spectrum = np.fft.rfft(a[:size], 2 * size).conj() * np.fft.rfft(b[:size], 2 * size)
    correlation = np.fft.irfft(spectrum)
    return float(correlation.max() / np.linalg.norm(a[:size]) / np.linalg.norm(b[:size]))


@pytest.mark.parametrize("ending", WRITERS)
def test_reads_every_container(containers: dict[str, Path], speech: Waveform, ending: str) -> None:
    waveform = load_audio(containers[ending], RATE)
    assert waveform.dtype == np.float32
    assert len(waveform) == pytest.approx(len(speech), abs=0.06 * RATE)
    if ending in LOSSLESS:
        np.testing.assert_allclose(waveform, speech, atol=1 / 32768)
    else:
        assert similarity(waveform, speech) > 0.98


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/*.opus")), ids=lambda path: path.stem)
def test_reads_every_fixture(path: Path) -> None:
    assert 2 < len(load_audio(path, RATE)) / RATE < 8


def test_bytes_and_path_give_the_same(containers: dict[str, Path]) -> None:
    for path in (containers["wav"], containers["m4a"]):
        np.testing.assert_array_equal(load_audio(path.read_bytes(), RATE), load_audio(path, RATE))


def test_array_and_file_give_the_same(speech: Waveform, tmp_path: Path) -> None:
    stereo = np.stack([speech, 0.5 * speech], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 44_100, subtype="FLOAT")
    np.testing.assert_array_equal(
        load_audio((stereo, 44_100), RATE), load_audio(tmp_path / "a.wav", RATE)
    )


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float64])
def test_array_dtypes_are_scaled(speech: Waveform, dtype: type) -> None:
    peak = -float(np.iinfo(dtype).min) if np.issubdtype(dtype, np.integer) else 1.0
    waveform = load_audio(((speech * peak).astype(dtype), RATE), RATE)
    np.testing.assert_allclose(waveform, speech, atol=1 / 32768)


def test_channels_are_averaged(speech: Waveform, tmp_path: Path) -> None:
    gains = np.linspace(0.1, 0.8, 8, dtype=np.float32)
    soundfile.write(tmp_path / "8.wav", speech[:, np.newaxis] * gains, RATE, subtype="FLOAT")
    waveform = load_audio(tmp_path / "8.wav", RATE)
    np.testing.assert_allclose(waveform, speech * gains.mean(), atol=1e-6)


@pytest.mark.parametrize("rest", [0, 0.05])
def test_channels_that_cancel_out_are_not_judged_by_what_is_left(
    speech: Waveform, tmp_path: Path, rest: float
) -> None:
    decoy = rest * speech[::-1]
    stereo = np.stack([speech + decoy, -speech + decoy], axis=1) / 2
    soundfile.write(tmp_path / "a.wav", stereo, RATE)
    by_ffmpeg = with_data_size((tmp_path / "a.wav").read_bytes(), 0)
    for source in ((stereo, RATE), tmp_path / "a.wav", by_ffmpeg):
        with pytest.raises(errors.ChannelsCancel, match="give one channel alone"):
            load_audio(source, RATE)


@pytest.mark.parametrize("channels", [2, 8])
def test_one_channel_among_silent_ones_is_heard(speech: Waveform, channels: int) -> None:
    waveform = np.zeros((len(speech), channels), np.float32)
    waveform[:, -1] = speech
    np.testing.assert_allclose(load_audio((waveform, RATE), RATE), speech / channels, atol=1e-6)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_sample_formats(speech: Waveform, tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", speech, RATE, subtype=subtype)
    tolerance = {"PCM_U8": 1 / 64, "ULAW": 1 / 16}.get(subtype, 1e-6)
    np.testing.assert_allclose(load_audio(tmp_path / "a.wav", RATE), speech, atol=tolerance)


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 44_100, 192_000])
def test_sample_rates(tmp_path: Path, rate: int) -> None:
    seconds = 1.5
    moments = np.arange(round(seconds * rate)) / rate  # librosa rounds the new length up
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * moments), rate)
    waveform = load_audio(tmp_path / "a.wav", RATE)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(waveform)) / RATE)
    assert len(waveform) == math.ceil(len(moments) * RATE / rate)
    inner = slice(RATE // 10, -RATE // 10)  # the resampler's filter rings at both ends
    np.testing.assert_allclose(waveform[inner], expected[inner], atol=1e-3)


@pytest.mark.parametrize("name", ["two words.wav", "голос 声 🎙.wav", "-dash.wav", "no_ending"])
def test_any_file_name(containers: dict[str, Path], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(containers["wav"].read_bytes())
    assert len(load_audio(path, RATE)) > RATE


def test_a_file_name_that_is_no_utf8(containers: dict[str, Path], tmp_path: Path) -> None:
    path = os.fsdecode(bytes(tmp_path) + b"/caf\xe9.m4a")
    Path(path).write_bytes(containers["m4a"].read_bytes())
    assert len(load_audio(path, RATE)) > RATE


TRUNCATED = ["wav", "aiff", "flac", "ogg", "opus", "mp3", "aac", "caf", "webm"]


@pytest.mark.parametrize("ending", TRUNCATED)
def test_a_truncated_file_is_read_as_far_as_it_goes(
    containers: dict[str, Path], tmp_path: Path, speech: Waveform, ending: str
) -> None:
    content = containers[ending].read_bytes()
    path = tmp_path / f"cut.{ending}"
    path.write_bytes(content[: len(content) * 6 // 10])
    with pytest.warns(errors.TruncatedAudio, match="damaged or cut off"):
        waveform = load_audio(path, RATE)
    assert 0.4 * len(speech) < len(waveform) < 0.7 * len(speech)


def test_a_truncated_file_that_the_container_gives_up(tmp_path: Path, speech: Waveform) -> None:
    content = write_with_ffmpeg(tmp_path / "a.wv", speech, "wavpack").read_bytes()
    with pytest.warns(errors.TruncatedAudio, match="damaged or cut off"):
        waveform = load_audio(content[: len(content) * 6 // 10], RATE)
    assert 0.4 * len(speech) < len(waveform) < 0.7 * len(speech)


@pytest.mark.parametrize("size", [300, 3_000])
@pytest.mark.parametrize("ending", ["mp3", "flac"])
def test_broken_frames_amid_a_file_are_passed_over(
    tmp_path: Path, speech: Waveform, ending: str, size: int
) -> None:
    path = tmp_path / f"broken.{ending}"
    long = np.resize(speech, 20 * RATE)
    soundfile.write(path, long, RATE)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + size] = bytes(size)
    path.write_bytes(content)
    with pytest.warns(errors.TruncatedAudio, match=r"that could be read, \d\.\d\d s are missing"):
        waveform = load_audio(path, RATE)
    assert 0.9 < len(waveform) / len(long) < 1
    # What stands behind the break is the recording's end.
    around = np.correlate(long[-6 * RATE :], waveform[-5 * RATE : -RATE], "valid")
    assert around.max() > 0.9 * np.square(waveform[-5 * RATE : -RATE]).sum()


def test_a_flac_whose_first_frame_is_broken_is_read_from_the_second_on(
    tmp_path: Path, speech: Waveform
) -> None:
    soundfile.write(tmp_path / "a.flac", speech, RATE)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[1_000:1_100] = bytes(100)
    with pytest.warns(errors.TruncatedAudio, match="damaged or cut off"):
        waveform = load_audio(bytes(content), RATE)
    np.testing.assert_allclose(waveform, speech[-len(waveform) :], atol=1 / 32768)
    assert len(waveform) > 0.8 * len(speech)


@pytest.mark.parametrize("ending", ["m4a", "aac"])
@pytest.mark.parametrize("value", [0x00, 0xFF])
def test_broken_packets_amid_aac_are_passed_over(
    tmp_path: Path, speech: Waveform, ending: str, value: int
) -> None:
    long = np.resize(speech, 20 * RATE)
    content = bytearray(write_with_ffmpeg(tmp_path / f"a.{ending}", long, "aac").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2_000] = bytes([value]) * 2_000
    with pytest.warns(errors.TruncatedAudio, match="damaged or cut off"):
        waveform = load_audio(bytes(content), RATE)
    assert 0.9 < len(waveform) / len(long) < 1.01


def test_a_stream_that_comes_later_is_passed_over(tmp_path: Path, speech: Waveform) -> None:
    long = np.resize(speech, 20 * RATE)
    path = write_with_ffmpeg(tmp_path / "a.flv", long, "aac", rate=44_100)
    content = bytearray(path.read_bytes())
    tags, tag = [], 13  # behind the header
    while tag < len(content):
        tags.append(tag)
        tag += 15 + int.from_bytes(content[tag + 1 : tag + 4], "big")
    for tag in tags[len(tags) // 2 : len(tags) // 2 + 3]:
        assert content[tag] == 8, "audio"
        content[tag] = 9  # video, of which the header says nothing
    with pytest.warns(errors.TruncatedAudio, match="damaged or cut off"):
        waveform = load_audio(bytes(content), RATE)
    assert 0.98 < len(waveform) / len(long) < 1


@pytest.mark.parametrize(
    ("ending", "codec", "layout"),
    [("m4a", "aac", "5.1"), ("m4a", "aac", "7.1"), ("mka", "libopus", "7.1"),
     ("mka", "pcm_s16le", "hexadecagonal")],
)  # fmt: skip
def test_surround_sound_is_read(
    tmp_path: Path, speech: Waveform, ending: str, codec: str, layout: str
) -> None:
    path = write_with_ffmpeg(tmp_path / f"a.{ending}", speech, codec, layout=layout)
    waveform = load_audio(path, RATE)
    assert len(waveform) == pytest.approx(len(speech), abs=0.06 * RATE)
    assert similarity(waveform, speech) > 0.98


def test_a_truncated_m4a_with_its_index_in_front(tmp_path: Path, speech: Waveform) -> None:
    path = write_with_ffmpeg(tmp_path / "a.m4a", speech, "aac", options={"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    with pytest.warns(errors.TruncatedAudio):
        assert len(load_audio(path, RATE)) > 0.4 * len(speech)


def test_a_truncated_m4a_without_index_says_so(containers: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes(containers["m4a"].read_bytes()[:20_000])
    with pytest.raises(errors.UnsupportedAudio, match=r"a\.m4a"):
        load_audio(path, RATE)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(errors.FileNotFound, match=r"no\.wav"):
        load_audio(tmp_path / "no.wav", RATE)


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(errors.NotAFile, match="folder"):
        load_audio(tmp_path, RATE)


def test_named_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(errors.NotAFile, match="regular"):
        load_audio(tmp_path / "pipe.wav", RATE)


def test_path_with_a_null_byte() -> None:
    with pytest.raises(errors.FileUnreadable):
        load_audio("a\0b.wav", RATE)


@pytest.mark.parametrize("source", [b"", "empty.wav"])
def test_empty(tmp_path: Path, source: str | bytes) -> None:
    if isinstance(source, str):
        (tmp_path / source).touch()
        source = str(tmp_path / source)
    with pytest.raises(errors.EmptyFile, match="zero bytes"):
        load_audio(source, RATE)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "a.txt"])
def test_text_is_no_audio(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("This is no audio.\n" * 1000)
    with pytest.raises(errors.UnsupportedAudio, match="convert it"):
        load_audio(tmp_path / name, RATE)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [100, 200_000])
def test_random_bytes_are_no_audio(tmp_path: Path, seed: int, size: int) -> None:
    path = tmp_path / "random.mp3"
    path.write_bytes(np.random.default_rng(seed).bytes(size))
    with pytest.raises(errors.UnsupportedAudio):
        load_audio(path, RATE)


def test_a_codec_that_nobody_can_decode(containers: dict[str, Path]) -> None:
    content = bytearray(containers["wav"].read_bytes())
    content[20:22] = b"\xfe\x12"  # the format tag
    with pytest.raises(errors.UnsupportedAudio, match="can't decode"):
        load_audio(bytes(content), RATE)


def test_decoders_print_nothing(
    containers: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    # Without its samples, libsndfile looks for them before the start.
    content = containers["aiff"].read_bytes().replace(b"SSND", b"none")
    with pytest.raises(errors.NoSamples):
        load_audio(content, RATE)
    assert capfd.readouterr() == ("", "")


class FailingFile(io.BytesIO):
    """Can't be read from so many bytes on, as on a disk that fails."""

    def __init__(self, content: bytes, readable: int) -> None:
        super().__init__(content)
        self.readable_bytes = readable

    def read(self, size: int | None = -1) -> bytes:
        """Raise where a disk would."""
        content = super().read(size)
        if self.tell() > self.readable_bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return content


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "opus", "aac", "m4a", "webm"])
def test_a_file_that_fails_while_it_is_read(
    containers: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    ending: str,
    share: float,
) -> None:
    content = containers[ending].read_bytes()
    failing = FailingFile(content, int(share * len(content)))
    monkeypatch.setattr(Path, "open", lambda path, mode: failing)
    with pytest.raises(errors.FileUnreadable, match=rf"speech\.{ending}': Input/output error; "):
        load_audio(containers[ending], RATE)
    assert capfd.readouterr() == ("", "")


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:5,\n{}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile {}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={}\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=audio 5004 RTP/AVP 0\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_file_never_makes_another_be_opened(containers: dict[str, Path], kind: str) -> None:
    playlist = PLAYLISTS[kind].format(containers["aac"])
    started = time.monotonic()
    with pytest.raises(errors.UnsupportedAudio):
        load_audio(playlist.encode(), RATE)
    assert time.monotonic() - started < 2  # FFmpeg listens for 10 s on what an SDP names


def test_a_video_without_sound(tmp_path: Path) -> None:
    import av

    from tests.conftest import add_black_second

    with av.open(str(tmp_path / "mute.mp4"), "w") as container:
        add_black_second(container)
    with pytest.raises(errors.UnsupportedAudio, match="no audio stream"):
        load_audio(tmp_path / "mute.mp4", RATE)


def test_no_samples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), RATE)
    with pytest.raises(errors.NoSamples):
        load_audio(tmp_path / "a.wav", RATE)
    with pytest.raises(errors.NoSamples):
        load_audio((np.zeros((0, 2), np.float32), RATE), RATE)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(tmp_path: Path, speech: Waveform, value: float) -> None:
    broken = speech.copy()
    broken[1000] = value
    soundfile.write(tmp_path / "a.wav", broken, RATE, subtype="FLOAT")
    with pytest.raises(errors.NotFinite):
        load_audio(tmp_path / "a.wav", RATE)


def test_too_long() -> None:
    with pytest.raises(errors.TooLong, match="120 s"):
        load_audio((np.zeros(301 * 1000, np.float32), 1000), RATE)


@pytest.mark.parametrize("rate", [0, 999, 10_000_000])
def test_a_sample_rate_that_no_recording_has(tmp_path: Path, rate: int) -> None:
    with pytest.raises(errors.UnsupportedAudio, match="sample rate"):
        load_audio((np.zeros(16_000, np.float32), rate), RATE)
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16,
        b"data", 3200,
    )  # fmt: skip
    with pytest.raises(errors.UnsupportedAudio):
        load_audio(header + bytes(3200), RATE)


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros((2, 16_000), np.float32),
        np.zeros((2, 2, 2), np.float32),
        np.zeros(16_000, np.uint8),
        np.zeros(16_000, np.complex64),
        np.array(["a", "b"]),
    ],
    ids=["channels first", "3 axes", "unsigned", "complex", "text"],
)
def test_an_array_that_is_no_waveform(waveform: np.ndarray) -> None:
    with pytest.raises(errors.UnsupportedAudio, match="the waveform has"):
        load_audio((waveform, RATE), RATE)


def test_shorter_than_the_receptive_field(speech: Waveform) -> None:
    clip = speech[10_000:10_400]
    check_waveform(clip, RATE, 400, "a")
    with pytest.raises(errors.TooShort, match="399 samples"):
        check_waveform(clip[:399], RATE, 400, "a")


@pytest.mark.parametrize("kind", ["zeros", "offset", "dither"])
def test_silence(kind: str) -> None:
    dither = np.random.default_rng(0).uniform(-1, 1, RATE) / 32768
    waveform = {"zeros": np.zeros(RATE), "offset": np.full(RATE, 0.25), "dither": dither}[kind]
    with pytest.raises(errors.NoSpeech, match="silent"):
        check_waveform(waveform.astype(np.float32), RATE, 400, "a")


def test_one_word_in_silence_is_no_silence(speech: Waveform) -> None:
    waveform = np.zeros(10 * RATE, np.float32)
    waveform[50_000:54_000] = 0.01 * speech[20_000:24_000]
    check_waveform(waveform, RATE, 400, "a")
