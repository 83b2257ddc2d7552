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

from augment import TELEPHONE_HZ
from batches import Batch, Batches
from clips import Clip
from edge_detect.conditions import low_pass
from edge_detect.rates import equal_error_rate
from encoder import ENCODER_FOLDER, Detector, normalise, save_encoder
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
_VALIDATION_CLIPS = 150
"""Per class; the equal error rate of the log moves by 0.7 % a clip."""
_VALIDATION_SECONDS = 4


@dataclass(frozen=True)
class Progress:
    """One line of the training log."""

    step: int
    minutes: float
    """Since this process started."""
    loss: float
    """Mean over the steps since the last line."""
    validation_eer: float
    validation_eer_telephone: float
    """After the 3.4 kHz low-pass."""


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
        losses: list[float] = []
        for batch in loader:
            losses.append(self._take_step(batch))
            if self._step % _CHECK_EVERY == 0 or self._step == self._steps:
                minutes = round((time.monotonic() - started) / 60, 2)
                self._log(Progress(self._step, minutes, fmean(losses), *self._validate()))
                self._save()
                losses.clear()

    def _take_step(self, batch: Batch) -> float:
        """One optimiser step; returns the loss."""
        self._model.train()
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * learning_rate(self._step, self._steps)
        logits: Tensor = self._model(normalise(batch.waveforms))
        loss = label_loss(logits, batch.spoof)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), _CLIP_NORM)
        self._optimizer.step()
        self._step += 1
        self._average()
        return loss.item()

    @torch.no_grad()
    def _average(self) -> None:
        """Move the average towards the weights, faster at the start, when they are still far."""
        decay = min(_EMA_DECAY, self._step / (self._step + 10))
        pairs = zip(self.averaged.parameters(), self._model.parameters(), strict=True)
        for mean, weight in pairs:
            mean.lerp_(weight, 1 - decay)

    def _validate(self) -> tuple[float, float]:
        """Equal error rates of the averaged model on validation crops: full band, telephone."""
        full, telephone = (self._error_rate(waveforms) for waveforms in self._validation)
        return full, telephone

    @torch.no_grad()
    def _error_rate(self, views: dict[Label, Tensor]) -> float:
        self.averaged.eval()
        scores = {
            label: torch.cat([-self.averaged(part) for part in torch.split(view, 10)]).numpy()
            for label, view in views.items()
        }
        real, spoof = scores[Label.BONAFIDE], scores[Label.SPOOF]
        bonafide = np.repeat([True, False], [len(real), len(spoof)])
        return equal_error_rate(bonafide, np.concatenate((real, spoof)).astype(np.float64)).rate

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
    rest = list(model.encoder.parameters())
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


def _validation_views(clips: list[Clip], work: Path) -> tuple[dict[Label, Tensor], ...]:
    """Normalised validation crops per class (clips, samples): full band, and low-passed."""
    full: dict[Label, Tensor] = {}
    telephone: dict[Label, Tensor] = {}
    for label in Label:
        rows = [clip for clip in clips if clip.split is Split.VALIDATION and clip.label is label]
        spread = rows[:: max(1, len(rows) // _VALIDATION_CLIPS)]
        crops = [_crop(clip.read(work)) for clip in spread]
        full[label] = _stack(crops)
        telephone[label] = _stack([low_pass(TELEPHONE_HZ, crop, SAMPLE_RATE) for crop in crops])
    return full, telephone


def _crop(waveform: Waveform) -> Waveform:
    return waveform[: _VALIDATION_SECONDS * SAMPLE_RATE]


def _stack(crops: list[Waveform]) -> Tensor:
    count = min(map(len, crops))
    return normalise(torch.stack([torch.from_numpy(crop[:count]) for crop in crops]))
