"""Long recordings: their windows, the scores of these, and what is made of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_detect import Detector, Failure, errors
from edge_detect.audio import decoded_pieces, load_audio
from edge_detect.decoded import Decoded
from edge_detect.detection import NO_SPEECH, Detection, Segment, Window
from edge_detect.timeline import clock, draw_bar, merge, timeline_of
from edge_detect.windowing import Windowing
from edge_detect.windows import excerpts, resampled
from tests.conftest import Waveform

RATE = 16_000
WINDOWS = Windowing(mode="windows")


@pytest.fixture(scope="module")
def long(speech: Waveform) -> Waveform:
    """37 s of speech with 6 s of digital silence in it, from 10 s on."""
    repeated = np.resize(speech, 37 * RATE).copy()
    repeated[10 * RATE : 16 * RATE] = 0
    return repeated


def in_blocks(waveform: Waveform, size: int) -> Iterator[Waveform]:
    for start in range(0, len(waveform), size):
        yield waveform[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
@pytest.mark.parametrize(
    ("samples", "window", "hop", "starts"),
    [
        (100, 40, 20, [0, 20, 40, 60]),
        (101, 40, 20, [0, 20, 40, 60, 61]),
        (100, 40, 40, [0, 40, 60]),
        (40, 40, 20, [0]),
        (41, 40, 1, [0, 1]),
        (39, 40, 20, [0]),
    ],
)
def test_excerpts(size: int, samples: int, window: int, hop: int, starts: list[int]) -> None:
    waveform = np.arange(samples, dtype=np.float32)
    found = list(excerpts(in_blocks(waveform, size), window, hop))
    assert [each.start for each in found] == starts
    for each in found:
        np.testing.assert_array_equal(each.waveform, waveform[each.start : each.start + window])


def test_nothing_has_no_excerpts() -> None:
    assert list(excerpts([], 4, 2)) == []


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_stream_is_resampled_as_a_whole_clip(rate: int, speech: Waveform) -> None:
    source = (np.resize(speech, 3 * rate), rate)
    pieces = [Decoded(block, rate, True) for block in in_blocks(source[0], 4096)]
    streamed = np.concatenate(list(resampled(pieces, RATE)))
    whole = load_audio(source, RATE)
    assert abs(len(streamed) - len(whole)) <= 2
    common = min(len(streamed), len(whole))
    np.testing.assert_allclose(streamed[:common], whole[:common], atol=1e-5)


def test_a_window_scores_as_its_samples_do(tiny: Path, long: Waveform) -> None:
    windowed = Detector.load(tiny, device="cpu", threads=2, windowing=WINDOWS)
    single = Detector.load(tiny, device="cpu", threads=1)
    detection = windowed.predict((long, RATE))
    assert detection.mode == "windows"
    assert detection.duration_s == 37
    assert [(w.start_s, w.end_s) for w in detection.windows[-2:]] == [(32, 36), (33, 37)]
    assert [w.start_s for w in detection.windows] == [*range(0, 34, 2), 33]
    for window in detection.windows:
        samples = long[int(window.start_s * RATE) : int(window.end_s * RATE)]
        if window.state == NO_SPEECH:
            assert not samples.any()
            assert window.spoof_probability is None
        else:
            expected = single.predict((samples, RATE))
            assert window.spoof_probability == pytest.approx(expected.spoof_probability, abs=1e-6)
            assert window.state == expected.label
    assert [w.start_s for w in detection.windows if w.state == NO_SPEECH] == [10, 12]


def test_a_file_is_the_mean_of_its_windows_or_of_the_most_suspicious(
    tiny: Path, long: Waveform
) -> None:
    detection = Detector.load(tiny, device="cpu", windowing=WINDOWS).predict((long, RATE))
    scores = sorted(w.spoof_probability for w in detection.windows if w.spoof_probability)
    assert len(scores) == len(detection.windows) - 2
    assert detection.spoof_probability == pytest.approx(np.mean(scores), abs=1e-6)
    by_three = Windowing(mode="windows", top_k=3)
    suspicious = Detector.load(tiny, device="cpu", windowing=by_three).predict((long, RATE))
    assert suspicious.spoof_probability == pytest.approx(np.mean(scores[-3:]), abs=1e-6)
    assert suspicious.windows == detection.windows


def test_the_length_decides_unless_the_caller_does(tiny: Path, long: Waveform) -> None:
    by_length = Detector.load(tiny, device="cpu", windowing=Windowing())
    assert by_length.predict((long[: 30 * RATE], RATE)).mode == "whole"
    assert by_length.predict((long[: 30 * RATE + 1], RATE)).mode == "windows"
    as_trained = Detector.load(tiny, device="cpu")
    assert as_trained.predict((np.resize(long, 120 * RATE), RATE)).mode == "whole"
    assert as_trained.predict((np.resize(long, 121 * RATE), RATE)).mode == "windows"
    whole = Detector.load(tiny, device="cpu", windowing=Windowing(mode="whole"))
    assert whole.predict((long, RATE)).mode == "whole"
    with pytest.raises(errors.TooLong, match="judge it in windows or cut it"):
        whole.predict((np.resize(long, 121 * RATE), RATE))
    short = Detector.load(tiny, device="cpu", windowing=WINDOWS).predict((long[: 3 * RATE], RATE))
    assert [(w.start_s, w.end_s) for w in short.windows] == [(0, 3)]


def test_a_batch_gives_what_single_files_give(tiny: Path, long: Waveform) -> None:
    detector = Detector.load(tiny, device="cpu", threads=2, windowing=WINDOWS)
    alone = detector.predict((long, RATE))
    for result in detector.predict_batch([(long, RATE)] * 3):
        assert isinstance(result, Detection)
        assert [w.state for w in result.windows] == [w.state for w in alone.windows]
        assert result.spoof_probability == pytest.approx(alone.spoof_probability, abs=1e-6)


def test_silence_from_end_to_end(tiny: Path) -> None:
    detector = Detector.load(tiny, device="cpu", windowing=Windowing())
    with pytest.raises(errors.NoSpeech, match="none of its 19 windows is louder than -70 dBFS"):
        detector.predict((np.zeros(40 * RATE, np.float32), RATE))


def test_too_little_sound(tiny: Path, long: Waveform) -> None:
    wanted = Windowing(min_speech_seconds=36)
    detector = Detector.load(tiny, device="cpu", windowing=wanted)
    with pytest.raises(errors.NoSpeech, match="louder than -70 dBFS, less than the 36 s asked"):
        detector.predict((long, RATE))
    with pytest.raises(errors.NoSpeech, match="less than the 36 s asked"):
        detector.predict((long[: 5 * RATE], RATE))


def test_a_window_below_the_receptive_field(tiny: Path, long: Waveform) -> None:
    windowing = Windowing(mode="windows", window_seconds=0.01, hop_seconds=0.01)
    with pytest.raises(errors.TooShort, match="'the window' has 160 samples"):
        Detector.load(tiny, device="cpu", windowing=windowing).predict((long, RATE))


def test_a_failure_passes_through_a_batch(tiny: Path, long: Waveform) -> None:
    failure = Failure("folder", errors.FileUnreadable("can't"))
    detector = Detector.load(tiny, device="cpu", threads=2)
    results = list(detector.predict_batch([(long, RATE), failure, failure]))
    assert results[1:] == [failure, failure]


def test_a_threshold_of_the_callers_own(tiny: Path, long: Waveform) -> None:
    own = Detector.load(tiny, device="cpu").predict((long[:RATE], RATE)).spoof_probability
    assert own is not None
    for threshold, verdict in ((own - 0.01, "spoof"), (own + 0.01, "bonafide")):
        detector = Detector.load(tiny, device="cpu", threshold=threshold)
        assert detector.predict((long[:RATE], RATE)).verdict == verdict


def test_the_file_is_closed_and_read_once(tiny: Path, tmp_path: Path, long: Waveform) -> None:
    soundfile.write(tmp_path / "long.flac", long, RATE)
    blocks = [piece.samples for piece in decoded_pieces(tmp_path / "long.flac")]
    assert max(map(len, blocks)) <= 4096
    assert sum(map(len, blocks)) == len(long)
    detector = Detector.load(tiny, device="cpu", windowing=Windowing())
    from_file = detector.predict(tmp_path / "long.flac")
    from_array = detector.predict((long, RATE))
    assert from_file.mode == "windows"
    assert from_file.spoof_probability == pytest.approx(from_array.spoof_probability, abs=1e-3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hop_seconds": 5}, "the hop is 5 s"),
        ({"hop_seconds": 0}, "the hop is 0 s"),
        ({"top_k": 0}, "top-k is 0"),
        ({"whole_seconds": 121}, "is 121 s; give at most 120 s"),
    ],
)
def test_windows_that_make_no_sense(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Windowing(**wrong)  # type: ignore[arg-type]


def window(start: float, state: str, score: float | None = None) -> Window:
    return Window(start, start + 4, state, score)


MIXED = [
    window(0, "bonafide", 0.1),
    window(2, "bonafide", 0.3),
    window(4, "spoof", 0.9),
    window(6, NO_SPEECH),
    window(7, "spoof", 0.8),
]


def test_windows_are_merged_halfway_through_what_they_share() -> None:
    assert merge(MIXED) == (
        Segment(0, 5, "bonafide", 0.2),
        Segment(5, 7, "spoof", 0.9),
        Segment(7, 8.5, NO_SPEECH, None),
        Segment(8.5, 11, "spoof", 0.8),
    )


def test_the_bar_hides_no_spoof() -> None:
    assert draw_bar(merge(MIXED), 11) == "·····██ ███"
    assert draw_bar(merge(MIXED), 2) == "██"
    assert draw_bar((Segment(0, 1, "class_3", None),), 3) == "ccc"


def test_the_timeline_names_times_and_scores() -> None:
    assert clock(59.6) == "1:00"
    assert clock(3_725) == "1:02:05"


def test_a_clip_that_was_judged_whole_is_one_segment(tiny: Path, speech_path: Path) -> None:
    detection = Detector.load(tiny, device="cpu").predict(speech_path)
    name, bar, segment = timeline_of(detection, 20)
    assert name == str(speech_path)
    assert len(set(bar)) == 1
    assert segment.startswith(f"  0:00-0:05  {detection.label} (")
