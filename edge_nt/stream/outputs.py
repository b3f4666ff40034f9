"""Which sinks a stream writes to: the one place that turns options into them, for runs and services alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_nt.errors import InputError
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.latents import LATENTS_NAME, Latents
from edge_nt.sinks.latents_parquet import PARQUET_NAME, LatentsParquet
from edge_nt.sinks.nameless import nameless, source_kind
from edge_nt.sinks.pictures import PICTURES_NAME, Pictures
from edge_nt.sinks.result_log import RESULTS_NAME
from edge_nt.sinks.side_by_side_video import VIDEO_FOLDER, SideBySideVideo, check_frame_rate
from edge_nt.sinks.sink import Sink
from edge_nt.sources.source import Offer, Source

LATENT_FILES = ("npz", "parquet", "none")
# secondary_capture.py's own name for it; that file imports pydicom, which takes longer than everything else here.
_DICOM_NAME = "dicom"
# Everything that a run may leave in its folder.
OUTPUT_NAMES = frozenset({RESULTS_NAME, LATENTS_NAME, PARQUET_NAME, PICTURES_NAME, VIDEO_FOLDER, _DICOM_NAME})


@dataclass(frozen=True)
class Outputs:
    """What is written beside the line of each frame.

    `latents` is one of LATENT_FILES; `video_fps` is the rate at which a side-by-side video plays, None for no video;
    `dicom` writes Secondary Captures. `deidentify` leaves out patients' data of DICOM files and the names of files
    everywhere; text that is burned into pixels stays. Raises: InputError for other latents, or a rate that is none.
    """

    pictures: bool = True
    latents: str = "npz"
    video_fps: float | None = None
    dicom: bool = False
    deidentify: bool = False

    def __post_init__(self) -> None:
        if self.latents not in LATENT_FILES:
            raise InputError(
                expected=f"--latents of {', '.join(LATENT_FILES)}", got=repr(self.latents), fix="name one of them"
            )
        if self.video_fps is not None:
            check_frame_rate(self.video_fps)


def sinks_of(outputs: Outputs, folder: Path, reconstructor: Reconstructor, *, live: bool) -> tuple[Sink, ...]:
    """The sinks of a stream into `folder`, not yet entered; a `live` one goes on for weeks.

    Raises: InputError for latents as npz from a live stream, which would hold them all in memory;
    MissingDependencyError for Parquet without pyarrow.
    """
    if live:
        check_live(outputs)
    sinks: list[Sink] = []
    if outputs.pictures:
        sinks.append(Pictures(folder, live=live))
    if outputs.latents == "npz":
        sinks.append(Latents(folder))
    elif outputs.latents == "parquet":
        sinks.append(LatentsParquet(folder, reconstructor.bundle.manifest, live=live))
    if outputs.video_fps is not None:
        sinks.append(SideBySideVideo(folder, outputs.video_fps))
    if outputs.dicom:
        from edge_nt.sinks.secondary_capture import SecondaryCapture

        verdict, deidentify = reconstructor.verdict, outputs.deidentify
        sinks.append(SecondaryCapture(folder, reconstructor.bundle, verdict, deidentify=deidentify, live=live))
    return tuple(sinks)


def check_live(outputs: Outputs) -> None:
    """Raises: InputError for latents as npz, which a live stream would hold in memory for weeks."""
    if outputs.latents == "npz":
        raise InputError(
            expected="latents as parquet, which is written as it grows", got="npz", fix="pass --latents parquet"
        )


def named_as_asked(outputs: Outputs, source: Source) -> Source:
    """The source, whose offers carry no names of files where the outputs are to have none."""
    return _NamelessSource(source) if outputs.deidentify else source


def cannot_strip(outputs: Outputs, sinks: Sequence[Sink]) -> str | None:
    """What de-identification left in what `sinks` wrote, in words; None where it was not asked for."""
    if not outputs.deidentify:
        return None
    words = "Text burned into the pixels was not removed, from pictures, video, latents or DICOM"
    if not outputs.dicom:
        return f"{words}."
    from edge_nt.sinks.secondary_capture import SecondaryCapture

    counts = next(sink.burned_in for sink in sinks if isinstance(sink, SecondaryCapture))
    said = ", ".join(f"{value} {count}" for value, count in sorted(counts.items())) or "no frame"
    return f"{words}; Burned In Annotation (0028,0301) says of the frames: {said}."


class _NamelessSource:
    def __init__(self, source: Source) -> None:
        self.name, self.live = source_kind(source.name), source.live
        self._source = source

    def offers(self) -> Iterator[Offer]:
        return nameless(self._source.offers())

    def stop(self) -> None:
        self._source.stop()
