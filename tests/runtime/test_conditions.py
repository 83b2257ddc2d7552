"""What a clip is heard through keeps its place, its length and what the condition lets pass."""

import numpy as np
import pytest
import soundfile

from edge_detect.conditions import (
    CONDITIONS,
    GSM,
    Condition,
    check_conditions,
    choose_conditions,
)
from edge_detect.errors import ConditionUnavailable
from tests.conftest import Waveform

RATE = 16_000
BY_NAME = {condition.name: condition for condition in CONDITIONS}
CODECS = [condition for condition in CONDITIONS if condition.kind == "codec"]
BANDS = {"band-3.4k": 3400, "band-4k": 4000, "band-5.5k": 5500}
MAX_LAG = 400


def hear(name: str, waveform: Waveform, rate: int = RATE) -> Waveform:
    heard = BY_NAME[name].hear(waveform, rate)
    assert heard is not None
    assert heard.dtype == np.float32
    return heard


def lag(heard: Waveform, original: Waveform) -> int:
    """By how many samples a clip is late, from the peak of the cross-correlation."""
    size = min(len(heard), len(original)) - 2 * MAX_LAG
    middle = original[MAX_LAG : MAX_LAG + size]
    lags = range(-MAX_LAG, MAX_LAG + 1)
    return max(lags, key=lambda n: float(middle @ heard[MAX_LAG + n : MAX_LAG + n + size]))


def energy(waveform: Waveform, low: float, high: float) -> float:
    """What lies between two frequencies in Hz."""
    power = np.abs(np.fft.rfft(waveform)) ** 2
    frequencies = np.fft.rfftfreq(len(waveform), 1 / RATE)
    return float(power[(frequencies >= low) & (frequencies < high)].sum())


@pytest.mark.parametrize("condition", CODECS, ids=lambda condition: condition.name)
def test_a_codec_keeps_place_and_length(condition: Condition, speech: Waveform) -> None:
    heard = hear(condition.name, speech)
    assert len(speech) - 1 <= len(heard) <= len(speech)
    assert abs(lag(heard, speech)) <= 1
    size = len(heard)
    cosine = heard @ speech[:size] / np.linalg.norm(heard) / np.linalg.norm(speech[:size])
    assert 0.9 < cosine < 0.99999  # the same speech, and not the same samples


def test_every_codec_of_another_rate(speech: Waveform) -> None:
    for condition in CODECS:
        heard = hear(condition.name, speech, 22_050)
        assert len(speech) - 2 <= len(heard) <= len(speech)
        assert abs(lag(heard, speech)) <= 2


