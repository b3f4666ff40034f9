"""What a bundle holds beside its graphs: manifest, OOD statistics of its own encoder, golden vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import edge_nt
from edge_nt.bundle.golden_vectors import GoldenVectors
from edge_nt.bundle.manifest import (
    BundleManifest,
    CalibrationProvenance,
    Precision,
    Quantisation,
    Target,
)
from edge_nt.datasets.dataset import Row
from edge_nt.export.onnx_graph import Graphs
from edge_nt.imaging.letterbox import letterbox, to_unit_range
from edge_nt.ood.combined import CombinedOodModel, FrameFigures, frame_figures, joined_figures, signals_of
from edge_nt.ood.combined_fit import fit_combined
from edge_nt.phantom.generate import render_phantom
from edge_nt.runtime.session import Session
from edge_nt.training.checkpoint import read_facts
from edge_nt.training.run_folder import RunInfo
from edge_nt.training.run_frames import RunFrames, frames_of

GOLDEN_FRAMES = 4
_CHUNK_FRAMES = 32
OnStage = Callable[[str, int, int], None]


@dataclass(frozen=True)
class MadeGraphs:
    """Graphs at a precision for a target, and how they became INT8; both parts None for other precisions."""

    graphs: Graphs
    precision: Precision
    target: Target
    quantisation: Quantisation | None = None
    calibration: CalibrationProvenance | None = None


def images_of(source: RunFrames, rows: tuple[Row, ...]) -> NDArray[np.float32]:
    """Network input float32 (N, 1, H, W) in [0, 1] of `rows`."""
    return to_unit_range(frames_of(source, rows))


@dataclass(frozen=True, eq=False)
class SourceLatents:
    """What one encoder makes of source hospitals' frames: latents (N, D) of training and validation."""

    training: NDArray[np.float32]
    validation: NDArray[np.float32]


def source_latents(session: Session, source: RunFrames, on_stage: OnStage) -> SourceLatents:
    """Encode every source-hospital frame of a run."""
    train, val = source.split.train, source.split.val
    rows = (*train, *val)
    latents = []
    for start in range(0, len(rows), _CHUNK_FRAMES):
        on_stage("encoding source frames for the OOD statistics", start, len(rows))
        latents.append(session.encode(images_of(source, rows[start : start + _CHUNK_FRAMES])))
    everything = np.concatenate(latents)
    return SourceLatents(everything[: len(train)], everything[len(train) :])


def fit_ood_of(session: Session, source: RunFrames, latents: SourceLatents, on_stage: OnStage) -> CombinedOodModel:
    """OOD statistics of source frames as this very encoder and decoder give them; `latents` are the encoder's."""
    train, val = source.split.train, source.split.val
    on_stage("measuring the signals of training frames", 0, 0)
    chunks = (train[start : start + _CHUNK_FRAMES] for start in range(0, len(train), _CHUNK_FRAMES))
    signals = np.concatenate([signals_of(frames_of(source, chunk)) for chunk in chunks])
    sites = [source.split.site_of(row) for row in train]
    found = []
    for start in range(0, len(val), _CHUNK_FRAMES):
        on_stage("fitting OOD statistics on the exported graphs", start, len(val))
        here = slice(start, start + _CHUNK_FRAMES)
        found.append(_figures(session, frames_of(source, val[here]), latents.validation[here]))
    return fit_combined(latents.training, signals, sites, joined_figures(found), [row.patient for row in val])


def _figures(session: Session, frames: NDArray[np.uint8], latents: NDArray[np.float32]) -> FrameFigures:
    # Clipped as the runtime clips what it scores.
    return frame_figures(frames, latents, np.clip(session.decode(latents)[:, 0], 0.0, 1.0))


def golden_vectors(session: Session, info: RunInfo) -> GoldenVectors:
    """What the graphs give for phantoms: a bundle travels, so no patient's frame may be in it."""
    pictures = [render_phantom(0, hospital, 0).frame.pixels for hospital in range(GOLDEN_FRAMES)]
    frames = np.stack([letterbox(pixels, info.preprocess) for pixels in pictures])
    latents = session.encode(to_unit_range(frames))
    return GoldenVectors(frames, latents, session.decode(latents))


def manifest_of(
    run: Path, source: RunFrames, made: MadeGraphs, latent_dim: int, trained_on: tuple[str, ...] = ()
) -> BundleManifest:
    """The manifest of graphs made from a run's stage 2; a candidate of a search need not say what it was trained on."""
    info = source.info
    return BundleManifest(
        edge_nt_version=edge_nt.__version__,
        precision=made.precision,
        target=made.target,
        structure=info.structures[0],
        held_out_hospital=info.held_out_hospital,
        source_hospitals=tuple(sorted({source.split.site_of(row) for row in source.split.train})),
        synthetic=info.synthetic,
        latent_dim=latent_dim,
        preprocess=info.preprocess,
        checkpoint_sha256=read_facts(run, "stage2")["sha256"],
        quantisation=made.quantisation,
        calibration=made.calibration,
        trained_on=trained_on,
    )
