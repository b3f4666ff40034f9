"""Variants whose times are known beforehand: a real bundle whose session also sleeps, or breaks when told to."""

from dataclasses import dataclass
from pathlib import Path
from time import sleep

import numpy as np
from numpy.typing import NDArray

from edge_nt.bench.variant import Variant, VariantIdentity
from edge_nt.runtime.reconstructor import Reconstructor, load_unjudged
from edge_nt.runtime.session import Session


@dataclass
class SlowSession:
    inner: Session
    encode_ms: float
    breaks_at: int | None
    slow_calls: int
    slow_ms: float
    backend: str = "onnxruntime"
    calls: int = 0

    def encode(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.calls == self.breaks_at:
            raise RuntimeError("the engine\nlost its device")
        self.calls += 1
        sleep((self.slow_ms if self.calls <= self.slow_calls else self.encode_ms) / 1e3)
        return self.inner.encode(images)

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.inner.decode(latents)


def slow(
    name: str,
    bundle: Path,
    encode_ms: float = 0.0,
    breaks_at: int | None = None,
    slow_calls: int = 0,
    slow_ms: float = 0.0,
) -> Variant:
    """A peer that takes `encode_ms` longer than the bundle, or `slow_ms` in its first calls, and breaks at a call."""

    def loaded() -> Reconstructor:
        inner = load_unjudged(bundle, 1, "onnxruntime")
        return Reconstructor(inner.bundle, SlowSession(inner.session, encode_ms, breaks_at, slow_calls, slow_ms))

    return Variant(VariantIdentity(name, "peer", "fp32", "any", "onnxruntime", 1, None), loaded)


def broken(name: str, error: Exception) -> Variant:
    """A peer whose load raises."""

    def fails() -> Reconstructor:
        raise error

    return Variant(VariantIdentity(name, "peer", "fp32", "any", "nothing", None, None), fails)
