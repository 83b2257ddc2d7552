"""transformers and torch, as a training script has them: eager, and compiled."""

from typing import Any

import torch
from transformers import Wav2Vec2Model

from benchmarks.peers.peer import Files, Float32, Peer, normalise


class Eager(Peer):
    """Scaled dot-product attention, inference mode."""

    def __init__(self, model: Any) -> None:
        self._model = model

    @classmethod
    def load(cls, files: Files, threads: int) -> "Eager":
        """Load the weights in float32."""
        torch.set_num_threads(threads)
        model = Wav2Vec2Model.from_pretrained(
            files.checkpoint, dtype=torch.float32, attn_implementation="sdpa"
        )
        return cls(model.eval())

    def embed(self, waveform: Float32) -> Float32:
        """Float32 (samples,) to (hidden,)."""
        with torch.inference_mode():
            hidden = self._model(torch.from_numpy(normalise(waveform))).last_hidden_state
            return hidden.mean(dim=1)[0].numpy()


class Compiled(Eager):
    """torch.compile once for all lengths, by inductor's C++ backend."""

    @classmethod
    def load(cls, files: Files, threads: int) -> "Compiled":
        """Load the weights; the first clip compiles."""
        eager = Eager.load(files, threads)
        return cls(torch.compile(eager._model, dynamic=True))
