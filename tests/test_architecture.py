"""House rules that a machine can check: sizes, names, documents that match the tree, one place for each rule."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "edge_nt").rglob("*.py"))
ROOMS = sorted(path.parent.name for path in (ROOT / "edge_nt").glob("*/__init__.py"))
VAGUE_NAMES = {"utils", "helpers", "common", "base", "misc"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_bodies_fit_on_a_screen(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    limit = 40 if path.parent.name == "cli" else 30
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= limit, f"{node.name} has {lines} lines"


def test_no_file_has_a_vague_name() -> None:
    assert not [path for path in SOURCES if path.stem in VAGUE_NAMES]


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_stands_in_the_architecture_and_in_the_import_contract(room: str) -> None:
    assert f"`{room}/`" in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert f"edge_nt.{room}" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_links_in_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_tracked_setting_file_ships_with_the_wheel() -> None:
    manifest = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name in [*(ROOT / "export").glob("*.toml"), *(ROOT / "benchmarks").glob("*.toml")]:
        assert f'"{name.relative_to(ROOT)}"' in manifest