def test_a_room_answers_as_loudly_as_the_voice(speech: Waveform) -> None:
    click = np.zeros(RATE, np.float32)
    click[100] = 1
    heard = hear("room", click)
    assert np.abs(heard[:100]).max() < 1e-6
    assert heard[100] == pytest.approx(1, abs=0.1)
    walls = heard[101:].astype(np.float64) ** 2
    assert walls.sum() == pytest.approx(1, abs=0.05)
    # 60 dB in half a second: 12 dB in a tenth.
    first, second = walls[: RATE // 10].sum(), walls[RATE // 10 : RATE // 5].sum()
    assert 10 * np.log10(first / second) == pytest.approx(12, abs=1)
    assert walls[RATE // 2 :].max() < 1e-6
    assert len(hear("room", speech)) == len(speech)


@pytest.mark.parametrize(("name", "below"), [("noise-20db", 20), ("noise-10db", 10)])
def test_noise_is_pink_and_so_far_below(name: str, below: float, speech: Waveform) -> None:
    heard = hear(name, speech)
    noise = heard - speech
    powers = [float(np.square(part, dtype=np.float64).mean()) for part in (speech, noise)]
    assert 10 * np.log10(powers[0] / powers[1]) == pytest.approx(below, abs=0.01)
    octaves = [energy(noise, low, 2 * low) for low in (100, 400, 1600)]
    assert octaves == pytest.approx([octaves[0]] * 3, rel=0.15)  # pink: as much in each
    np.testing.assert_array_equal(hear(name, speech), heard)
    other = hear(name, speech[:-1]) - speech[:-1]
    assert abs(np.corrcoef(other[:RATE], noise[:RATE])[0, 1]) < 0.1


@pytest.mark.parametrize("name", ["room", "noise-10db"])
def test_digital_silence_stays_silent(name: str) -> None:
    assert not hear(name, np.zeros(RATE, np.float32)).any()


def test_silence_is_before_and_behind(speech: Waveform) -> None:
    before, heard, behind = np.split(hear("silence", speech), 3)
    np.testing.assert_array_equal(heard, speech)
    assert not before.any()
    assert not behind.any()


@pytest.mark.parametrize(("name", "cutoff"), BANDS.items())
def test_a_band_ends_at_its_cutoff(name: str, cutoff: float) -> None:
    noise = np.random.default_rng(1).standard_normal(4 * RATE).astype(np.float32)
    heard = hear(name, noise)
    assert len(heard) == len(noise)
    assert energy(heard, cutoff, 8000) < 1e-4 * energy(noise, cutoff, 8000)
    kept = energy(heard, 0, 0.9 * cutoff) / energy(noise, 0, 0.9 * cutoff)
    assert kept == pytest.approx(1, abs=0.01)


def test_a_low_cut_takes_the_bass(speech: Waveform) -> None:
    click = np.zeros(RATE, np.float32)
    click[RATE // 2] = 1
    levels = np.abs(np.fft.rfft(hear("low-cut", click)))  # by Hz
    for hz in (10, 25, 50, 100, 200, 1000):
        power = (hz / 100) ** 4  # of a Butterworth filter of order 2
        assert levels[hz] ** 2 == pytest.approx(power / (1 + power), rel=0.01)
    heard = hear("low-cut", speech)
    assert len(heard) == len(speech)
    assert energy(heard, 1000, 8000) == pytest.approx(energy(speech, 1000, 8000), rel=0.01)


def test_an_all_pass_turns_phases_and_nothing_else(speech: Waveform) -> None:
    heard = hear("all-pass", speech)
    assert len(heard) == len(speech)
    levels = np.abs(np.fft.rfft(speech))
    assert np.abs(np.fft.rfft(heard)) == pytest.approx(levels, abs=0.01 * float(levels.max()))
    times = np.arange(RATE) / RATE
    for hz, turned in ((30, 1), (300, -1), (6000, 1)):  # half a turn at the corner
        tone = np.sin(2 * np.pi * hz * times).astype(np.float32)
        middle = slice(RATE // 4, 3 * RATE // 4)
        cosine = np.mean(hear("all-pass", tone)[middle] * tone[middle]) / np.mean(tone[middle] ** 2)
        assert cosine == pytest.approx(turned, abs=0.05)


def test_gsm_has_no_more_than_the_telephone_band(speech: Waveform) -> None:
    assert energy(hear("gsm", speech), 4200, 8000) < 1e-3 * energy(speech, 4200, 8000)


def test_what_changes_nothing_is_the_same_array(speech: Waveform) -> None:
    assert hear("full", speech) is speech
    assert hear("band-8k", speech) is speech  # the whole band at 16 kHz
    assert hear("4s", speech[: 4 * RATE]).base is speech


def test_the_first_seconds(speech: Waveform) -> None:
    assert np.array_equal(hear("2s", speech), speech[: 2 * RATE])
    assert BY_NAME["8s"].hear(speech, RATE) is None  # 5.3 s are too short to have 8


def test_a_clip_louder_than_full_scale_is_clipped_not_wrapped(speech: Waveform) -> None:
    loud = 3 * speech / np.abs(speech).max()
    for condition in CODECS:
        heard = hear(condition.name, loud)
        clipped = np.clip(loud[: len(heard)], -1, 1)
        assert heard @ clipped > 0.9 * np.linalg.norm(heard) * np.linalg.norm(clipped)


def test_choosing_by_name() -> None:
    assert choose_conditions(["all"]) == CONDITIONS
    assert [c.name for c in choose_conditions(["gsm", "band-4k"])] == ["full", "band-4k", "gsm"]
    with pytest.raises(ConditionUnavailable, match="no condition 'vinyl'; there are all, full, ba"):
        choose_conditions(["full", "vinyl"])


def test_every_encoder_is_there() -> None:
    check_conditions(CONDITIONS, RATE)


def test_a_missing_encoder_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundfile, "available_subtypes", lambda _: {"PCM_16": ""})
    assert GSM == "GSM610"
    with pytest.raises(ConditionUnavailable, match="can't encode GSM; install"):
        check_conditions(CONDITIONS, RATE)


def test_a_missing_encoder_of_ffmpeg_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import av

    def without(*_: object, **__: object) -> None:
        raise av.codec.codec.UnknownCodecError("libmp3lame")

    monkeypatch.setattr(av.container.OutputContainer, "add_stream", without)
    with pytest.raises(ConditionUnavailable, match="can't encode with 'libmp3lame'"):
        check_conditions([BY_NAME["mp3"]], RATE)
