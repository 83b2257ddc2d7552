"""Mellotron, a Tacotron 2 of many voices, which ttskit bundles beside its MelGAN."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

import hifigan
import melgan
import numpy as np
import torch
from jobs import Job, jobs_from_arguments, run, write_wav
from mel import SAMPLE_RATE, draw_alteration
from numpy.typing import NDArray
from pickled import pickled_weights
from torch import Tensor, nn
from torch.nn import functional

MODEL = "ttskit/resource/model/mellotron.kuangdd-mspk.pt"
_BANDS, _TEXT, _VOICE = 80, 256, 32
_MEMORY = _TEXT + _VOICE
_PRENET, _RECURRENT, _ATTENTION = 128, 512, 64
_LOCATION_FILTERS, _LOCATION_KERNEL = 16, 31
_POSTNET = 256
_STOP_AT = 0.5
"""Probability that the utterance is over."""
_SYLLABLE_FRAMES = (8, 30)
"""A reading that takes fewer frames for each left something out; one that takes more was lost."""
_SILENT_FRAMES = 60
"""About a reading, at most."""
_READINGS = 10

_PAD, _END, _CHAIN = "_", "~", "-"
_INITIALS = (
    *("aa", "b", "c", "ch", "d", "ee", "f", "g", "h", "ii", "j", "k", "l", "m", "n", "oo"),
    *("p", "q", "r", "s", "sh", "t", "uu", "vv", "x", "z", "zh"),
)
_FINALS = (
    *("a", "ai", "an", "ang", "ao", "e", "ei", "en", "eng", "er", "i", "ia", "ian", "iang"),
    *("iao", "ie", "in", "ing", "iong", "iu", "ix", "iy", "iz", "o", "ong", "ou", "u"),
    *("ua", "uai", "uan", "uang", "ueng", "ui", "un", "uo", "v", "van", "ve", "vn", "ng", "uong"),
)
_TONES = list("12345")
_LETTERS = 2 * 26
"""Symbols of Latin letters, which no pinyin needs."""
_STOPS = list("!?.,")
_SYMBOLS = [_PAD, _END, _CHAIN, *_INITIALS, *_FINALS, *_TONES, *[""] * _LETTERS, *_STOPS]
_SYMBOL_COUNT = 145
_SYLLABLE = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]?)([a-zü]+)([1-5])")
_BARE_FINALS = {"a": "aa", "e": "ee", "o": "oo"}
"""By their first letter, the initial that a final without one gets."""
_WITH_Y = {
    **{final: final for final in ("i", "in", "ing")},
    **{"a": "ia", "an": "ian", "ang": "iang", "ao": "iao", "e": "ie", "ong": "iong", "ou": "iu"},
}
_WITH_YU = {"u": "v", "uan": "van", "ue": "ve", "un": "vn"}
_WITH_W = {
    **{"u": "u", "a": "ua", "ai": "uai", "an": "uan", "ang": "uang", "ei": "ui", "en": "un"},
    **{"o": "uo", "eng": "ueng"},
}


def phones(pinyin: str) -> list[str]:
    """The symbols of a sentence of syllables with their tones, "ni3 hao3.".

    Raises:
        ValueError: A word is no such syllable.
    """
    symbols: list[str] = []
    for word in pinyin.split():
        syllable, stop = word.rstrip("".join(_STOPS)), word[-1]
        symbols += [*_syllable(syllable), _CHAIN]
        if stop in _STOPS:
            symbols += [stop, _CHAIN]
    return [*symbols, _END, _PAD]


def _syllable(written: str) -> tuple[str, str, str]:
    """Initial, final and tone."""
    match = _SYLLABLE.fullmatch(written)
    if match is None:
        raise ValueError(f"{written!r} is no syllable of pinyin with its tone")
    initial, final, tone = match.groups()
    if initial == "" and final[0] in _BARE_FINALS:
        initial = _BARE_FINALS[final[0]]
    elif initial == "y" and final in _WITH_YU:
        initial, final = "vv", _WITH_YU[final]
    elif initial == "y":
        initial, final = "ii", _WITH_Y[final]
    elif initial == "w":
        initial, final = "uu", _WITH_W[final]
    elif initial in ("j", "q", "x") and final in _WITH_YU:
        final = _WITH_YU[final]
    elif final == "i" and initial in ("zh", "ch", "sh"):
        final = "ix"
    elif final == "i" and initial in ("z", "c", "s"):
        final = "iy"
    elif final == "i" and initial == "r":
        final = "iz"
    return initial, final.replace("ü", "v"), tone


class _Linear(nn.Module):
    """A linear layer where the pickle has it."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(inputs, outputs, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        out: Tensor = self.linear_layer(x)
        return out


