"""A bundle with its engines built for the platform at hand."""

from pathlib import Path

from edge_nt.bundle.read import Bundle, read_bundle
from edge_nt.engines.engine_folder import build_engines, engine_root
from edge_nt.engines.platform import this_platform


def built(folder: Path) -> Bundle:
    bundle = read_bundle(folder)
    root = engine_root(bundle)
    build_engines(bundle, this_platform(), root=root, workspace_mb=64, force=False, on_build=lambda *_step: None)
    return bundle
