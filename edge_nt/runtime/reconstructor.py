"""A loaded bundle that reconstructs and scores frames."""

from __future__ import annotations

from itertools import pairwise
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_nt.bundle.read import Bundle, read_bundle
from edge_nt.bundle.reference import reference_bundle
from edge_nt.errors import NonFiniteError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.frame import Frame
from edge_nt.imaging.letterbox import letterbox, write_unit_range
from edge_nt.ood.combined_scorer import CombinedOodScorer
from edge_nt.runtime.admission import Admission, admit
from edge_nt.runtime.backend_choice import BackendChoice, choose_backend
from edge_nt.runtime.backends import AUTO, check_backend
from edge_nt.runtime.reconstruction import Reconstruction, StageTimes
from edge_nt.runtime.session import Session


class Reconstructor:
    """A bundle and the session that runs it; call it with a frame. One thread at a time.

    `choice` says how the session's backend was found; None for a session that the caller built. `admission` says why
    the bundle may run; None where it was not asked, as in measurements.
    """

    def __init__(
        self,
        bundle: Bundle,
        session: Session,
        choice: BackendChoice | None = None,
        admission: Admission | None = None,
    ) -> None:
        self.bundle = bundle
        self.session = session
        self.choice = choice
        self.admission = admission
        preprocess = bundle.manifest.preprocess
        self._images = np.empty((1, 1, preprocess.height, preprocess.width), np.float32)
        self._score = CombinedOodScorer(bundle.ood)

    @property
    def verdict(self) -> str | None:
        """What output says of the bundle, the state of its admission; None where that was not asked."""
        return None if self.admission is None else self.admission.state

    def __call__(self, frame: Frame) -> Reconstruction:
        """Reconstruct and score one frame. Raises: NonFiniteError when graphs or score give NaN or infinity."""
        preprocess = self.bundle.manifest.preprocess
        start = perf_counter()
        network_input = letterbox(frame.pixels, preprocess)
        write_unit_range(network_input[None], self._images)
        preprocessed = perf_counter()
        latents = self.session.encode(self._images)
        encoded = perf_counter()
        network_output = self.session.decode(latents)[0, 0]
        decoded = perf_counter()
        self._refuse_non_finite(frame, "numbers from the graphs", latents, network_output)
        np.clip(network_output, 0.0, 1.0, out=network_output)
        score = self._score(network_input, latents[0], network_output)
        self._refuse_non_finite(frame, "OOD scores", np.array(score.score))
        scored = perf_counter()
        marks = (start, preprocessed, encoded, decoded, scored)
        stages_ms = [(after - before) * 1e3 for before, after in pairwise(marks)]
        height, width = frame.pixels.shape
        return Reconstruction(
            source=frame.source,
            source_height_px=height,
            source_width_px=width,
            preprocess=preprocess,
            network_input=network_input,
            network_output=network_output,
            latent=latents[0],
            ood=score,
            times=StageTimes(*stages_ms),
        )

    def score_file(self, path: str | PathLike[str]) -> Reconstruction:
        """Decode an image file, reconstruct and score it. Raises: InputError when it is no readable image."""
        return self(decode_image(Path(path)))

    def _refuse_non_finite(self, frame: Frame, name: str, *arrays: NDArray[np.floating[Any]]) -> None:
        # The extremes carry NaN and infinity, and cost a third of asking every number.
        if not all(np.isfinite((array.min(), array.max())).all() for array in arrays):
            raise NonFiniteError(
                expected=f"finite {name} of {self.bundle.folder}",
                got=f"NaN or infinity for {frame.source}",
                fix="check the bundle with `edge-nt verify`, or use another precision",
            )


def load(
    bundle_folder: str | PathLike[str] | None = None,
    threads: int | None = None,
    backend: str = AUTO,
    *,
    allow_unverified: bool = False,
) -> Reconstructor:
    """Load a bundle that passed `edge-nt verify`, or is the FP32 reference, for frames on this machine.

    Without a folder it is the bundle that edge-nt ships with. Every hash is verified first. `threads` bounds the
    threads inside an operator; None leaves the choice to the backend. `backend` is one of
    `edge_nt.runtime.backends.BACKENDS`; ``auto`` takes the fastest installed one that repeats the bundle's golden
    vectors, measuring for about a second where two are installed, and remembers it.
    `allow_unverified` also takes a bundle without a verdict, or with a failed one, and says so in `admission`.
    Raises: InputError for a bundle that is damaged, mixed up, of another schema version or without a verdict;
    MissingDependencyError; GateFailedError for a bundle that failed, or does not repeat its golden vectors here.
    """
    check_backend(backend)
    folder = reference_bundle(backend) if bundle_folder is None else bundle_folder
    loaded = load_unjudged(folder, threads, backend)
    loaded.admission = admit(loaded.bundle, loaded.session, allow_unverified=allow_unverified)
    return loaded


def load_unjudged(bundle_folder: str | PathLike[str], threads: int | None = None, backend: str = AUTO) -> Reconstructor:
    """Load a bundle whatever its verdict, for those who measure or judge it; what `load` says holds otherwise."""
    bundle = read_bundle(Path(bundle_folder))
    choice, session = choose_backend(bundle, backend, threads)
    return Reconstructor(bundle, session, choice)
