"""Training the encoder: supervised through the mean pool, on CPU, resumable."""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import AdamW
from torch.utils.data import DataLoader

from augment import TELEPHONE_HZ, fit
from batches import Batch, Batches
from clips import Clip
from edge_detect.conditions import low_pass
from edge_detect.rates import equal_error_rate
from encoder import ENCODER_FOLDER, Detector, Prediction, log_spectrum, normalise, save_encoder
from sources import SEED, Label, Split
from waveform import SAMPLE_RATE, Waveform

_THREADS = 2
_PEAK_RATE = 1e-3
_HEAD_RATE_FACTOR = 10
"""The linear head starts far from its scale, and the encoder learns nothing until it is there."""
_WARMUP_STEPS = 50
_WEIGHT_DECAY = 0.01
_CLIP_NORM = 1.0
_EMA_DECAY = 0.995
_CHECK_EVERY = 200
"""Steps between checkpoints, each with a look at the validation rows."""
_VALIDATION_CLIPS = 100
"""Of real speech and of each engine; the equal error rates of the log move by 1 % a clip."""
_REAL = "real"
_VALIDATION_SECONDS = 3
_SPECTRUM_STEPS = 800
"""The auxiliary loss fades out over these, to the last share."""
_SPECTRUM_SHARE = 0.05


@dataclass(frozen=True)
class Progress:
    """One line of the training log."""

    step: int
    minutes: float
    """Since this process started."""
    label_loss: float
    """This and the next are means over the steps since the last line."""
    spectrum_loss: float
    eer: dict[str, float]
    """Of each engine that did not train, full band, against the real validation clips."""
    eer_telephone: dict[str, float]
    """The same after the 3.4 kHz low-pass."""


def train(clips: list[Clip], work: Path, steps: int) -> Path:
    """Train for `steps` optimiser steps, or go on from the last checkpoint; returns the folder
    of the averaged encoder."""
    folder = work / ENCODER_FOLDER
    if not (folder / "model.safetensors").exists():
        torch.set_num_threads(_THREADS)
        torch.manual_seed(SEED)
        trainer = Trainer(clips, work, steps)
        trainer.run()
        save_encoder(trainer.averaged.encoder, folder)
    return folder


class Trainer:
    """The model, its moving average and its optimiser, at some step."""

    def __init__(self, clips: list[Clip], work: Path, steps: int) -> None:
        self._folder = work / "training"
        self._folder.mkdir(exist_ok=True)
        self._steps = steps
        self._step = 0
        self._model = Detector()
        self.averaged = copy.deepcopy(self._model).requires_grad_(False)
        self._optimizer = _make_optimizer(self._model)
        self._batches = Batches(clips, work)
        self._validation = _validation_views(clips, work)
        if self._checkpoint.exists():
            self._load()

    def run(self) -> None:
        """Take the remaining steps."""
        indices = range(self._step, self._steps)
        loader = DataLoader(self._batches, batch_size=None, sampler=indices, num_workers=1)
        started = time.monotonic()
        losses: list[tuple[float, float]] = []
        for batch in loader:
            losses.append(self._take_step(batch))
            if self._step % _CHECK_EVERY == 0 or self._step == self._steps:
                minutes = round((time.monotonic() - started) / 60, 2)
                label, spectrum = map(fmean, zip(*losses, strict=True))
                self._log(Progress(self._step, minutes, label, spectrum, *self._validate()))
                self._save()
                losses.clear()

    def _take_step(self, batch: Batch) -> tuple[float, float]:
        """One optimiser step; returns the loss of the labels and of the spectrum."""
        self._model.train()
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * learning_rate(self._step, self._steps)
        waveforms = normalise(batch.waveforms)
        prediction: Prediction = self._model(waveforms)
        label = label_loss(prediction.spoof_logits, batch.spoof)
        target = log_spectrum(waveforms, prediction.spectrum.shape[1])
        spectrum = functional.mse_loss(prediction.spectrum, target)
        loss = label + max(_SPECTRUM_SHARE, 1 - self._step / _SPECTRUM_STEPS) * spectrum
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), _CLIP_NORM)
        self._optimizer.step()
        self._step += 1
        self._average()
        return label.item(), spectrum.item()

    @torch.no_grad()
    def _average(self) -> None:
        """Move the average towards the weights, faster at the start, when they are still far."""
        decay = min(_EMA_DECAY, self._step / (self._step + 10))
        pairs = zip(self.averaged.parameters(), self._model.parameters(), strict=True)
        for mean, weight in pairs:
            mean.lerp_(weight, 1 - decay)

    def _validate(self) -> tuple[dict[str, float], dict[str, float]]:
        """Equal error rates per engine of the averaged model: full band, telephone."""
        full, telephone = (self._error_rates(views) for views in self._validation)
        return full, telephone

    @torch.no_grad()
    def _error_rates(self, views: dict[str, Tensor]) -> dict[str, float]:
        self.averaged.eval()
        scores = {
            name: torch.cat([-self.averaged(part).spoof_logits for part in torch.split(view, 10)])
            .double()
            .numpy()
            for name, view in views.items()
        }
        real = scores.pop(_REAL)
        return {
            engine: equal_error_rate(
                np.repeat([True, False], [len(real), len(spoof)]), np.concatenate((real, spoof))
            ).rate
            for engine, spoof in scores.items()
        }

    def _log(self, progress: Progress) -> None:
        with (self._folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(asdict(progress)) + "\n")

    @property
    def _checkpoint(self) -> Path:
        return self._folder / "checkpoint.pt"

    def _save(self) -> None:
        state = {
            "step": self._step,
            "model": self._model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        part = self._checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self._checkpoint)

    def _load(self) -> None:
        state = torch.load(self._checkpoint, weights_only=True)
        self._step = state["step"]
        self._model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self._optimizer.load_state_dict(state["optimizer"])


