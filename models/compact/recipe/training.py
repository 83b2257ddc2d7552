"""Training the encoder as the teacher's student, with labels beside it, on CPU, resumable.

Voices that no training row resembles are heard otherwise by every training, though all are as good
on rows at hand. So several that began as one are averaged, weight by weight ("Diverse Weight
Averaging for Out-of-Distribution Generalization", Ramé and others, 2022).
"""

from __future__ import annotations

import copy
import json
import math
import os
import subprocess
import sys
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
from corpus import build_corpus
from crops import Crops, hear_crops
from encoder import ENCODER_FOLDER, Prediction, Student, log_spectrum, normalise, save_encoder
from head import engine_error_rates
from muon import Muon
from sources import ENGINES, SEED, Split

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
_SAME_SUMS = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}
"""Variables by which sums are added up in one order on every processor that has AVX2: a training
whose sums differ in their last bits ends elsewhere."""
_BRANCHES = 3
_TRUNK_SHARE = 0.25
"""Of the steps, common to the branches: enough of them that all end in one valley, where the mean
of their weights is as good as each."""
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


def train(work: Path, steps: int) -> None:
    """Train the encoder for `steps` optimiser steps, or go on from the last checkpoint, in a
    process of its own, which finds the corpus and the crops in `work` and leaves the encoder's
    folder there."""
    if not (work / ENCODER_FOLDER / "model.safetensors").exists():
        command = [sys.executable, __file__, str(work), str(steps)]
        subprocess.run(command, check=True, env=os.environ | _SAME_SUMS)


def train_branches(crops: Crops, check: Crops, work: Path, steps: int) -> None:
    """Train every branch, or go on from the last checkpoint, and write the mean encoder. `check`
    are crops of the validation rows, for the log alone."""
    torch.set_num_threads(_THREADS)
    students = []
    for branch in range(_BRANCHES):
        trainer = Trainer(crops, check, work / "training", steps, branch)
        trainer.run()
        students.append(trainer.averaged)
    student = mean_of(students)
    trainer.log_mean(student)
    save_encoder(student.encoder, work / ENCODER_FOLDER)


def mean_of(students: list[Student]) -> Student:
    """A student with the mean of the others' weights."""
    mean = copy.deepcopy(students[0])
    weights = zip(*(student.parameters() for student in students), strict=True)
    for own, all_of_it in zip(mean.parameters(), weights, strict=True):
        own.copy_(torch.stack(all_of_it).mean(dim=0))
    return mean


class Trainer:
    """The model, its moving average and its optimisers, at some step of a branch."""

    def __init__(self, crops: Crops, check: Crops, root: Path, steps: int, branch: int) -> None:
        self._root = root
        self._folder = root / f"branch-{branch}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._steps = steps
        self._trunk_steps = max(1, round(_TRUNK_SHARE * steps))
        self._step = 0
        torch.manual_seed(SEED + branch)
        self._model = Student()
        self._compiled = torch.compile(self._model)  # 1.3 times as fast, and the same parameters
        self.averaged = copy.deepcopy(self._model).requires_grad_(False)
        self._optimizers = _make_optimizers(self._model)
        self._batches = Batches(crops, SEED + branch)
        self._pooled_deviation = torch.from_numpy(self._batches.pooled_deviation())
        self._check = check
        if self._checkpoint.exists():
            self._load(self._checkpoint)
        elif branch:
            random = torch.get_rng_state()
            self._load(self._trunk)
            torch.set_rng_state(random)

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
            if self._step == self._trunk_steps:
                self._save(self._trunk)
            if self._step % _CHECK_EVERY == 0 or self._step == self._steps:
                minutes = round((time.monotonic() - started) / 60, 2)
                means = {name: fmean(step[name] for step in losses) for name in losses[0]}
                validation = self._validate(self.averaged)
                _log(self._folder, Progress(self._step, minutes, means, *validation))
                self._save(self._checkpoint)
                losses.clear()

    def log_mean(self, student: Student) -> None:
        """Write down what the mean of all branches does on the validation rows."""
        _log(self._root, Progress(self._steps, 0.0, {}, *self._validate(student)))

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
    def _validate(self, student: Student) -> tuple[dict[str, float], dict[str, float]]:
        """What a student explains of each origin, and the error rates of the engines."""
        student.eval()
        waveforms = torch.from_numpy(self._check.samples / np.float32(2**15))
        parts = [student(normalise(part)) for part in torch.split(waveforms, 10)]
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

    @property
    def _checkpoint(self) -> Path:
        return self._folder / "checkpoint.pt"

    @property
    def _trunk(self) -> Path:
        return self._root / "trunk.pt"

    def _save(self, path: Path) -> None:
        state = {
            "step": self._step,
            "model": self._model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "random": torch.get_rng_state(),
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def _load(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self._step = state["step"]
        self._model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        for optimizer, its_state in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(its_state)
        torch.set_rng_state(state["random"])


def _log(folder: Path, progress: Progress) -> None:
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(asdict(progress)) + "\n")


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


if __name__ == "__main__":
    work, steps = Path(sys.argv[1]), int(sys.argv[2])
    clips = build_corpus(work)
    train_crops, check = (hear_crops(clips, work, s) for s in (Split.TRAIN, Split.VALIDATION))
    train_branches(train_crops, check, work, steps)
