"""Files with several audio tracks: one is judged, and that there are others is said."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from edge_detect import OtherTracks
from edge_detect.audio import load_audio
from tests.conftest import Waveform, film

RATE = 16_000


def test_one_of_several_tracks_is_read_and_named(speech: Waveform) -> None:
    expected = r"'<bytes>' has 2 audio tracks; the answer rests on number 1 alone, so give"
    with pytest.warns(OtherTracks, match=expected) as caught:
        waveform = load_audio(film(speech, speech[::-1].copy()), RATE)
    assert len(caught) == 1
    np.testing.assert_allclose(waveform, speech, atol=1 / 32768)


def test_a_single_track_is_no_matter(speech: Waveform) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_audio(film(speech), RATE)


def test_the_command_and_its_evidence_say_so(speech: Waveform, tiny: Path, tmp_path: Path) -> None:
    path, report = tmp_path / "film.mkv", tmp_path / "evidence.json"
    path.write_bytes(film(speech, speech[::-1].copy(), speech))
    command = [sys.executable, "-m", "edge_detect", "--model", tiny, path, "--report", report]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    [line] = done.stderr.splitlines()
    assert line.startswith(f"warning: {str(path)!r} has 3 audio tracks; the answer rests on number")
    evidence = json.loads(report.read_text(encoding="utf-8"))
    assert [f"warning: {text}" for text in evidence["warnings"]] == [line]
