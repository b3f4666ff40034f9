"""Sound pictures: every kind of PNG, JPEG, TIFF and BMP that can be written here."""

import struct
import zlib

import block_bundle
import cv2
import numpy as np

SEED = 11
_PROGRESSIVE = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
_RESTARTS = [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]
_TIFF_LZW, _TIFF_DEFLATE = ([cv2.IMWRITE_TIFF_COMPRESSION, number] for number in (5, 8))


def seed_pictures() -> dict[str, dict[str, bytes]]:
    """Files by kind and name."""
    return {"png": _pngs(), "jpeg": _jpegs(), "tiff": _tiffs(), "bmp": _bmps()}


def gray(dtype: type = np.uint8) -> np.ndarray:
    """A small scan (48, 64)."""
    return block_bundle.scan(SEED, 48, 64).astype(dtype) * (257 if dtype is np.uint16 else 1)


def colour(dtype: type = np.uint8, channels: int = 3) -> np.ndarray:
    """The same in colour (48, 64, channels)."""
    return np.ascontiguousarray(np.stack([np.roll(gray(dtype), 5 * channel, 1) for channel in range(channels)], -1))


def _encoded(suffix: str, pixels: np.ndarray, settings: list[int] | None = None) -> bytes:
    return bytes(cv2.imencode(suffix, pixels, settings or [])[1])


def png_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, bits: int, colour: int, chunks: bytes, *, interlaced: bool = False) -> bytes:
    """A PNG with `chunks` between its header and its end."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + chunks + png_chunk(b"IEND", b"")


def _pngs() -> dict[str, bytes]:
    palette = png_chunk(b"PLTE", bytes(range(256)) * 3) + png_chunk(b"tRNS", bytes(64))
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in gray()))
    frame = struct.pack(">IIIIIHHBB", 0, 64, 48, 0, 0, 1, 25, 0, 0)
    animated = png_chunk(b"acTL", struct.pack(">II", 2, 0)) + png_chunk(b"fcTL", frame) + png_chunk(b"IDAT", rows)
    second = png_chunk(b"fcTL", b"\0\0\0\1" + frame[4:]) + png_chunk(b"fdAT", b"\0\0\0\2" + rows)
    # Adam7 of a picture one pixel wide has the passes 1, 3, 5 and 7 only: its rows in the order 0, 4, 2, 6, 1, 3, 5, 7.
    interlaced = zlib.compress(b"".join(bytes([0, 20 * row]) for row in (0, 4, 2, 6, 1, 3, 5, 7)))
    return {
        "gray8.png": _encoded(".png", gray()),
        "gray16.png": _encoded(".png", gray(np.uint16)),
        "rgb8.png": _encoded(".png", colour()),
        "rgba16.png": _encoded(".png", colour(np.uint16, 4)),
        "bilevel.png": _encoded(".png", gray(), [cv2.IMWRITE_PNG_BILEVEL, 1]),
        "palette.png": png(64, 48, 8, 3, palette + png_chunk(b"IDAT", rows)),
        "interlaced.png": png(1, 8, 8, 0, png_chunk(b"IDAT", interlaced), interlaced=True),
        "animated.png": png(64, 48, 8, 0, animated + second),
    }


def _jpegs() -> dict[str, bytes]:
    baseline = _encoded(".jpg", colour())
    # Little-endian EXIF whose first directory has one entry: orientation 6, a quarter turn.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    return {
        "gray.jpg": _encoded(".jpg", gray()),
        "baseline.jpg": baseline,
        "progressive.jpg": _encoded(".jpg", colour(), _PROGRESSIVE),
        "restarts.jpg": _encoded(".jpg", colour(), _RESTARTS),
        "turned.jpg": baseline[:2] + segment + baseline[2:],
        "cmyk.jpg": _cmyk_jpeg(),
    }


def _cmyk_jpeg() -> bytes:
    """A baseline JPEG of four components: the gray one's scan, with the same coefficients four times a block."""
    one = _encoded(".jpg", np.full((8, 8), 90, np.uint8))
    frame, scan = one.index(b"\xff\xc0"), one.index(b"\xff\xda")
    frame_length, scan_length = (struct.unpack_from(">H", one, place + 2)[0] for place in (frame, scan))
    components = b"".join(bytes([number, 0x11, 0]) for number in range(1, 5))
    new_frame = b"\xff\xc0" + struct.pack(">HBHHB", 8 + len(components), 8, 8, 8, 4) + components
    selected = b"".join(bytes([number, 0]) for number in range(1, 5))
    new_scan = b"\xff\xda" + struct.pack(">HB", 6 + len(selected), 4) + selected + b"\0\x3f\0"
    # Four DC differences and ends of block in the standard tables: category 6 (1110), six bits, then 1010; thrice
    # category 0 (00) and 1010.
    bits = "1110" + "011001" + "1010" + ("00" + "1010") * 3
    padded = bits + "1" * (-len(bits) % 8)
    data = bytes(int(padded[place : place + 8], 2) for place in range(0, len(padded), 8))
    middle = one[frame + 2 + frame_length : scan]
    assert scan_length == 8
    return one[:frame] + new_frame + middle + new_scan + data + b"\xff\xd9"


def _tiffs() -> dict[str, bytes]:
    return {
        "gray8.tif": _encoded(".tif", gray(), [cv2.IMWRITE_TIFF_COMPRESSION, 1]),
        "gray16.tif": _encoded(".tif", gray(np.uint16)),
        "lzw.tif": _encoded(".tif", colour(), _TIFF_LZW),
        "deflate.tif": _encoded(".tif", colour(), _TIFF_DEFLATE),
    }


def _bmps() -> dict[str, bytes]:
    pixels = bytes(range(64)) * 6
    core = struct.pack("<IHHHH", 12, 16, 8, 1, 24)
    header = struct.pack("<2sIHHI", b"BM", 14 + len(core) + len(pixels), 0, 0, 14 + len(core))
    runs = b"".join(bytes([8, 40 * row, 0, 0]) for row in range(6)) + b"\0\1"
    info = struct.pack("<IiiHHIIiiII", 40, 8, 6, 1, 8, 1, len(runs), 0, 0, 256, 0)
    palette = b"".join(bytes([level] * 3 + [0]) for level in range(256))
    start = 14 + len(info) + len(palette)
    run_length = struct.pack("<2sIHHI", b"BM", start + len(runs), 0, 0, start) + info + palette + runs
    return {
        "gray.bmp": _encoded(".bmp", gray()),
        "colour.bmp": _encoded(".bmp", colour()),
        "os2.bmp": header + core + pixels,
        "rle.bmp": run_length,
    }
