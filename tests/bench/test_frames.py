from pathlib import Path

import cv2
import numpy as np

from edge_nt.bench.frames import file_frames, golden_frames


def test_golden_frames_come_at_the_size_of_a_carts_frame(bundle_folder: Path) -> None:
    frames = golden_frames(bundle_folder)
    assert frames.sizes() == ("768x1024",)
    assert len(frames) == 2


def test_files_are_decoded_once_and_timed(tmp_path: Path) -> None:
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((40, 60), 50 * index, np.uint8))
    frames = file_frames([tmp_path])
    assert len(frames) == len(frames.decode_ms) == 3
    assert frames.sizes() == ("40x60",)
    assert min(frames.decode_ms) > 0
