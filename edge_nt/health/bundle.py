"""The bundle: whole, admitted, repeated by this machine's engines, and made for it."""

from __future__ import annotations

from edge_nt.bundle.read import Bundle, read_bundle
from edge_nt.bundle.reference import shipped_all_the_same
from edge_nt.bundle.standing import standing_of
from edge_nt.engines.engine_folder import engine_root
from edge_nt.engines.engine_record import GRAPHS, read_fitting_plan
from edge_nt.engines.platform import this_platform
from edge_nt.errors import EdgeNtError, MissingDependencyError
from edge_nt.health.check import Check, fail, not_applicable, ok, warn
from edge_nt.health.scope import Scope
from edge_nt.runtime.backend_choice import choose_backend
from edge_nt.runtime.backends import AUTO, candidate_backends, open_session
from edge_nt.runtime.crew import shared_out
from edge_nt.runtime.golden import check_golden, shipped_tolerances

_OTHER = "run with --backend and the name of one that repeats them, and update this engine"


def check_bundle(scope: Scope) -> tuple[Check, ...]:
    """Every hash, the verdict, the golden vectors on each engine, the target and the TensorRT plans."""
    if scope.bundle is None:
        return (not_applicable("bundle", "none named", "edge-nt doctor BUNDLE checks one, too"),)
    try:
        bundle = read_bundle(scope.bundle)
    except EdgeNtError as error:
        return (fail("bundle", error.got, error.fix),)
    manifest = bundle.manifest
    held = f"{manifest.precision}, target {manifest.target}, schema {manifest.schema_version}, {manifest.structure}"
    whole = ok("bundle", f"{held}, by edge-nt {manifest.edge_nt_version}; every hash as it was written")
    backends = candidate_backends(bundle)
    return whole, *_golden(bundle, backends), _verdict(bundle, backends), *_for_this_machine(bundle)


def _golden(bundle: Bundle, backends: tuple[str, ...]) -> tuple[Check, ...]:
    checks = [_repeat(bundle, backend) for backend in backends]
    if any(check.status == "ok" for check in checks):
        return tuple(checks)
    # With no engine left, frames will not be processed.
    return tuple(fail(check.name, check.seen, check.fix) for check in checks)


def _repeat(bundle: Bundle, backend: str) -> Check:
    name = f"golden vectors, {backend}"
    try:
        found = check_golden(bundle, open_session(bundle, backend), shipped_tolerances())
    except EdgeNtError as error:
        return warn(name, error.got, error.fix)
    except Exception as error:  # Engines' own errors share no base class.
        return warn(name, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}", _OTHER)
    picture = f"picture {found.reconstruction_grey_levels:.2g} grey levels"
    return ok(name, f"repeated: latent {found.latent_relative_error:.2g}, {picture}, {found.frames} frames")


def _verdict(bundle: Bundle, backends: tuple[str, ...]) -> Check:
    standings = {backend: standing_of(bundle, backend) for backend in backends}
    admitted = [name for name, each in standings.items() if each.state.startswith(("passed", "reference"))]
    says = standings[(admitted or list(backends))[0]]
    if len(admitted) == len(backends):
        return ok("verdict", f"{says.state}: {says.says}")
    if admitted:
        others = ", ".join(f"{name}: {each.says}" for name, each in standings.items() if name not in admitted)
        seen, fix = f"{says.state} on {', '.join(admitted)}; {others}", "name one that passed as --backend"
        # Without a name the fastest engine runs, whatever its verdict.
        taken = _fastest(bundle)
        return (
            warn("verdict", seen, fix) if taken in (None, *admitted) else fail("verdict", f"{seen}; {taken} runs", fix)
        )
    if says.state == "not shown" and (reason := shipped_all_the_same(bundle, says.not_shown)) is not None:
        return warn("verdict", f"gates not shown, and shipped all the same: {reason}", "see the reference's model card")
    fix = "judge it with `edge-nt verify` against its FP32 bundle; --allow-unverified runs it all the same"
    return fail("verdict", f"{says.state}: {says.says}", fix)


def _fastest(bundle: Bundle) -> str | None:
    """The engine that `edge-nt run` and `serve` take without being told one, nor jobs and threads."""
    try:
        return choose_backend(bundle, AUTO, shared_out(None, None)[1])[0].backend
    except EdgeNtError:  # No engine repeats the golden vectors, which has a line of its own.
        return None


def _for_this_machine(bundle: Bundle) -> tuple[Check, ...]:
    target = bundle.manifest.target
    try:
        platform = this_platform()
    except MissingDependencyError as error:
        made = "made for TensorRT, which this machine has not; the form that engines on a processor fuse is target cpu"
        if target == "tensorrt":
            return (warn("target", made, "use the bundle with target cpu"),)
        return ok("target", f"{target}, on the processor"), not_applicable("TensorRT plans", error.got)
    if target == "cpu":
        fix = "use the bundle with target tensorrt, or FP16, for this GPU"
        return (warn("target", "cpu: the GPU stays idle", fix),)
    folder = engine_root(bundle) / platform.tag
    try:
        for graph in GRAPHS:
            read_fitting_plan(folder, graph, bundle, platform)
    except EdgeNtError as error:
        return ok("target", target), warn("TensorRT plans", error.got, "edge-nt build with this bundle's folder")
    return ok("target", target), ok("TensorRT plans", f"both fit this machine and bundle ({platform.tag})")
