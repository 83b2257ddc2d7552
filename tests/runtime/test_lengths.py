"""Recordings that don't say how long they are, say it wrongly, or go on behind their end."""

import io
import struct
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_detect import errors, flac, ogg
from edge_detect.audio import decoded_pieces, load_audio
from edge_detect.conditions import Codec, encoded
from edge_detect.content import Content
from edge_detect.decoded import gather
from edge_detect.mp3 import behind_id3
from tests.conftest import Waveform, write_with_ffmpeg

RATE = 16_000


def swelling(seconds: int) -> Waveform:
    """Noise, faint for the first half: at a variable bit rate both halves differ in size."""
    noise = np.random.default_rng(0).normal(0, 0.1, seconds * RATE)
    noise[: len(noise) // 2] *= 1e-3
    return noise.astype(np.float32)


@pytest.fixture
def swelling_mp3(tmp_path: Path) -> Path:
    """20 s at a variable bit rate, low for the first half."""
    path = tmp_path / "swelling.mp3"
    soundfile.write(path, swelling(20), RATE, bitrate_mode="VARIABLE", compression_level=0.5)
    return path


def without_length(mp3: bytes) -> bytes:
    """Less the first frame, which holds the tag."""
    return mp3[mp3.index(mp3[:2], 100) :]


def test_an_mp3_that_declares_no_length_is_read_to_its_end(swelling_mp3: Path) -> None:
    content = without_length(swelling_mp3.read_bytes())
    guessed = soundfile.info(io.BytesIO(content)).duration
    assert abs(guessed - 20) > 1, "libsndfile would read it whole"
    assert len(load_audio(content, RATE)) == pytest.approx(20 * RATE, abs=0.1 * RATE)


ID3V2 = b"ID3\4\0\0\0\0\1\0" + bytes(128)


def test_joined_mp3s_are_read_to_the_end(swelling_mp3: Path) -> None:
    content = swelling_mp3.read_bytes()
    waveform = load_audio(content + content, RATE)
    assert len(waveform) == pytest.approx(40 * RATE, abs=0.2 * RATE)
    last = waveform[-5 * RATE :]
    assert np.square(last).mean() > 1e-3, "the end of the second is loud"


def test_tags_between_joined_mp3s_are_passed_over_with_a_warning(swelling_mp3: Path) -> None:
    content = ID3V2 + swelling_mp3.read_bytes()
    with pytest.warns(errors.TruncatedAudio, match="damaged"):
        waveform = load_audio(content + content, RATE)
    assert len(waveform) == pytest.approx(40 * RATE, abs=0.2 * RATE)


def test_a_file_of_nothing_but_tags_is_not_followed_to_its_end() -> None:
    tags = 1000
    end = behind_id3(Content(io.BytesIO(b"ID3\4\0\0\0\0\0\0" * tags)))
    assert 0 < end < tags * 10 / 2


@pytest.mark.parametrize(
    ("before", "behind"),
    [(b"", b""), (b"", b"TAG".ljust(128, b"\0")), (ID3V2, b"")],
    ids=["untagged", "ID3v1", "ID3v2"],
)
def test_an_mp3_that_declares_its_length_is_libsndfiles(
    swelling_mp3: Path, before: bytes, behind: bytes
) -> None:
    content = swelling_mp3.read_bytes()
    pieces = list(decoded_pieces(before + content + behind))
    assert {piece.encoding.decoder for piece in pieces if piece.encoding} == {"libsndfile"}
    np.testing.assert_array_equal(gather(pieces).samples, load_audio(content, RATE))


def with_data_size(wav: bytes, size: int) -> bytes:
    """A WAV of the plain 44-byte header whose data chunk claims another size."""
    return wav[:40] + struct.pack("<I", size) + wav[44:]


def test_a_wav_whose_recorder_lost_power(containers: dict[str, Path], speech: Waveform) -> None:
    with pytest.warns(errors.TruncatedAudio):
        waveform = load_audio(with_data_size(containers["wav"].read_bytes(), 0), RATE)
    np.testing.assert_allclose(waveform, speech, atol=1 / 32768)


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_F000])
def test_a_wav_that_was_written_into_a_pipe(
    containers: dict[str, Path], speech: Waveform, size: int
) -> None:
    waveform = load_audio(with_data_size(containers["wav"].read_bytes(), size), RATE)
    np.testing.assert_allclose(waveform, speech, atol=1 / 32768)


