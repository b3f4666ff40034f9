"""What decoders print: heard, kept off the screen, and heard on a full disk too."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from scan_folders import scan

from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image


def test_other_libraries_stderr_is_passed_on(tmp_path: Path) -> None:
    # A line that another part of the process prints while a frame is decoded must not vanish.
    script = (
        "import os\n"
        "from edge_nt.imaging.complaints import captured_complaints\n"
        "with captured_complaints():\n"
        "    os.write(2, b'progress 50 %')\n"
        "with captured_complaints() as lines:\n"
        "    os.write(2, b'libpng warning: iCCP')\n"
        "assert lines == ['libpng warning: iCCP'], lines\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "progress 50 %")


def test_a_damaged_picture_is_refused_on_a_full_disk_too(tmp_path: Path) -> None:
    # The decoder's only sign of damage is what it prints, and that must find room.
    limit = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    done = _decoded_after(f"import resource, signal; {limit}", _damaged(".jpg", tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("closed", [(2,), (1, 2), (0, 1, 2)])
def test_a_damaged_picture_is_refused_without_a_stderr_too(tmp_path: Path, closed: tuple[int, ...]) -> None:
    close = "; ".join(f"os.close({each})" for each in closed)
    assert _decoded_after(f"import os; {close}", _damaged(".jpg", tmp_path)).returncode == 0


@pytest.mark.parametrize("level", ["SILENT", "FATAL", "ERROR", ""])
def test_a_damaged_tiff_is_refused_however_quiet_opencv_was_told_to_be(tmp_path: Path, level: str) -> None:
    damaged = _damaged(".tif", tmp_path)
    done = _decoded_after(f"import os; os.environ['OPENCV_LOG_LEVEL'] = {level!r}", damaged)
    assert (done.returncode, done.stderr) == (0, "")
    quiet = "import cv2; cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)"
    assert _decoded_after(quiet, damaged).returncode == 0


def _decoded_after(first: str, damaged: Path) -> subprocess.CompletedProcess[str]:
    """A process that runs `first` and then decodes; its code is 0 where it refused the picture as damaged."""
    script = (
        f"import sys; from pathlib import Path\n{first}\n"
        "from edge_nt.imaging.decode import decode_image; from edge_nt.errors import InputError\n"
        "try:\n    decode_image(Path(sys.argv[1]))\n"
        "except InputError as error:\n    sys.exit('damaged' not in str(error))\n"
        "sys.exit('taken for whole')"
    )
    return subprocess.run([sys.executable, "-c", script, str(damaged)], capture_output=True, check=False, text=True)


def _damaged(suffix: str, folder: Path) -> Path:
    encoded = cv2.imencode(suffix, scan(1, 64, 96))[1]
    return next(path for path in _one_byte_changed(encoded, folder) if "damaged" in _refusal(path))


def _one_byte_changed(encoded: np.ndarray, folder: Path) -> Iterator[Path]:
    for place in range(700, len(encoded) - 300, 40):
        changed = encoded.copy()
        changed[place] ^= 0x55
        path = folder / f"{place}.img"
        path.write_bytes(changed.tobytes())
        yield path


def _refusal(path: Path) -> str:
    try:
        decode_image(path)
    except InputError as error:
        return str(error)
    return ""
