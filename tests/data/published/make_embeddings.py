"""Embeddings of the fixtures by a wav2vec2-base of random weights, to fit the stand-in on.

    python -m tests.data.published.make_embeddings

Writes embeddings.npy, float32 (clips, 768): three cuts of each fixture.
"""

import tempfile
from pathlib import Path

import numpy as np
from tests.conftest import FIXTURES
from tests.export.conftest import RATE, save_encoder

from edge_detect.audio import load_audio
from edge_export.checkpoint import open_checkpoint
from edge_export.encoder import load_encoder
from edge_export.reference import TorchReference

CUTS = (slice(0, RATE), slice(RATE // 2, 3 * RATE), slice(None))


def main() -> None:
    """Embed every cut of every fixture."""
    with tempfile.TemporaryDirectory() as folder:
        reference = TorchReference(load_encoder(open_checkpoint(save_encoder(Path(folder)))))
        clips = [load_audio(path, RATE) for path in sorted(FIXTURES.glob("*/*.opus"))]
        embeddings = [reference.embed(clip[cut]) for clip in clips for cut in CUTS]
    np.save(Path(__file__).with_name("embeddings.npy"), np.stack(embeddings))


if __name__ == "__main__":
    main()