class _Convolution(nn.Module):
    """A convolution that keeps the length, where the pickle has it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, time) -> (batch, outputs, time)."""
        out: Tensor = self.conv(x)
        return out


def _normed(sizes: list[int]) -> nn.ModuleList:
    """Convolutions of 5, each with a batch norm."""
    return nn.ModuleList(
        nn.Sequential(_Convolution(inputs, outputs, 5), nn.BatchNorm1d(outputs))
        for inputs, outputs in pairwise(sizes)
    )


class _Encoder(nn.Module):
    """Three convolutions and an LSTM in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = _normed([_TEXT] * 4)
        self.lstm = nn.LSTM(_TEXT, _TEXT // 2, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        """(1, size, symbols) -> (1, symbols, size)."""
        for convolution in self.convolutions:
            x = functional.relu(convolution(x))
        out: Tensor = self.lstm(x.transpose(1, 2))[0]
        return out


class _Prenet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([_Linear(_BANDS, _PRENET), _Linear(_PRENET, _PRENET)])

    def forward(self, x: Tensor) -> Tensor:
        """Half of everything is dropped when it speaks too: what varies one reading of a text."""
        for layer in self.layers:
            x = functional.dropout(functional.relu(layer(x)), 0.5, training=True)
        return x


class _Location(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.location_conv = _Convolution(2, _LOCATION_FILTERS, _LOCATION_KERNEL, bias=False)
        self.location_dense = _Linear(_LOCATION_FILTERS, _ATTENTION)

    def forward(self, weights: Tensor) -> Tensor:
        """(1, 2, symbols), the last weights and the sum of all -> (1, symbols, size)."""
        out: Tensor = self.location_dense(self.location_conv(weights).transpose(1, 2))
        return out


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query_layer = _Linear(_RECURRENT, _ATTENTION)
        self.memory_layer = _Linear(_MEMORY, _ATTENTION)
        self.v = _Linear(_ATTENTION, 1)
        self.location_layer = _Location()

    def forward(self, query: Tensor, keys: Tensor, weights: Tensor) -> Tensor:
        """New weights (1, symbols)."""
        energies = self.query_layer(query)[:, None] + self.location_layer(weights) + keys
        return self.v(torch.tanh(energies)).squeeze(-1).softmax(dim=1)


class _Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.prenet = _Prenet()
        self.attention_rnn = nn.LSTMCell(_PRENET + _MEMORY, _RECURRENT)
        self.attention_layer = _Attention()
        self.decoder_rnn = nn.LSTMCell(_RECURRENT + _MEMORY, _RECURRENT)
        self.linear_projection = _Linear(_RECURRENT + _MEMORY, _BANDS, bias=True)
        self.gate_layer = _Linear(_RECURRENT + _MEMORY, 1, bias=True)

    def forward(self, memory: Tensor, most: int) -> Tensor:
        """(1, symbols, size) -> (1, bands, frames), one after the other until the model says that
        it is over, or there are `most`."""
        keys = self.attention_layer.memory_layer(memory)
        weights = memory.new_zeros(1, 2, memory.shape[1])
        frame, context = memory.new_zeros(1, _BANDS), memory.new_zeros(1, _MEMORY)
        heard = decoded = (memory.new_zeros(1, _RECURRENT),) * 2
        frames = []
        for _ in range(most):
            heard = self.attention_rnn(torch.cat([self.prenet(frame), context], 1), heard)
            last = self.attention_layer(heard[0], keys, weights)
            weights = torch.stack([last, weights[:, 1] + last], 1)
            context = (last[:, None] @ memory)[:, 0]
            decoded = self.decoder_rnn(torch.cat([heard[0], context], 1), decoded)
            state = torch.cat([decoded[0], context], 1)
            frame = self.linear_projection(state)
            frames.append(frame)
            if torch.sigmoid(self.gate_layer(state)) > _STOP_AT:
                break
        return torch.stack(frames, 2)


class _Postnet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolutions = _normed([_BANDS, *[_POSTNET] * 4, _BANDS])

    def forward(self, mel: Tensor) -> Tensor:
        """What is added to (1, bands, frames)."""
        *inner, last = self.convolutions
        for convolution in inner:
            mel = torch.tanh(convolution(mel))
        out: Tensor = last(mel)
        return out


class Mellotron(nn.Module):
    """Symbols and a voice -> a log-mel spectrogram (Tacotron 2, arXiv:1712.05884; Mellotron without
    pitch and style tokens, arXiv:1910.11997)."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(_SYMBOL_COUNT, _TEXT)
        self.speaker_embedding = nn.Linear(_VOICE, _VOICE)
        self.encoder = _Encoder()
        self.decoder = _Decoder()
        self.postnet = _Postnet()

    @staticmethod
    def symbols(pinyin: str) -> Tensor:
        """The numbers (1, symbols) of a sentence's `phones`."""
        return torch.tensor([[_SYMBOLS.index(symbol) for symbol in phones(pinyin)]])

    def forward(self, symbols: Tensor, voice: Tensor, most: int) -> Tensor:
        """(1, symbols) and (1, 32) -> (80, frames), at `most` so many."""
        text = self.encoder(self.embedding(symbols).transpose(1, 2))
        speaker = self.speaker_embedding(voice)[:, None].expand(-1, text.shape[1], -1)
        mel = self.decoder(torch.cat([text, speaker], 2), most)
        out: Tensor = (mel + self.postnet(mel))[0]
        return out


