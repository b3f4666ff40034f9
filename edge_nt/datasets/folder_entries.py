"""What stands in a dataset folder that edge-nt wrote: replacing one deletes it all, so nothing else may be there."""

from __future__ import annotations

from pathlib import Path

IMAGES_FOLDER = "images"
# Preprocessed frames, kept beside the images so that they move and go with them.
CACHE_FOLDER = ".edge-nt-cache"
_ENTRIES = {"dataset.json", "manifest.csv", "boxes.csv", IMAGES_FOLDER, CACHE_FOLDER}


def strangers(folder: Path) -> list[str]:
    """The names in `folder` that no dataset folder has, in order."""
    return sorted({entry.name for entry in folder.iterdir()} - _ENTRIES)
