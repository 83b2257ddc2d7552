"""The first convolution of a "group" Wav2Vec2, with its normalisation over time folded into it."""

from typing import cast

import torch
from torch.nn import functional
from transformers import Wav2Vec2Model


class FoldedGroupNorm(torch.nn.Module):
    """Convolution, GroupNorm over time and activation: (batch, 1, samples) to (batch, channels, T).

    A channel's mean and variance over time follow from those of the waveform's windows, a handful
    of numbers, which float64 gives exactly. onnxruntime's own float32 sums over T frames are off
    by 1e-7 of the channel's spread; in digital silence that is all there is, and the layer norm
    behind the convolutions multiplies it by 300.
    """

    identity: torch.Tensor
    """(kernel, 1, kernel): the convolution that copies each window."""
    weight: torch.Tensor
    """(channels, kernel), float64, as are the next two."""
    gain: torch.Tensor
    shift: torch.Tensor

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        convolution = cast(torch.nn.Conv1d, layer.conv)
        norm = cast(torch.nn.GroupNorm, layer.layer_norm)
        [kernel] = convolution.kernel_size
        self.stride = convolution.stride
        self.eps = norm.eps
        self.activation = cast(torch.nn.Module, layer.activation)
        self.register_buffer("identity", torch.eye(kernel)[:, None])
        self.register_buffer("weight", convolution.weight.detach()[:, 0].double())
        self.register_buffer("gain", norm.weight.detach().double())
        self.register_buffer("shift", norm.bias.detach().double())

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """Weights and biases of each clip, then one product with its windows.

        The convolution's own bias cancels out in the normalisation.
        """
        windows = functional.conv1d(waveform, self.identity, stride=self.stride)  # (B, kernel, T)
        exact = windows.double()
        mean = exact.mean(dim=2, keepdim=True)
        centred = exact - mean
        # Not the transpose itself into the product: onnxruntime before 1.24 would fuse the two into
        # an operator that it has for float32 only.
        share = centred.transpose(1, 2) / centred.shape[2]  # (B, T, kernel)
        covariance = centred @ share  # (B, kernel, kernel)
        variance = (self.weight @ covariance * self.weight).sum(dim=2)  # (B, channels)
        scale = self.gain / torch.sqrt(variance + self.eps)
        weight = self.weight * scale[:, :, None]  # (B, channels, kernel)
        bias = self.shift[:, None] - weight @ mean  # (B, channels, 1)
        hidden: torch.Tensor = self.activation(weight.float() @ windows + bias.float())
        return hidden


def fold_group_norm(model: Wav2Vec2Model) -> None:
    """Replace the first layer by its folded form; a model without GroupNorm stays as it is."""
    if model.config.feat_extract_norm == "group":
        layers = model.feature_extractor.conv_layers
        layers[0] = FoldedGroupNorm(layers[0])
