"""Which sinks a stream writes to: the one place that turns options into them, for runs and services alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_nt.bundle.manifest import BundleManifest
from edge_nt.errors import InputError
from edge_nt.sinks.latents import LATENTS_NAME, Latents
from edge_nt.sinks.latents_parquet import PARQUET_NAME, LatentsParquet
from edge_nt.sinks.pictures import PICTURES_NAME, Pictures
from edge_nt.sinks.result_log import RESULTS_NAME
from edge_nt.sinks.side_by_side_video import VIDEO_FOLDER, SideBySideVideo
from edge_nt.sinks.sink import Sink

LATENT_FILES = ("npz", "parquet", "none")
# Everything that a run may leave in its folder.
OUTPUT_NAMES = frozenset({RESULTS_NAME, LATENTS_NAME, PARQUET_NAME, PICTURES_NAME, VIDEO_FOLDER})


@dataclass(frozen=True)
class Outputs:
    """What is written beside the line of each frame.

    `latents` is one of LATENT_FILES; `video_fps` is the rate at which a side-by-side video plays, None for no video.
    Raises: InputError for other latents.
    """

    pictures: bool = True
    latents: str = "npz"
    video_fps: float | None = None

    def __post_init__(self) -> None:
        if self.latents not in LATENT_FILES:
            raise InputError(
                expected=f"--latents of {', '.join(LATENT_FILES)}", got=repr(self.latents), fix="name one of them"
            )


def sinks_of(outputs: Outputs, folder: Path, manifest: BundleManifest, *, live: bool) -> tuple[Sink, ...]:
    """The sinks of a stream of one bundle into `folder`, not yet entered; a `live` one goes on for weeks.

    Raises: InputError for latents as npz from a live stream, which would hold them all in memory;
    MissingDependencyError for Parquet without pyarrow.
    """
    sinks: list[Sink] = []
    if outputs.pictures:
        sinks.append(Pictures(folder, live=live))
    if outputs.latents == "npz":
        if live:
            raise InputError(
                expected="latents as parquet, which is written as it grows", got="npz", fix="pass --latents parquet"
            )
        sinks.append(Latents(folder))
    elif outputs.latents == "parquet":
        sinks.append(LatentsParquet(folder, manifest, live=live))
    if outputs.video_fps is not None:
        sinks.append(SideBySideVideo(folder, outputs.video_fps))
    return tuple(sinks)
