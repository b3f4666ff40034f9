"""What the shipping score rejects and why: most rejected and borderline frames, and one frame at every corruption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.evaluation.ood_corruptions import CORRUPTIONS, Corruption
from edge_nt.evaluation.ood_frames import corrupted, unseen_sites
from edge_nt.evaluation.stage_pass import reconstruct
from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.ood.combined import CombinedOodModel
from edge_nt.ood.combined_scorer import CombinedOodScorer, OodScore
from edge_nt.training.run_frames import RunFrames, frames_of

Frames = NDArray[np.uint8]

_MOST_REJECTED = 3
_COLUMNS = 5
_TILE_WIDTH_PX = 256
_LINE_PX = 18
_GAP_PX = 4
_BACKGROUND = 24
_TITLE, _IN, _OUT = (235, 235, 235), (120, 220, 90), (90, 120, 255)


@dataclass(frozen=True, eq=False)
class Tile:
    """A frame uint8 (H, W) with its score, and what it is."""

    frame: Frames
    score: OodScore
    name: str


def draw_rejections(
    model: CombinedOodModel, network: AutoEncoder, source: RunFrames, folders: Mapping[str, Frames], seed: int
) -> NDArray[np.uint8]:
    """A colour picture uint8 (H, W, 3, blue first).

    For held-in validation, every unseen site and every folder: the three most rejected frames, then the two nearest to
    the threshold. Then the held-in frame of the middle score at every level of every corruption.
    """
    scorer = CombinedOodScorer(model)
    sets = {"held-in validation": frames_of(source, source.split.val)}
    sets |= {f"unseen site {site}": frames_of(source, rows) for site, rows in unseen_sites(source).items()}
    sets |= {f"folder {name}": frames for name, frames in folders.items()}
    rows = []
    for name, frames in sets.items():
        scores = _scores(scorer, network, frames)
        rows.append((f"{name}: most rejected, then nearest to the threshold", _picked(frames, scores)))
    held_in = sets["held-in validation"]
    middle = _middle(_scores(scorer, network, held_in))
    rows += [_graded(held_in[[middle]], corruption, seed, scorer, network) for corruption in CORRUPTIONS]
    return _drawn(rows, held_in.shape[1:])


def _graded(
    frame: Frames, corruption: Corruption, seed: int, scorer: CombinedOodScorer, network: AutoEncoder
) -> tuple[str, list[Tile]]:
    frames = np.concatenate([corrupted(frame, corruption, level, seed) for level in corruption.levels])
    levels = (f"{level:g}" for level in corruption.levels)
    tiles = [Tile(*each) for each in zip(frames, _scores(scorer, network, frames), levels, strict=True)]
    return (f"{corruption.name}, {corruption.unit}" if corruption.unit else corruption.name), tiles


def _scores(scorer: CombinedOodScorer, network: AutoEncoder, frames: Frames) -> list[OodScore]:
    found = []
    for frame in frames:
        latents, outputs = reconstruct(network, frame[None])
        found.append(scorer(frame, latents[0], outputs[0]))
    return found


def _picked(frames: Frames, scores: list[OodScore]) -> list[Tile]:
    far = sorted(range(len(scores)), key=lambda i: -scores[i].score)
    near = sorted(far[_MOST_REJECTED:], key=lambda i: abs(scores[i].score - scores[i].threshold))
    return [Tile(frames[i], scores[i], f"frame {i}") for i in (far[:_MOST_REJECTED] + near)[:_COLUMNS]]


def _middle(scores: list[OodScore]) -> int:
    return sorted(range(len(scores)), key=lambda i: scores[i].score)[len(scores) // 2]


def _drawn(rows: list[tuple[str, list[Tile]]], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    tile_height = round(_TILE_WIDTH_PX * shape[0] / shape[1])
    row_height = tile_height + 3 * _LINE_PX + 2 * _GAP_PX
    size = len(rows) * row_height, _COLUMNS * (_TILE_WIDTH_PX + _GAP_PX), 3
    picture = np.full(size, _BACKGROUND, np.uint8)
    for position, (title, tiles) in enumerate(rows):
        top = position * row_height
        _write(picture, title, top, 0, _TITLE)
        for column, tile in enumerate(tiles):
            left = column * (_TILE_WIDTH_PX + _GAP_PX)
            resized = cv2.resize(tile.frame, (_TILE_WIDTH_PX, tile_height), interpolation=cv2.INTER_AREA)
            under = top + _LINE_PX
            picture[under : under + tile_height, left : left + _TILE_WIDTH_PX] = resized[:, :, None]
            colour = _IN if tile.score.in_distribution else _OUT
            verdict = f"{tile.name}: {tile.score.score:.2f} of {tile.score.threshold:.2f}"
            _write(picture, verdict, under + tile_height, left, colour)
            _write(picture, tile.score.reason, under + tile_height + _LINE_PX, left, colour)
    return picture


def _write(picture: NDArray[np.uint8], text: str, top: int, left: int, colour: tuple[int, int, int]) -> None:
    """OpenCV's letters are ASCII: others are shown as question marks."""
    plain = text.encode("ascii", "replace").decode()
    place = (left + 3, top + _LINE_PX - 5)
    cv2.putText(picture, plain, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
