"""Training the encoder as the teacher's student, with labels beside it, on CPU, resumable."""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer
from torch.utils.data import DataLoader

from batches import Batch, Batches
from crops import Crops
from encoder import ENCODER_FOLDER, Prediction, Student, log_spectrum, normalise, save_encoder
from head import engine_error_rates
from muon import Muon
from sources import ENGINES, SEED

_THREADS = 2
_PEAK_RATE = 1e-3
_MATRIX_RATE = 3e-3
"""Of Muon, in the scale of AdamW's rates."""
_LABEL_RATE_FACTOR = 5
"""The linear layer of the labels starts far from its scale."""
_WARMUP_STEPS = 50
_WEIGHT_DECAY = 0.01
_CLIP_NORM = 1.0
_EMA_DECAY = 0.995
_CHECK_EVERY = 225
"""Steps between checkpoints, each with a look at the validation rows."""
_FRAMES_SHARE, _POOLED_SHARE, _LABELS_SHARE = 0.5, 1.0, 0.05
"""Of the losses, beside one another."""
_SPECTRUM_STEPS = 500
"""The share of the spectrum's loss falls over these from 1 to the last one."""
_SPECTRUM_SHARE = 0.05
_MARGIN = 1.0
"""In log-odds: every original of a batch is to lie so far below every copy."""


@dataclass(frozen=True)
class Losses:
    """The parts of the loss, before they are weighed."""

    frames: Tensor
    """Squared error of the teacher's frames, whose variance is 1, where it heard the crop."""
    pooled: Tensor
    """The same of their means over a crop, in the deviations of such means."""
    labels: Tensor
    spectrum: Tensor

    def weighed(self, step: int) -> Tensor:
        """Their sum at a step."""
        spectrum_share = max(_SPECTRUM_SHARE, 1 - step / _SPECTRUM_STEPS)
        return (
            _FRAMES_SHARE * self.frames
            + _POOLED_SHARE * self.pooled
            + _LABELS_SHARE * self.labels
            + spectrum_share * self.spectrum
        )


@dataclass(frozen=True)
class Progress:
    """One line of the training log."""

    step: int
    minutes: float
    """Since this process started."""
    losses: dict[str, float]
    """Means over the steps since the last line."""
    explained: dict[str, float]
    """What of the teacher's means over a crop is said, for each engine and source of the validation
    rows, clean; as a share of their variance over the training crops."""
    eer: dict[str, float]
    """Of their engines against their real speech, by the logit of the labels."""


def train(crops: Crops, check: Crops, work: Path, steps: int) -> Path:
    """Train for `steps` optimiser steps, or go on from the last checkpoint; returns the folder
    of the averaged encoder. `check` are crops of the validation rows, for the log alone."""
    folder = work / ENCODER_FOLDER
    if not (folder / "model.safetensors").exists():
        torch.set_num_threads(_THREADS)
        torch.manual_seed(SEED)
        trainer = Trainer(crops, check, work, steps)
        trainer.run()
        save_encoder(trainer.averaged.encoder, folder)
    return folder


