"""What decoders print: heard, kept off the screen, and heard on a full disk too."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
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
    encoded = cv2.imencode(".jpg", scan(1, 64, 96))[1]
    damaged = next(path for path in _one_byte_changed(encoded, tmp_path) if "damaged" in _refusal(path))
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from edge_nt.imaging.decode import decode_image; from edge_nt.errors import InputError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try:\n    decode_image(Path(sys.argv[1]))\n"
        "except InputError as error:\n    sys.exit('damaged' not in str(error))\n"
        "sys.exit('taken for whole')"
    )
    done = subprocess.run([sys.executable, "-c", script, str(damaged)], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def _one_byte_changed(encoded: np.ndarray, folder: Path) -> Iterator[Path]:
    for place in range(700, len(encoded) - 2, 40):
        changed = encoded.copy()
        changed[place] ^= 0x55
        path = folder / f"{place}.jpg"
        path.write_bytes(changed.tobytes())
        yield path


def _refusal(path: Path) -> str:
    try:
        decode_image(path)
    except InputError as error:
        return str(error)
    return ""
