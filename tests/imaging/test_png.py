"""What libpng is spared, and that the pixels stay the same without it."""

import struct
import threading
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from scan_folders import save, scan

from edge_nt.imaging.complaints import captured_complaints
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.png import pixel_chunks


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunks(path: Path, chunks: bytes, after: bytes = b"IHDR") -> Path:
    """Insert whole chunks behind the named one."""
    data = path.read_bytes()
    end = data.index(after) + 4 + struct.unpack(">I", data[data.index(after) - 4 : data.index(after)])[0] + 4
    path.write_bytes(data[:end] + chunks + data[end:])
    return path


BROKEN_PROFILE = chunk(b"iCCP", b"x\0\0no profile at all")
ANIMATION = chunk(b"acTL", struct.pack(">II", 2, 0))


@pytest.mark.parametrize("extra", [BROKEN_PROFILE, ANIMATION, chunk(b"zTXt", b""), chunk(b"pHYs", b"short")])
def test_what_surrounds_the_pixels_changes_nothing_and_says_nothing(
    tmp_path: Path, extra: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = with_chunks(save(tmp_path / "a.png", scan(1)), extra)
    np.testing.assert_array_equal(decode_image(path).pixels, scan(1))
    assert capfd.readouterr() == ("", "")


def test_a_palette_and_its_transparency_are_kept(tmp_path: Path) -> None:
    indices = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) % 256
    rows = b"".join(b"\0" + row.tobytes() for row in indices.astype(np.uint8))
    levels = np.arange(256, dtype=np.uint8)[::-1]
    header = struct.pack(">IIBBBBB", 64, 48, 8, 3, 0, 0, 0)
    transparency = chunk(b"tRNS", bytes([0, 128]))
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"PLTE", np.repeat(levels, 3).tobytes())
        + transparency
        + chunk(b"tEXt", b"Comment\0hello")
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    (tmp_path / "a.png").write_bytes(data)
    np.testing.assert_array_equal(decode_image(tmp_path / "a.png").pixels, levels[indices])
    assert pixel_chunks(data) == data.replace(chunk(b"tEXt", b"Comment\0hello"), b"")


def test_a_critical_chunk_that_nobody_knows_is_still_refused(tmp_path: Path) -> None:
    path = with_chunks(save(tmp_path / "a.png", scan(1)), chunk(b"ABCD", b"?"))
    with pytest.raises(Exception, match="damaged PNG"):
        decode_image(path)


@pytest.mark.parametrize(
    "stream",
    [
        lambda rows: zlib.compress(rows)[:-200],
        lambda rows: zlib.compress(rows)[:-4],
        lambda rows: zlib.compress(rows)[:-4] + b"abcd",
        lambda rows: zlib.compress(rows[: len(rows) // 2]),
        lambda rows: zlib.compress(b"\x09" + rows[1:]),
        lambda rows: b"",
    ],
    ids=["cut", "no checksum", "wrong checksum", "half the rows", "unknown filter", "empty"],
)
def test_pixels_that_are_not_all_there_are_refused_though_every_chunk_is_whole(tmp_path: Path, stream: object) -> None:
    # These files walk through the container check, and nobody listens to libpng: it has to refuse them itself.
    rows = b"".join(b"\0" + row.tobytes() for row in scan(1, 48, 64))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 0, 0, 0, 0))
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", stream(rows)) + chunk(b"IEND", b""))
    with pytest.raises(Exception, match="damaged PNG"):
        decode_image(path)


def test_a_png_is_decoded_while_another_thread_listens_to_a_decoder(tmp_path: Path) -> None:
    # As a thread does that decodes a JPEG; waiting for it would make the cores take turns.
    path = save(tmp_path / "a.png", scan(1))
    done: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: done.append(decode_image(path).pixels), daemon=True)
    with captured_complaints():
        thread.start()
        thread.join(timeout=30)
        assert len(done) == 1
    np.testing.assert_array_equal(done[0], cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
