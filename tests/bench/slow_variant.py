"""Variants whose times are known beforehand: a real bundle whose session also sleeps, or breaks when told to."""

from dataclasses import dataclass
from pathlib import Path
from time import sleep

import numpy as np
from numpy.typing import NDArray

from edge_nt.bench.variant import Variant, VariantIdentity
from edge_nt.runtime.reconstructor import Reconstructor, load
from edge_nt.runtime.session import Session


@dataclass
class SlowSession:
    inner: Session
    encode_ms: float
    breaks_at: int | None
    backend: str = "onnxruntime"
    calls: int = 0

    def encode(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.calls == self.breaks_at:
            raise RuntimeError("the engine\nlost its device")
        self.calls += 1
        sleep(self.encode_ms / 1e3)
        return self.inner.encode(images)

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.inner.decode(latents)


def slow(name: str, bundle: Path, encode_ms: float = 0.0, breaks_at: int | None = None) -> Variant:
    """A peer that takes `encode_ms` longer than the bundle, and breaks at that call of its session."""

    def loaded() -> Reconstructor:
        inner = load(bundle, 1, "onnxruntime")
        return Reconstructor(inner.bundle, SlowSession(inner.session, encode_ms, breaks_at))

    return Variant(VariantIdentity(name, "peer", "fp32", "any", "onnxruntime", 1, None), loaded)


def broken(name: str, error: Exception) -> Variant:
    """A peer whose load raises."""

    def fails() -> Reconstructor:
        raise error

    return Variant(VariantIdentity(name, "peer", "fp32", "any", "nothing", None, None), fails)
