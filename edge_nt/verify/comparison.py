"""A candidate against the reference's pass over a dataset: figures, gates and what is reported beside them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from edge_nt.bundle.read import Bundle
from edge_nt.datasets.site import in_site, site_names
from edge_nt.errors import InputError, NonFiniteError
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.verify.auroc_change import AurocChange, auroc_change
from edge_nt.verify.fitted_frames import refuse_fitted
from edge_nt.verify.frame_comparison import FrameComparison, compare_frame
from edge_nt.verify.gate_result import GateResult
from edge_nt.verify.gates import Gates
from edge_nt.verify.group_figures import GroupFigures, group_figures
from edge_nt.verify.judge import judge
from edge_nt.verify.reference_pass import SOURCE_VALIDATION, ReferencePass


@dataclass(frozen=True)
class Comparison:
    """Two bundles on one dataset: `groups` carry the gates, `sites` are the same figures by site and scanner.

    `auroc` is None where only source validation was compared.
    """

    groups: tuple[GroupFigures, ...]
    sites: tuple[GroupFigures, ...]
    gates: tuple[GateResult, ...]
    auroc: AurocChange | None

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)

    @property
    def margin_used(self) -> float:
        """How much of its limit the worst gate uses: up to 1 has passed, more is further away."""
        return max(gate.margin_used for gate in self.gates)


def compare(
    candidate: Reconstructor,
    reference: ReferencePass,
    gates: Gates,
    on_frame: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Run every frame of the reference's pass through the candidate and judge each group; no golden vectors.

    A candidate that gives NaN or infinity for a frame has failed, with that as its only gate and no figures.

    Raises: InputError when the two are of different checkpoints or preprocessing, or a frame cannot be decoded;
    LeakageError when INT8 ranges were fitted on a frame, or on its patient.
    """
    refuse_another_run(reference.bundle, candidate.bundle)
    refuse_fitted(candidate.bundle, reference)
    done: list[FrameComparison] = []
    for frame in reference.frames:
        try:
            done.append(compare_frame(reference.dataset, frame, candidate))
        except NonFiniteError:
            # A file's name may be a patient's.
            reason = f"NaN or infinity for frame {len(done) + 1} of {len(reference.frames)}"
            gate = GateResult("finite outputs", "all frames", "frames", None, None, None, 0.0, "FAIL", reason)
            return Comparison((), (), (gate,), None)
        if on_frame is not None:
            on_frame(len(done), len(reference.frames))
    held_out = reference.bundle.manifest.held_out_hospital
    groups = {
        SOURCE_VALIDATION: [frame for frame in done if not in_site(held_out, frame)],
        f"held-out {held_out}": [frame for frame in done if in_site(held_out, frame)],
    }
    groups = {name: frames for name, frames in groups.items() if frames}
    return Comparison(
        groups=tuple(group_figures(name, frames) for name, frames in groups.items()),
        sites=_sites(groups.values()),
        gates=tuple(result for name, frames in groups.items() for result in judge(name, frames, gates)),
        auroc=auroc_change(*groups.values()) if len(groups) == 2 else None,
    )


def refuse_another_run(reference: Bundle, candidate: Bundle) -> None:
    """Refuse two bundles that nothing can be learnt from by comparing them. Raises: InputError."""
    refuse_no_reference(reference)
    first, second = reference.manifest, candidate.manifest
    for name in ("checkpoint_sha256", "preprocess", "structure", "held_out_hospital", "source_hospitals", "latent_dim"):
        if getattr(first, name) != getattr(second, name):
            raise InputError(
                expected=f"two bundles of one training run with the same {name}",
                got=f"{getattr(second, name)} in {candidate.folder} and {getattr(first, name)} in {reference.folder}",
                fix="export both from the same run",
            )


def refuse_no_reference(reference: Bundle) -> None:
    """Refuse a reference that is not FP32: against its own like every bundle would pass. Raises: InputError."""
    precision = reference.manifest.precision
    if precision != "fp32":
        raise InputError(
            expected="an FP32 bundle as --reference",
            got=f"{precision} in {reference.folder}",
            fix="name the FP32 bundle of the same checkpoint",
        )


def _sites(groups: Collection[Sequence[FrameComparison]]) -> tuple[GroupFigures, ...]:
    """Figures a site, a hospital whose scanners stand in two groups as two, and a scanner where a site has several."""
    names = site_names(groups)
    of_site: dict[str, list[FrameComparison]] = {}
    for frame in (frame for frames in groups for frame in frames):
        of_site.setdefault(names[frame.hospital, frame.scanner], []).append(frame)
    found: list[GroupFigures] = []
    for site, own in sorted(of_site.items()):
        scanners = sorted({frame.scanner for frame in own})
        found.append(group_figures(site, own))
        if len(scanners) > 1:
            found += [group_figures(f"{site}, {name or 'scanner unknown'}", _of(own, name)) for name in scanners]
    return tuple(found)


def _of(frames: Sequence[FrameComparison], scanner: str) -> list[FrameComparison]:
    return [frame for frame in frames if frame.scanner == scanner]