def voice_code(name: str) -> Tensor:
    """How the model was told its voices apart, (1, 32): the digits of the name's MD5."""
    digits = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    return torch.tensor([[(int(digit, 16) - 7) / 10 for digit in digits]])


_OWN = (
    *(
        f"mellotron.model.{name}"
        for name in ("Tacotron2", "Encoder", "Decoder", "Prenet", "Postnet")
    ),
    *(f"mellotron.model.{name}" for name in ("Attention", "LocationLayer")),
    *(f"mellotron.layers.{name}" for name in ("LinearNorm", "ConvNorm")),
)
_TRUSTED = (
    nn.LSTMCell,
    nn.LSTM,
    nn.Conv1d,
    nn.BatchNorm1d,
    nn.Linear,
    nn.Embedding,
    nn.Sequential,
    nn.ModuleList,
)


def load_mellotron(path: Path) -> Mellotron:
    """The bundled model in evaluation mode."""
    model = Mellotron()
    model.load_state_dict(pickled_weights(path, _OWN, _TRUSTED))
    return model.eval()


def read_out(model: Mellotron, pinyin: str, voice: str) -> NDArray[np.float32]:
    """The log-mel spectrogram (80, frames) of a whole reading, of the text's first half if the
    voice does not get through all of it.

    Raises:
        ValueError: It does not get through one syllable.
    """
    syllables = pinyin.split()
    while syllables:
        symbols = model.symbols(" ".join(syllables))
        least, most = (frames * len(syllables) for frames in _SYLLABLE_FRAMES)
        for _ in range(_READINGS):
            mel = model(symbols, voice_code(voice), most + _SILENT_FRAMES)
            if least <= mel.shape[1] < most + _SILENT_FRAMES:
                return np.asarray(mel.numpy())
        syllables = syllables[: len(syllables) // 2]
    raise ValueError(f"{voice} does not get through a syllable of {pinyin!r}")


def speaker(models: Path) -> Callable[[Job, Path], None]:
    """The `speak` function, with the models of this folder."""
    acoustic = load_mellotron(models / MODEL)
    vocoders = (melgan.vocoder(models), hifigan.vocoder(models))

    @torch.inference_mode()
    def speak(job: Job, part: Path) -> None:
        """One utterance; what is left to chance hangs on the job alone. The speed changes the pitch
        too: the model has but one."""
        rng = Random(Path(job.out).stem)
        torch.manual_seed(rng.getrandbits(32))
        waveform = rng.choice(vocoders)(
            read_out(acoustic, job.source, job.voice), draw_alteration(rng)
        )
        pcm = (np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes()
        write_wav(part, pcm, round(SAMPLE_RATE * job.speed))

    return speak


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(speaker(Path(sys.argv[2])), jobs_from_arguments())
