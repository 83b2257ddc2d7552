"""The engine of the recipe that reads pinyin with many voices."""

import pytest
import torch
from mellotron import Mellotron, phones, read_out, voice_code
from torch import Tensor, nn

from sources import ENGINES
from texts import GRAMMARS

(ENGINE,) = (engine for engine in ENGINES if engine.name == "mellotron")


@pytest.mark.parametrize(
    ("syllable", "initial", "final"),
    [
        ("ma1", "m", "a"),
        ("zhi1", "zh", "ix"),
        ("si4", "s", "iy"),
        ("ri4", "r", "iz"),
        ("ji4", "j", "i"),
        ("ju2", "j", "v"),
        ("nü3", "n", "v"),
        ("er2", "ee", "er"),
        ("a5", "aa", "a"),
        ("you3", "ii", "iu"),
        ("yue4", "vv", "ve"),
        ("wei4", "uu", "ui"),
        ("wu3", "uu", "u"),
    ],
)
def test_a_syllable_is_an_initial_a_final_and_a_tone(
    syllable: str, initial: str, final: str
) -> None:
    assert phones(syllable) == [initial, final, syllable[-1], "-", "~", "_"]


def test_a_stop_is_a_symbol_of_its_own() -> None:
    assert phones("ni3, ma1.") == list("ni3-,-ma1-.-~_")


def test_symbols_have_the_numbers_that_the_model_learned() -> None:
    assert Mellotron.symbols("ba1 zhuo5!").tolist() == [[4, 30, 71, 2, 29, 64, 75, 2, 128, 2, 1, 0]]


@pytest.mark.parametrize("word", ["ni", "3", "n7", "ŋa1"])
def test_what_is_no_syllable_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="no syllable of pinyin"):
        phones(word)


def test_every_sentence_of_the_grammar_can_be_read() -> None:
    grammar = GRAMMARS["zh-Latn"]
    model = Mellotron()
    for part in (*grammar.subjects, *grammar.predicates, *grammar.places, *grammar.times):
        assert max(model.symbols(part)[0]) < model.embedding.num_embeddings


def test_voices_differ_and_the_speaker_of_the_test_is_none_of_them() -> None:
    names = [voice.name for voice in ENGINE.voices]
    codes = {tuple(voice_code(name)[0].tolist()) for name in names}
    assert len(codes) == len(names)
    assert "biaobei" not in names


def test_a_reading_ends_at_the_latest_where_it_is_told_to() -> None:
    torch.manual_seed(0)
    model = Mellotron().eval()
    with torch.inference_mode():
        model.decoder.gate_layer.linear_layer.bias.fill_(-100.0)
        assert model(model.symbols("ni3 hao3."), voice_code("Aiyue"), 7).shape == (80, 7)
        model.decoder.gate_layer.linear_layer.bias.fill_(100.0)
        assert model(model.symbols("ni3 hao3."), voice_code("Aiyue"), 7).shape == (80, 1)


class _Reader(nn.Module):
    """Takes so many frames, one number a reading, and remembers what it read."""

    def __init__(self, frames: list[int]) -> None:
        super().__init__()
        self.frames = iter(frames)
        self.read: list[str] = []

    def symbols(self, text: str) -> Tensor:
        self.read.append(text)
        return torch.zeros(1, 1, dtype=torch.int64)

    def forward(self, symbols: Tensor, voice: Tensor, most: int) -> Tensor:
        return torch.zeros(80, min(next(self.frames), most))


@pytest.mark.parametrize("failure", [3, 1000], ids=["too short", "never ends"])
def test_a_text_is_read_again_until_it_is_read_whole(failure: int) -> None:
    reader = _Reader([failure, failure, 30])
    assert read_out(reader, "ni3 hao3.", "Aiyue").shape == (80, 30)
    assert reader.read == ["ni3 hao3."]


def test_half_a_text_is_read_where_all_of_it_is_too_much() -> None:
    reader = _Reader([1000] * 10 + [20])
    assert read_out(reader, "ni3 hao3.", "Xiaogang").shape == (80, 20)
    assert reader.read == ["ni3 hao3.", "ni3"]


def test_a_voice_that_never_gets_through_is_named() -> None:
    with pytest.raises(ValueError, match="Xiaowei does not get through a syllable of 'ni3 hao3"):
        read_out(_Reader([1000] * 99), "ni3 hao3.", "Xiaowei")