def test_a_flac_whose_length_was_left_open(containers: dict[str, Path], speech: Waveform) -> None:
    content = bytearray(containers["flac"].read_bytes())
    content[21] &= 0xF0  # the 36 bits of STREAMINFO's total samples
    content[22:26] = bytes(4)
    np.testing.assert_allclose(load_audio(bytes(content), RATE), speech, atol=1 / 32768)


BARE = {
    "aac": Codec("aac", "adts", 44_100, 128_000),
    "ac3": Codec("ac3", "ac3", 48_000, 128_000),
    "amr": Codec("libopencore_amrnb", "amr", 8_000, 12_200),
    "mp2": Codec("mp2", "mp2", 44_100, 128_000),
}


@pytest.mark.parametrize("codec", BARE.values(), ids=BARE)
def test_a_bare_stream_is_not_held_to_a_length_that_is_guessed(codec: Codec) -> None:
    waveform = load_audio(encoded(codec, swelling(10), RATE), RATE)
    assert len(waveform) == pytest.approx(10 * RATE, abs=0.06 * RATE)


def test_a_stream_that_goes_on_with_other_channels(tmp_path: Path, speech: Waveform) -> None:
    content = b"".join(
        write_with_ffmpeg(tmp_path / "a.mp2", speech, "mp2", layout=layout).read_bytes()
        for layout in ("mono", "stereo")
    )
    waveform = load_audio(content, RATE)
    assert len(waveform) == pytest.approx(2 * len(speech), abs=0.06 * RATE)
    assert np.square(waveform[len(speech) :]).mean() > 0.4 * np.square(speech).mean()


def test_a_stream_that_goes_on_at_another_rate(tmp_path: Path, speech: Waveform) -> None:
    content = b"".join(
        write_with_ffmpeg(tmp_path / "a.mp2", speech, "mp2", rate=rate).read_bytes()
        for rate in (48_000, 44_100)
    )
    waveform = load_audio(content, RATE)
    assert len(waveform) == pytest.approx(2 * len(speech), abs=0.06 * RATE)
    size = 2 * len(speech)
    spectra = [np.fft.rfft(half[:size], size) for half in np.array_split(waveform, 2)]
    correlation = np.fft.irfft(spectra[0] * spectra[1].conj())  # of either half, by lag
    energies = [np.square(half, dtype=np.float64).sum() for half in np.array_split(waveform, 2)]
    assert correlation.max() > 0.98 * np.sqrt(energies[0] * energies[1])