def _make_optimizer(model: Detector) -> AdamW:
    """AdamW with a faster group for the label head; `peak` is the group's own learning rate."""
    head = list(model.spoof.parameters())
    rest = [*model.encoder.parameters(), *model.spectrum.parameters()]
    groups = (
        {"params": head, "peak": _PEAK_RATE * _HEAD_RATE_FACTOR},
        {"params": rest, "peak": _PEAK_RATE},
    )
    return AdamW(groups, weight_decay=_WEIGHT_DECAY)


def label_loss(logits: Tensor, spoof: Tensor) -> Tensor:
    """Cross-entropy of the labels, and of the order within each pair: a copy must score above its
    original, whatever both say, through whatever channel."""
    labels = functional.binary_cross_entropy_with_logits(logits, spoof)
    real, copied = logits.view(-1, 2).unbind(dim=1)
    return labels + functional.softplus(real - copied).mean()


def learning_rate(step: int, steps: int) -> float:
    """Relative to the peak: a linear warm-up, then half a cosine down to zero."""
    if step < _WARMUP_STEPS:
        return (step + 1) / _WARMUP_STEPS
    return 0.5 * (1 + math.cos(math.pi * (step - _WARMUP_STEPS) / max(1, steps - _WARMUP_STEPS)))


def _validation_views(clips: list[Clip], work: Path) -> tuple[dict[str, Tensor], ...]:
    """Normalised crops (clips, samples) per engine that speaks by itself, of the validation and
    training rows, and of real speech: full band, and low-passed."""
    groups: dict[str, list[Clip]] = {_REAL: []}
    for clip in clips:
        if clip.label is Label.BONAFIDE and clip.split is Split.VALIDATION:
            groups[_REAL].append(clip)
        elif clip.label is Label.SPOOF and clip.split is not Split.TEST and not clip.source_clip:
            groups.setdefault(clip.engine_or_source, []).append(clip)
    full: dict[str, Tensor] = {}
    telephone: dict[str, Tensor] = {}
    for name, rows in groups.items():
        crops = [_crop(clip.read(work)) for clip in rows[:: max(1, len(rows) // _VALIDATION_CLIPS)]]
        full[name] = _stack(crops)
        telephone[name] = _stack([low_pass(TELEPHONE_HZ, crop, SAMPLE_RATE) for crop in crops])
    return full, telephone


def _crop(waveform: Waveform) -> Waveform:
    return fit(waveform, _VALIDATION_SECONDS * SAMPLE_RATE)


def _stack(crops: list[Waveform]) -> Tensor:
    return normalise(torch.from_numpy(np.stack(crops)))
