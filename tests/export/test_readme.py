"""What the README shows of the export runs as it stands there."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tests.export.conftest import SMALL, Exported, Fitted, plain_pickle, save_published
from tests.readme import commands


def test_ship_your_own_model(small: Exported, speech_path: Path, tmp_path: Path) -> None:
    embeddings = np.random.default_rng(0).standard_normal((20, SMALL["hidden_size"]))
    scaler = StandardScaler().fit(embeddings)
    targets = np.array(["bonafide", "spoof"] * 10)
    classifier = LogisticRegression().fit(scaler.transform(embeddings), targets)
    head = Fitted(scaler, classifier, ("bonafide", "spoof"))
    save_published(tmp_path / "my-head", head, plain_pickle)
    shutil.copytree(small.encoder, tmp_path / "my-wav2vec2")
    shutil.copy(speech_path, tmp_path / "clip.wav")  # its content is what counts
    shown = [command for command in commands() if "my-model" in command]
    assert len(shown) == 2
    for command in shown:
        _, *arguments = shlex.split(command)
        result = subprocess.run(
            [sys.executable, "-m", "edge_detect", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split()[:4] == ["file", "label", "confidence", "duration"]