def test_pauses_that_amr_leaves_out_are_not_missing(speech: Waveform) -> None:
    with_pause = np.concatenate([speech, np.zeros(RATE, np.float32), speech])
    codec = Codec("libopencore_amrnb", "amr", 8_000, 12_200, options=(("dtx", "1"),))
    content = encoded(codec, with_pause, RATE)
    assert len(content) < 0.95 * len(encoded(BARE["amr"], with_pause, RATE)), "pauses cost less"
    waveform = load_audio(content, RATE)
    assert len(waveform) == pytest.approx(len(with_pause), abs=0.03 * RATE)
    inner = waveform[len(speech) :][RATE // 4 : 3 * RATE // 4]
    assert np.square(inner).mean() < 1e-3 * np.square(waveform).mean()


def test_pauses_that_wideband_amr_leaves_out_are_not_missing() -> None:
    # 3GPP TS 26.201: 20 ms at 12.65 kbit/s, comfort noise (SID), and nothing to send.
    rng = np.random.default_rng(0)
    spoken = b"".join(b"\x14" + rng.bytes(32) for _ in range(50))
    pause = (b"\x4c" + rng.bytes(5) + 7 * b"\x7c") * 6
    waveform = load_audio(b"#!AMR-WB\n" + spoken + pause + spoken, RATE)
    assert len(waveform) == (50 + 48 + 50) * 320


def test_mp3_in_a_wav(tmp_path: Path, speech: Waveform) -> None:
    content = write_with_ffmpeg(tmp_path / "a.wav", speech, "libmp3lame").read_bytes()
    assert soundfile.info(io.BytesIO(content)).subtype == "MPEG_LAYER_III"
    assert len(load_audio(content, RATE)) == pytest.approx(len(speech), abs=0.06 * RATE)
    with pytest.warns(errors.TruncatedAudio, match="damaged or cut off"):
        load_audio(content[: len(content) * 6 // 10], RATE)


def test_a_clip_that_was_cut_out_of_a_matroska(tmp_path: Path, speech: Waveform) -> None:
    path = write_with_ffmpeg(tmp_path / "a.mka", speech, "libopus", start=60)
    assert len(load_audio(path, RATE)) == pytest.approx(len(speech), abs=0.06 * RATE)


def coded(container: str, waveform: Waveform, subtype: str, rate: int = RATE) -> bytes:
    """A file of libsndfile's that holds one stream."""
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format=container, subtype=subtype)
    return file.getvalue()


ogg_of = partial(coded, "OGG")
flac_of = partial(coded, "FLAC")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_chained_ogg_is_read_to_its_end(speech: Waveform, subtype: str) -> None:
    second = ogg_of(speech[::-1], subtype)
    content = ogg_of(speech, subtype) + second
    waveform = load_audio(content, RATE)
    assert len(waveform) == pytest.approx(2 * len(speech), abs=0.06 * RATE)
    last = waveform[-len(speech) :]
    assert np.corrcoef(last, load_audio(second, RATE)[: len(last)])[0, 1] > 0.98
    with pytest.warns(errors.TruncatedAudio, match="damaged or cut off"):
        assert len(load_audio(content[:-4_000], RATE)) > 1.5 * len(speech)


def test_a_chained_ogg_that_changes_its_channels_says_what_was_read(speech: Waveform) -> None:
    content = ogg_of(speech, "VORBIS") + ogg_of(np.stack([speech] * 2, axis=1), "VORBIS")
    with pytest.warns(errors.TruncatedAudio, match=r"rests on the 5\.3\d s"):
        load_audio(content, RATE)


def test_streams_side_by_side_are_no_chain(speech: Waveform) -> None:
    one, other = ogg_of(speech, "VORBIS"), ogg_of(speech, "OPUS")
    first, second = one.index(b"OggS", 1), other.index(b"OggS", 1)
    together = one[:first] + other[:second] + one[first:] + other[second:]
    assert not ogg.is_chained(Content(io.BytesIO(together)))
    assert ogg.is_chained(Content(io.BytesIO(one + other)))


def test_a_chain_is_seen_wherever_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    page, first = b"OggS\0\0" + bytes(40), b"OggS\0\2" + bytes(40)
    for size in range(6, 150):
        monkeypatch.setattr("edge_detect.content.SCANNED_BYTES", size)
        assert ogg.is_chained(Content(io.BytesIO(first + page + page + first + page)))
        assert not ogg.is_chained(Content(io.BytesIO(first + first + page + page)))


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_joined_flacs_are_read_to_their_end(speech: Waveform, subtype: str) -> None:
    one, other = (flac_of(clip, subtype) for clip in (speech, speech[::-2]))
    waveform = load_audio(one + other, RATE)
    parts = [load_audio(part, RATE) for part in (one, other)]
    np.testing.assert_allclose(waveform, np.concatenate(parts), atol=1e-6)


def test_a_joined_flac_is_seen_wherever_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = b"fLaC\0\0\0\x22" + bytes(40)
    for size in range(8, 100):
        monkeypatch.setattr("edge_detect.content.SCANNED_BYTES", size)
        assert flac.is_joined(Content(io.BytesIO(stream + stream)))
        assert not flac.is_joined(Content(io.BytesIO(stream + b"fLaC" + bytes(40))))
        assert not flac.is_joined(Content(io.BytesIO(b"RIFF" + stream + stream)))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_whose_last_page_is_not_whole(speech: Waveform, subtype: str) -> None:
    with pytest.warns(errors.TruncatedAudio, match="damaged or cut off"):
        load_audio(ogg_of(speech, subtype)[:-7], RATE)
