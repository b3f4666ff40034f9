"""Which files a run reads: named ones, and the images in folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_nt.atomic import TEMPORARY_PREFIX
from edge_nt.errors import InputError
from edge_nt.imaging.decode import IMAGE_SUFFIXES
from edge_nt.sources.output_folder import holds_results


def image_files(
    inputs: Sequence[Path], pictures: Path | None = None, suffixes: frozenset[str] = IMAGE_SUFFIXES
) -> tuple[Path, ...]:
    """The files of `inputs` in the order given, each once; a folder stands for the images below it, sorted by path.

    Inside folders, names without one of `suffixes` and what a killed process left half-written are passed over. A file
    that is named itself is always taken, so that a frame cannot go missing silently. Nor is an image taken below the
    folder `pictures`, which is about to be replaced, nor in a subfolder that results were written to: what edge-nt
    drew is no frame.

    Raises: InputError when an input does not exist, or a folder holds no image.
    """
    files: dict[Path, None] = {}
    for path in inputs:
        files.update(dict.fromkeys(_images_below(path, pictures, suffixes) if path.is_dir() else [_existing(path)]))
    return tuple(files)


def _images_below(folder: Path, pictures: Path | None, suffixes: frozenset[str]) -> list[Path]:
    below = sorted(folder.rglob("*"))
    found = [path for path in below if _is_image(path.relative_to(folder), suffixes) and path.is_file()]
    drawn = {path.parent for path in below if holds_results((path.name,)) and path.parent != folder}
    found = [path for path in found if drawn.isdisjoint(path.parents)]
    if pictures is not None:
        found = [path for path in found if pictures.resolve() not in path.resolve().parents]
    if not found:
        raise InputError(
            expected=f"a folder with images ({', '.join(sorted(suffixes))})",
            got=f"none in {folder}",
            fix="name another",
        )
    return found


def _is_image(path: Path, suffixes: frozenset[str]) -> bool:
    partial = any(part.startswith(TEMPORARY_PREFIX) for part in path.parts)
    return path.suffix.lower() in suffixes and not partial


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(
            expected="an image file or a folder of images", got=f"no such file: {path}", fix="correct the path"
        )
    return path