class Trainer:
    """The model, its moving average and its optimisers, at some step."""

    def __init__(self, crops: Crops, check: Crops, work: Path, steps: int) -> None:
        self._folder = work / "training"
        self._folder.mkdir(exist_ok=True)
        self._steps = steps
        self._step = 0
        self._model = Student()
        self._compiled = torch.compile(self._model)  # 1.3 times as fast, and the same parameters
        self.averaged = copy.deepcopy(self._model).requires_grad_(False)
        self._optimizers = _make_optimizers(self._model)
        self._batches = Batches(crops)
        self._pooled_deviation = torch.from_numpy(self._batches.pooled_deviation())
        self._check = check
        if self._checkpoint.exists():
            self._load()

    def run(self) -> None:
        """Take the remaining steps."""
        indices = range(self._step, self._steps)
        loader = DataLoader(
            self._batches,
            batch_size=None,
            sampler=indices,
            num_workers=1,
            generator=torch.Generator(),  # its own: a run that goes on draws what it would have
        )
        started = time.monotonic()
        losses: list[dict[str, float]] = []
        for batch in loader:
            losses.append(self._take_step(batch))
            if self._step % _CHECK_EVERY == 0 or self._step == self._steps:
                minutes = round((time.monotonic() - started) / 60, 2)
                means = {name: fmean(step[name] for step in losses) for name in losses[0]}
                self._log(Progress(self._step, minutes, means, *self._validate()))
                self._save()
                losses.clear()

    def _take_step(self, batch: Batch) -> dict[str, float]:
        """One optimiser step; returns the losses by name."""
        self._model.train()
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * learning_rate(self._step, self._steps)
        losses = self._losses(batch)
        self._model.zero_grad()
        losses.weighed(self._step).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), _CLIP_NORM)
        for optimizer in self._optimizers:
            optimizer.step()
        self._step += 1
        self._average()
        return {field.name: getattr(losses, field.name).item() for field in fields(losses)}

    def _losses(self, batch: Batch) -> Losses:
        waveforms = normalise(batch.waveforms)
        prediction: Prediction = self._compiled(waveforms)
        error = (prediction.heard - batch.heard)[batch.taught]
        spectrum = log_spectrum(waveforms, prediction.spectrum.shape[1])
        return Losses(
            frames=error.square().mean(),
            pooled=(error.mean(dim=1) / self._pooled_deviation).square().mean(),
            labels=label_loss(prediction.spoof_logits[: 2 * batch.pairs]),
            spectrum=functional.mse_loss(prediction.spectrum, spectrum),
        )

    @torch.no_grad()
    def _average(self) -> None:
        """Move the average towards the weights, faster at the start, when they are still far."""
        decay = min(_EMA_DECAY, self._step / (self._step + 10))
        pairs = zip(self.averaged.parameters(), self._model.parameters(), strict=True)
        for mean, weight in pairs:
            mean.lerp_(weight, 1 - decay)

    @torch.no_grad()
    def _validate(self) -> tuple[dict[str, float], dict[str, float]]:
        """What the averaged model explains of each origin, and the error rates of the engines."""
        self.averaged.eval()
        waveforms = torch.from_numpy(self._check.samples / np.float32(2**15))
        parts = [self.averaged(normalise(part)) for part in torch.split(waveforms, 10)]
        said = torch.cat([part.heard.mean(dim=1) for part in parts])
        wanted = torch.from_numpy(self._batches.standardise(self._check.frames).mean(axis=1))
        errors = ((said - wanted) / self._pooled_deviation).square().mean(dim=1).numpy()
        log_odds = torch.cat([part.spoof_logits for part in parts]).double().numpy()
        origins = self._check.origins
        explained = {
            str(origin): 1 - float(errors[origins == origin].mean())
            for origin in sorted(set(origins))
        }
        spoof = np.isin(origins, [engine.name for engine in ENGINES])
        return explained, engine_error_rates(spoof, origins, log_odds)

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
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "random": torch.get_rng_state(),
        }
        part = self._checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self._checkpoint)

    def _load(self) -> None:
        state = torch.load(self._checkpoint, weights_only=True)
        self._step = state["step"]
        self._model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        for optimizer, its_state in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(its_state)
        torch.set_rng_state(state["random"])


def _make_optimizers(model: Student) -> tuple[Optimizer, Optimizer]:
    """Muon for the encoder's layers; AdamW for its vectors, the first and the positional filters,
    which see one channel or a few, and for what stands on top, with a faster group for the labels.
    `peak` is a group's own learning rate."""
    layers = [layer.weight for layer in model.encoder.modules() if isinstance(layer, nn.Linear)]
    filters = [
        layer.weight
        for layer in model.encoder.feature_extractor.modules()
        if isinstance(layer, nn.Conv1d) and layer.in_channels > 1
    ]
    matrices = [*layers, *filters]
    taken = {id(weight) for weight in matrices}
    vectors = [weight for weight in model.encoder.parameters() if id(weight) not in taken]
    groups = (
        {"params": list(model.spoof.parameters()), "peak": _PEAK_RATE * _LABEL_RATE_FACTOR},
        {
            "params": [*vectors, *model.heard.parameters(), *model.spectrum.parameters()],
            "peak": _PEAK_RATE,
        },
    )
    adam = AdamW(groups, weight_decay=_WEIGHT_DECAY)
    return adam, Muon(matrices, _MATRIX_RATE, _WEIGHT_DECAY)


def label_loss(logits: Tensor) -> Tensor:
    """Of an original and its copy in turn, (2 * pairs,): cross-entropy of the labels, and of the
    order within each pair, and of any original with any copy, with a margin."""
    real, copied = logits.view(-1, 2).unbind(dim=1)
    labels = functional.softplus(real).mean() + functional.softplus(-copied).mean()
    ordered = functional.softplus(real - copied).mean()
    apart = functional.softplus(_MARGIN + real[:, None] - copied).mean()
    return 0.5 * labels + ordered + 0.5 * apart


def learning_rate(step: int, steps: int) -> float:
    """Relative to the peak: a linear warm-up, then half a cosine down to zero."""
    if step < _WARMUP_STEPS:
        return (step + 1) / _WARMUP_STEPS
    return 0.5 * (1 + math.cos(math.pi * (step - _WARMUP_STEPS) / max(1, steps - _WARMUP_STEPS)))
