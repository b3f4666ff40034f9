"""The engines of a bundle on this machine: found, built where none fits, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import edge_nt
from edge_nt.atomic import TEMPORARY_PREFIX, atomic_file
from edge_nt.bundle.manifest import ENGINES_NAME
from edge_nt.bundle.read import Bundle
from edge_nt.bundle.tensorrt_target import refuse_for_tensorrt
from edge_nt.engines.build import BuiltPlan, build_plan
from edge_nt.engines.engine_record import (
    GRAPHS,
    EngineRecord,
    Graph,
    expected_tensors,
    onnx_sha256,
    plan_path,
    read_fitting_plan,
    read_record,
    record_path,
)
from edge_nt.engines.platform import EnginePlatform
from edge_nt.engines.timing_cache import read_timing_cache, store_timing_cache
from edge_nt.errors import EdgeNtError, InputError
from edge_nt.results import write_result

_LOCK_NAME = f"{TEMPORARY_PREFIX}build"
# A TB, more than any device has; what TensorRT is given must fit into its 64 bits.
_LARGEST_WORKSPACE_MB = 1 << 20
# Graph, phase of the build, steps done, steps in all.
OnBuild = Callable[[Graph, str, int, int], None]


@dataclass(frozen=True)
class BuildSummary:
    """What a build did: each graph's record, which of them were built now, and why an older plan did not fit.

    `interrupted` says that an earlier build in this folder was killed before it ended.
    """

    folder: Path
    records: tuple[EngineRecord, ...]
    built: tuple[Graph, ...]
    replaced: tuple[str, ...]
    interrupted: bool
    timing_cache_kept: bool


def engine_root(bundle: Bundle, out: Path | None = None) -> Path:
    """Where a bundle's engines lie: ``engines`` in the bundle, or a part of `out`, or of the folder EDGE_NT_ENGINES.

    A folder outside may serve many bundles, also some on a read-only disk: each has a part named by its bundle.json.
    """
    named = out or os.environ.get("EDGE_NT_ENGINES")
    return Path(named) / bundle.sha256[:16] if named else bundle.folder / ENGINES_NAME


def build_engines(
    bundle: Bundle, platform: EnginePlatform, *, root: Path, workspace_mb: int, force: bool, on_build: OnBuild
) -> BuildSummary:
    """Build the plans of a bundle that `root` does not hold yet for this platform; with `force` all of them.

    Raises: InputError for a bundle that TensorRT must not get, a graph that it refuses, a folder that cannot be
    written, or another build at work in it; MissingDependencyError when memory runs out.
    """
    refuse_for_tensorrt(bundle.manifest, bundle.folder)
    if not 1 <= workspace_mb <= _LARGEST_WORKSPACE_MB:
        raise InputError(
            expected=f"a workspace from 1 to {_LARGEST_WORKSPACE_MB} MB",
            got=f"{workspace_mb} MB",
            fix="correct --workspace-mb",
        )
    folder = root / platform.tag
    built: list[Graph] = []
    replaced: list[str] = []
    kept = True
    try:
        with _alone_in(folder) as interrupted:
            for graph in GRAPHS:
                reason = "asked for anew" if force else _misfit(folder, graph, bundle, platform)
                if reason is None:
                    continue
                if plan_path(folder, graph).exists():
                    replaced.append(f"{graph}: {reason}")
                plan = _build(bundle, graph, platform, workspace_mb, on_build)
                _write(folder, graph, plan, _record(bundle, graph, platform, workspace_mb, plan))
                kept = store_timing_cache(platform, plan.timing_cache) and kept
                built.append(graph)
    except OSError as error:
        raise InputError(
            expected=f"a folder {folder} that can be written", got=str(error), fix="name another with --out"
        ) from error
    records = tuple(read_record(folder, graph) for graph in GRAPHS)
    return BuildSummary(folder, records, tuple(built), tuple(replaced), interrupted, kept)


def _misfit(folder: Path, graph: Graph, bundle: Bundle, platform: EnginePlatform) -> str | None:
    try:
        read_fitting_plan(folder, graph, bundle, platform)
    except EdgeNtError as error:
        return error.got
    return None


def _build(bundle: Bundle, graph: Graph, platform: EnginePlatform, workspace_mb: int, on_build: OnBuild) -> BuiltPlan:
    plan = build_plan(
        bundle.encoder_onnx if graph == "encoder" else bundle.decoder_onnx,
        name=graph,
        workspace_mb=workspace_mb,
        timing_cache=read_timing_cache(platform),
        weak_fallback=bundle.manifest.precision == "int8",
        on_phase=lambda phase, done, total: on_build(graph, phase, done, total),
    )
    expected = expected_tensors(bundle.manifest, graph)
    if plan.tensors != expected:
        raise InputError(
            expected=f"a {graph} with {expected}",
            got=f"{plan.tensors}",
            fix="export the bundle again with `edge-nt export`",
        )
    return plan


def _record(bundle: Bundle, graph: Graph, platform: EnginePlatform, workspace_mb: int, plan: BuiltPlan) -> EngineRecord:
    return EngineRecord(
        "edge-nt engine",
        1,
        edge_nt=edge_nt.__version__,
        graph=graph,
        precision=bundle.manifest.precision,
        manifest_sha256=bundle.sha256,
        onnx_sha256=onnx_sha256(bundle, graph),
        plan_sha256=sha256(plan.plan).hexdigest(),
        platform=platform,
        tensors=plan.tensors,
        typing=plan.typing,
        typed_refusal=plan.typed_refusal,
        workspace_mb=workspace_mb,
        build_s=round(plan.build_s, 3),
    )


def _write(folder: Path, graph: Graph, plan: BuiltPlan, record: EngineRecord) -> None:
    # The plan first: until its sidecar names its hash, no one takes it.
    with atomic_file(plan_path(folder, graph)) as temporary:
        temporary.write_bytes(plan.plan)
    write_result(record_path(folder, graph), record)


@contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock; yields whether an earlier build was killed here, and clears away what it left.

    Raises: InputError while another build holds the lock.
    """
    import fcntl  # TensorRT plans are built on Linux; elsewhere this module must still be importable.

    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / _LOCK_NAME
    interrupted = lock.exists()
    with lock.open("w") as held:
        try:
            # The system frees it when the process ends, however it ends: a file left unlocked was a killed build's.
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A build that ended since takes its file along, and the next one may hold another of this name by now.
            alone = lock.exists() and os.path.samestat(os.fstat(held.fileno()), lock.stat())
        except BlockingIOError:
            alone = False
        if not alone:
            raise InputError(
                expected=f"{folder} to itself", got="another `edge-nt build` at work in it", fix="wait for its end"
            )
        try:
            for leftover in folder.glob(f"{TEMPORARY_PREFIX}*"):
                if leftover != lock:
                    leftover.unlink()
            yield interrupted
        finally:
            lock.unlink()
