"""A build of a bundle's engines for the platform at hand, as `edge-nt build` does it."""

from edge_nt.bundle.read import Bundle
from edge_nt.engines.engine_folder import BuildSummary, build_engines, engine_root
from edge_nt.engines.platform import this_platform


def build(bundle: Bundle, *, force: bool = False, workspace_mb: int = 64, heard: list | None = None) -> BuildSummary:
    steps = [] if heard is None else heard
    return build_engines(
        bundle,
        this_platform(),
        root=engine_root(bundle),
        workspace_mb=workspace_mb,
        force=force,
        on_build=lambda *step: steps.append(step),
    )
