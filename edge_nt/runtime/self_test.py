"""What has to hold on a device before a bundle is used there: the checks of `edge-nt doctor --self-test`.

They are what no machine without a GPU can show. None of them has run on a device yet: see docs/tensorrt.md.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np

import edge_nt
from edge_nt.bundle.read import Bundle
from edge_nt.bundle.tensorrt_target import refuse_for_tensorrt
from edge_nt.engines.cuda_driver import CudaError, free_memory_bytes
from edge_nt.engines.engine_folder import OnBuild, build_engines, engine_root
from edge_nt.engines.platform import EnginePlatform, this_platform
from edge_nt.errors import EdgeNtError
from edge_nt.imaging.letterbox import letterbox, to_unit_range
from edge_nt.phantom.generate import render_phantom
from edge_nt.runtime.device import open_device
from edge_nt.runtime.golden import GoldenTolerances, check_golden
from edge_nt.runtime.launch import LaunchChoice
from edge_nt.runtime.launch_measure import measure_launches
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession
from edge_nt.runtime.tensorrt_session import TensorRtSession

_PHANTOMS = 16
_FRAMES_FOR_MEMORY = 300
# Beside what others do on the device meanwhile.
_GROWTH_ALLOWED_BYTES = 1 << 20


@dataclass(frozen=True)
class SelfTestCheck:
    """One check: whether it passed, and what was seen or why it failed."""

    name: str
    passed: bool
    seen: str


@dataclass(frozen=True)
class SelfTestReport:
    """All checks of one bundle on one device. `launches` is None when no way of launching could be measured."""

    kind: Literal["edge-nt self-test"]
    schema_version: Literal[1]
    edge_nt: str
    bundle: str
    precision: str
    platform: EnginePlatform
    device_package: str
    checks: tuple[SelfTestCheck, ...]
    launches: LaunchChoice | None

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


def run_self_test(
    bundle: Bundle, tolerances: GoldenTolerances, *, workspace_mb: int, on_build: OnBuild
) -> SelfTestReport:
    """Build what is missing, and run every check; those after a failed build fail with its reason.

    Raises: MissingDependencyError without TensorRT, a GPU, pycuda or cuda-python; InputError for a bundle for CPUs.
    """
    refuse_for_tensorrt(bundle.manifest, bundle.folder)
    platform, device = this_platform(), open_device()
    launches: list[LaunchChoice] = []

    def measured() -> str:
        launches.append(measure_launches(bundle, tolerances))
        return f"fastest: {launches[0].chosen}"

    checks = (
        _check("build", lambda: built(bundle, platform, workspace_mb, on_build)),
        _check("launches", measured),
        _check("golden vectors", lambda: golden_vectors(bundle, tolerances)),
        _check("against onnxruntime", lambda: against_onnxruntime(bundle, tolerances)),
        _check("equal results", lambda: equal_results(bundle)),
        _check("two threads", lambda: two_threads(bundle)),
        _check("device memory", lambda: steady_memory(bundle)),
    )
    return SelfTestReport(
        "edge-nt self-test",
        1,
        edge_nt=edge_nt.__version__,
        bundle=bundle.folder.name,
        precision=bundle.manifest.precision,
        platform=platform,
        device_package=device.package,
        checks=checks,
        launches=launches[0] if launches else None,
    )


class CheckFailedError(Exception):
    """What a check saw instead of what has to hold."""


def built(bundle: Bundle, platform: EnginePlatform, workspace_mb: int, on_build: OnBuild) -> str:
    """Plans of both graphs, for this machine. Raises: InputError, MissingDependencyError, as `build_engines`."""
    root = engine_root(bundle)
    summary = build_engines(bundle, platform, root=root, workspace_mb=workspace_mb, force=False, on_build=on_build)
    typings = ", ".join(f"{record.graph} {record.typing}ly typed" for record in summary.records)
    return f"{typings}; built now: {', '.join(summary.built) or 'nothing'}"


def golden_vectors(bundle: Bundle, tolerances: GoldenTolerances) -> str:
    """The bundle's golden vectors, within its precision's tolerance. Raises: GateFailedError."""
    found = check_golden(bundle, TensorRtSession(bundle), tolerances)
    return f"latent {found.latent_relative_error:.2g}, picture {found.reconstruction_grey_levels:.2g} grey levels"


def against_onnxruntime(bundle: Bundle, tolerances: GoldenTolerances) -> str:
    """Both engines on phantoms that no golden vector shows, within the golden tolerance. Raises: CheckFailedError."""
    pictures = [render_phantom(1, index % 4, index).frame.pixels for index in range(_PHANTOMS)]
    images = to_unit_range(np.stack([letterbox(pixels, bundle.manifest.preprocess) for pixels in pictures]))
    here, there = TensorRtSession(bundle), OnnxRuntimeSession(bundle.encoder_onnx, bundle.decoder_onnx)
    latents = there.encode(images)
    latent = _worst(np.linalg.norm(here.encode(images) - latents, axis=1) / np.linalg.norm(latents, axis=1))
    picture = _worst(np.abs(here.decode(latents) - there.decode(latents)).mean(axis=(1, 2, 3)) * 255)
    limit = tolerances[bundle.manifest.precision]
    seen = f"latent {latent:.2g}, picture {picture:.2g} grey levels over {_PHANTOMS} phantoms"
    # Written so that NaN, which compares false with everything, fails.
    if not (latent <= limit.latent_max_relative_error and picture <= limit.reconstruction_max_grey_levels):
        raise CheckFailedError(f"{seen}; allowed {limit}")
    return seen


def equal_results(bundle: Bundle) -> str:
    """The same frames twice through one session, and through a second one. Raises: CheckFailedError."""
    images = to_unit_range(bundle.golden.frames)
    first, second = TensorRtSession(bundle), TensorRtSession(bundle)
    latents = first.encode(images)
    if not (np.array_equal(latents, first.encode(images)) and np.array_equal(latents, second.encode(images))):
        raise CheckFailedError("the same frames gave other latents")
    return f"{len(images)} frames, to the bit"


def two_threads(bundle: Bundle) -> str:
    """Two sessions at the same time in threads that did not make them. Raises: CheckFailedError."""
    images = to_unit_range(bundle.golden.frames)
    sessions = TensorRtSession(bundle), TensorRtSession(bundle)
    alone = sessions[0].encode(images)
    with ThreadPoolExecutor(len(sessions)) as pool:
        runs = list(pool.map(lambda session: [session.encode(images) for _ in range(20)], sessions))
    if not all(np.array_equal(latents, alone) for run in runs for latents in run):
        raise CheckFailedError("frames of two threads disturbed each other")
    return "2 sessions, 20 rounds each, to the bit"


def steady_memory(bundle: Bundle) -> str:
    """No frame allocates device memory. Raises: CheckFailedError."""
    session, device = TensorRtSession(bundle), open_device()
    images = to_unit_range(bundle.golden.frames[:1])
    session.decode(session.encode(images))
    with device:
        before = free_memory_bytes()
    for _ in range(_FRAMES_FOR_MEMORY):
        session.decode(session.encode(images))
    with device:
        grown = before - free_memory_bytes()
    if grown > _GROWTH_ALLOWED_BYTES:
        raise CheckFailedError(f"{grown / 1e6:.1f} MB less free after {_FRAMES_FOR_MEMORY} frames")
    return f"{grown / 1e6:.1f} MB less free after {_FRAMES_FOR_MEMORY} frames"


def _check(name: str, run: Callable[[], str]) -> SelfTestCheck:
    try:
        return SelfTestCheck(name, True, run())
    except (EdgeNtError, CudaError, CheckFailedError) as error:
        return SelfTestCheck(name, False, str(error))


def _worst(errors: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> float:
    return float(np.max(errors))
