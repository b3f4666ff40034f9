"""What every backend shares: graphs of static batch 1 whose input and output are arrays of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.machine import usable_cores


@dataclass(frozen=True)
class BoundGraph:
    """`run` computes `output` (1, …) from what stands in `input` (1, …), both float32 and bound once for all calls."""

    input: NDArray[np.float32]
    output: NDArray[np.float32]
    run: Callable[[], object]

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run each item of `batch` (N, …) through the graph and stack the outputs (N, …)."""
        if batch.dtype != np.float32 or batch.shape[1:] != self.input.shape[1:]:
            raise InputError(
                expected=f"float32 (N, {', '.join(map(str, self.input.shape[1:]))}) for this bundle",
                got=f"{batch.dtype} {batch.shape}",
                fix="preprocess with the settings of the bundle's manifest",
            )
        outputs = np.empty((len(batch), *self.output.shape[1:]), np.float32)
        for item, output in zip(batch, outputs, strict=True):
            self.input[0] = item
            self.run()
            output[...] = self.output[0]
        return outputs


class BoundSession:
    """Encoder and decoder as bound graphs; not thread-safe.

    Raises: InputError unless the graphs are ``frame`` (1, 1, H, W) → ``latent`` (1, D) → ``reconstruction``
    (1, 1, H, W).
    """

    def __init__(self, backend: str, encoder: BoundGraph, decoder: BoundGraph) -> None:
        self.backend = backend
        self._encoder = encoder
        self._decoder = decoder
        frame, latent = encoder.input.shape, encoder.output.shape
        chained = (len(frame), frame[:2], len(latent)) == (4, (1, 1), 2)
        if not chained or decoder.input.shape != latent or decoder.output.shape != frame:
            raise InputError(
                expected="graphs frame (1, 1, H, W) → latent (1, D) → reconstruction (1, 1, H, W)",
                got=f"{frame} → {latent} and {decoder.input.shape} → {decoder.output.shape}",
                fix="export the bundle again with `edge-nt export`",
            )

    def encode(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images float32 (N, 1, H, W) in [0, 1] → latents float32 (N, D). Raises: InputError for another shape."""
        return self._encoder(images)

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Latents float32 (N, D) → images float32 (N, 1, H, W). Raises: InputError for another shape."""
        return self._decoder(latents)


def check_threads(threads: int | None) -> None:
    """Refuse fewer than one thread; None leaves the number to the backend. Raises: InputError."""
    if threads is not None and threads < 1:
        raise InputError(expected="at least 1 thread", got=str(threads), fix="leave --threads out, or pass 1 or more")


def has_all_cores(threads: int | None) -> bool:
    """Whether a session with so many threads has every core to itself, so that its threads may be pinned to them.

    Unpinned, a thread that wakes up is often put on the core of the thread that wakes it, and waits there: on two
    cores, encode + decode after a pause of 75 ms took 1.3 (OpenVINO) to 2.5 times (onnxruntime) as long. Fewer threads
    share the cores with other sessions of a crew, all of which would be pinned to the same first ones.
    """
    return threads is not None and threads >= usable_cores()


def unloadable(names: tuple[str, str], backend: str, error: Exception) -> InputError:
    """The error for bytes that a backend does not take as a graph from the first name to the second."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return InputError(
        expected=f"a graph {names[0]} → {names[1]} for {backend}",
        got=lines[-1].strip() if lines else type(error).__name__,
        fix=f"update {backend.split(maxsplit=1)[0]} on this machine, or export the bundle again",
    )


def unfit_edge(name: str, got: str) -> InputError:
    """The error for a graph whose input or output is not the one float32 array of static shape that it must be."""
    return InputError(
        expected=f"a graph with one float32 {name} of static shape and batch 1",
        got=got,
        fix="export the bundle again with `edge-nt export`",
    )
