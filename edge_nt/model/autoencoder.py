"""The convolutional autoencoder: 128-D latent, built from layers that quantise and compile well everywhere.

    frame (N, 1, H, W) ─► 4×4 stride-2 conv + BatchNorm + ReLU, ×5 ─► linear ─► latent (N, 128)
    latent ─► linear + ReLU ─► (3×3 conv + pixel shuffle ×2 + ReLU) up to H/4 ─► 3×3 conv + pixel shuffle ×4 ─► sigmoid

There is no transposed convolution: TensorRT and onnxruntime run it slowly, or not at all, in INT8.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edge_nt.errors import InputError

LATENT_DIM = 128
# Five halvings: a 192×256 frame reaches the bottleneck as 6×8.
ENCODER_CHANNELS = (32, 64, 128, 256, 256)
# Channels after each ×2 of the decoder, from 1/32 to 1/4 of the frame.
DECODER_CHANNELS = (192, 96, 64)
_REDUCTION = 2 ** len(ENCODER_CHANNELS)


class Encoder(nn.Sequential):
    """Frame (N, 1, H, W) in [0, 1] → latent (N, 128)."""

    def __init__(self, height: int, width: int, latent_dim: int = LATENT_DIM) -> None:
        layers: list[nn.Module] = []
        inputs = 1
        for outputs in ENCODER_CHANNELS:
            # BatchNorm has its own shift, so the convolution needs no bias.
            layers += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        positions = (height // _REDUCTION) * (width // _REDUCTION)
        super().__init__(*layers, nn.Flatten(), nn.Linear(inputs * positions, latent_dim))


class Decoder(nn.Sequential):
    """Latent (N, 128) → reconstruction (N, 1, H, W) in [0, 1]."""

    def __init__(self, height: int, width: int, latent_dim: int = LATENT_DIM) -> None:
        rows, columns = height // _REDUCTION, width // _REDUCTION
        inputs = ENCODER_CHANNELS[-1]
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, inputs * rows * columns),
            nn.ReLU(),
            nn.Unflatten(1, (inputs, rows, columns)),
        ]
        for outputs in DECODER_CHANNELS:
            layers += [nn.Conv2d(inputs, outputs * 4, 3, 1, 1), nn.PixelShuffle(2), nn.ReLU()]
            inputs = outputs
        super().__init__(*layers, nn.Conv2d(inputs, 16, 3, 1, 1), nn.PixelShuffle(4), nn.Sigmoid())


class AutoEncoder(nn.Module):
    """Encoder and decoder for one input size (height, width): multiples of 32 px. `Preprocess` asks for more."""

    def __init__(self, height: int = 192, width: int = 256, latent_dim: int = LATENT_DIM) -> None:
        super().__init__()
        if height % _REDUCTION or width % _REDUCTION or min(height, width) < _REDUCTION:
            raise InputError(
                expected=f"sides that are multiples of {_REDUCTION} px from {_REDUCTION} up",
                got=f"{height}x{width}",
                fix="choose, for example, 192x256",
            )
        self.encoder = Encoder(height, width, latent_dim)
        self.decoder = Decoder(height, width, latent_dim)

    def encode(self, frames: Tensor) -> Tensor:
        """Frames (N, 1, H, W) in [0, 1] → latents (N, 128)."""
        latents: Tensor = self.encoder(frames)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (N, 128) → reconstructions (N, 1, H, W) in [0, 1]."""
        reconstructions: Tensor = self.decoder(latents)
        return reconstructions

    def forward(self, frames: Tensor) -> Tensor:
        """Frames → reconstructions, both (N, 1, H, W) in [0, 1]."""
        return self.decode(self.encode(frames))


def multiply_adds(model: AutoEncoder, height: int, width: int) -> int:
    """Multiply-adds of one frame through encoder and decoder, counted from the layers that run."""
    total = 0

    def count(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d | nn.Linear):
            total += output.numel() * module.weight[0].numel()

    hooks = [module.register_forward_hook(count) for module in model.modules()]
    try:
        with torch.no_grad():
            model(torch.zeros(1, 1, height, width, device=next(model.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    return total
