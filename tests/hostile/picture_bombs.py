"""Pictures built to cost far more than they weigh, or to contradict themselves where it hurts."""

import struct
import zlib
from collections.abc import Callable

import block_bundle
import cv2
import numpy as np
from seed_pictures import png, png_chunk

# Wraps to -2147483648, whose absolute value does not fit.
_INT_MIN = 0x80000000


def zeros(count: int) -> bytes:
    """A zlib stream of `count` zero bytes, a megabyte of which is a kilobyte here, made without a pass over them."""
    packer = zlib.compressobj(9, wbits=-15)
    megabyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(bytes(count % (1 << 20))) + packer.flush()
    # Adler-32 of zeros: the first sum stays 1, the second counts the bytes.
    return b"\x78\xda" + megabyte * (count >> 20) + rest + struct.pack(">HH", count % 65_521, 1)


def _rows(width: int, height: int, bits: int, colour: int, samples: int) -> bytes:
    return png(width, height, bits, colour, png_chunk(b"IDAT", zeros(height * (1 + width * samples * bits // 8))))


def _png_bombs() -> dict[str, Callable[[], bytes]]:
    small = bytes(cv2.imencode(".png", block_bundle.scan(1, 24, 32))[1])
    text = png_chunk(b"zTXt", b"a\0\0" + zeros(100 << 20)) + png_chunk(b"iCCP", b"a\0\0" + zeros(100 << 20))
    empty = png_chunk(b"IDAT", b"")
    return {
        "60000x60000.png": lambda: png(60_000, 60_000, 8, 0, png_chunk(b"IDAT", zeros(1000))),
        "2147483647x1.png": lambda: png(2**31 - 1, 1, 8, 0, png_chunk(b"IDAT", zeros(1000))),
        "64000000x1.png": lambda: _rows(64_000_000, 1, 8, 0, 1),
        "1x900000.png": lambda: _rows(1, 900_000, 8, 0, 1),
        "largest-rgba16.png": lambda: _rows(8000, 8000, 16, 6, 4),
        "compressed-texts.png": lambda: small[:33] + text + small[33:],
        "rows-beyond-the-last.png": lambda: png(8, 8, 8, 0, png_chunk(b"IDAT", zeros(100 << 20))),
        "million-empty-chunks.png": lambda: small[:33] + empty * 1_000_000 + small[33:],
        "100000-empty-chunks.png": lambda: small[:33] + empty * 100_000 + small[33:],
        "no-rows.png": lambda: png(8, 8, 8, 0, b""),
        "long-header.png": lambda: small[:8] + png_chunk(b"IHDR", small[16:29] + bytes(100)) + small[33:],
        "two-headers.png": lambda: small[:33] + png(30_000, 30_000, 8, 0, b"")[8:33] + small[33:],
    }


def _frame_header(kind: int, height: int, width: int) -> bytes:
    return bytes([0xFF, kind]) + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"


def _gray_jpeg(progressive: int = 0) -> bytes:
    settings = [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    return bytes(cv2.imencode(".jpg", np.full((8, 8), 90, np.uint8), settings)[1])


def resized_jpeg(height: int, width: int, progressive: int = 0) -> bytes:
    data = bytearray(_gray_jpeg(progressive))
    frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def two_frames_jpeg(height: int, width: int) -> bytes:
    """A huge frame header, a scan, and then a small frame header that a reader of markers may believe."""
    return resized_jpeg(height, width, 1)[:-2] + _frame_header(0xC2, 8, 8) + b"\xff\xd9"


def many_scans_jpeg(height: int, width: int, scans: int) -> bytes:
    """A progressive picture that is refined again and again, each time by nothing: 20 bytes cost a pass over it."""
    data = resized_jpeg(height, width, 1)
    scan = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\1\0" + b"\1\x3f\0" + b"\0"
    return data[:-2] + scan * scans + b"\xff\xd9"


def _jpeg_bombs() -> dict[str, Callable[[], bytes]]:
    return {
        "65500x65500.jpg": lambda: resized_jpeg(65_500, 65_500),
        "largest.jpg": lambda: resized_jpeg(8000, 8000),
        "largest-progressive.jpg": lambda: resized_jpeg(8000, 8000, 1),
        "two-frames.jpg": lambda: two_frames_jpeg(30_000, 30_000),
        "3000-scans.jpg": lambda: many_scans_jpeg(6000, 6000, 3000),
        "filled-scan.jpg": lambda: _gray_jpeg()[:-2] + b"\xff" * 400_000 + b"\0\xff\xd9",
        "filled-marker.jpg": lambda: _gray_jpeg()[:2] + b"\xff" * (30 << 20) + _gray_jpeg()[2:],
        "million-segments.jpg": lambda: _gray_jpeg()[:2] + b"\xff\xfe\0\2" * 1_000_000 + _gray_jpeg()[2:],
        "height-later.jpg": lambda: resized_jpeg(0, 8),
        "12-bits.jpg": lambda: resized_jpeg(8, 8).replace(b"\xff\xc0\0\x0b\x08", b"\xff\xc1\0\x0b\x0c"),
        "arithmetic.jpg": lambda: resized_jpeg(8, 8).replace(b"\xff\xc0", b"\xff\xc9"),
    }


def _tiff(*entries: tuple[int, int, int, int], tail: bytes = b"") -> bytes:
    """Little-endian: one directory of (tag, type, count, value), then `tail`, whose place is `_tail_at` the entries."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + b"\0\0\0\0" + tail


def _strip_tiff(width: int, height: int, bits: int, samples: int, sample_format: int, strip: bytes) -> bytes:
    start = 8 + 2 + 12 * 11 + 4
    return _tiff(
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, 8), (262, 3, 1, 1)),
        *((273, 4, 1, start), (277, 3, 1, samples), (278, 4, 1, height), (279, 4, 1, len(strip))),
        *((284, 3, 1, 1), (339, 3, 1, sample_format)),
        tail=strip,
    )


def _tiled_tiff(tile: int) -> bytes:
    start, rows = 8 + 2 + 12 * 9 + 4, zeros(1 << 20)
    return _tiff(
        *((256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)),
        *((322, 4, 1, tile), (323, 4, 1, tile), (324, 4, 1, start), (325, 4, 1, len(rows))),
        tail=rows,
    )


def _entries_tiff() -> bytes:
    """BigTIFF, whose directories may have any number of entries."""
    entries = b"".join(struct.pack("<HHQQ", 700, 4, 1, number) for number in range(65_536)) * 16
    return b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, len(entries) // 20) + entries + bytes(8)


def _twice_sized_tiff(rows: bytes = zeros(1000)) -> bytes:
    start = 8 + 2 + 12 * 11 + 4
    return _tiff(
        *((256, 4, 1, 30_000), (256, 4, 1, 8), (257, 4, 1, 30_000), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 8)),
        *((262, 3, 1, 1), (273, 4, 1, start), (277, 3, 1, 1), (278, 4, 1, 30_000), (279, 4, 1, len(rows))),
        tail=rows,
    )


def _tiff_bombs() -> dict[str, Callable[[], bytes]]:
    return {
        "100000x100000.tif": lambda: _strip_tiff(100_000, 100_000, 8, 1, 1, zeros(1000)),
        "size-stated-twice.tif": _twice_sized_tiff,
        "float64-rgba.tif": lambda: _strip_tiff(7900, 7900, 64, 4, 3, zeros(1 << 20)),
        "65535-samples.tif": lambda: _strip_tiff(900, 900, 8, 65_535, 1, zeros(1000)),
        "true-to-a-size-stated-twice.tif": lambda: _twice_sized_tiff(zeros(30_000 * 30_000)),
        "true-to-float64-rgba.tif": lambda: _strip_tiff(7900, 7900, 64, 4, 3, zeros(7900 * 7900 * 32)),
        "30-million-bits.tif": lambda: _tiff(
            (256, 4, 1, 8), (257, 4, 1, 8), (258, 1, 30 << 20, 8), tail=bytes(30 << 20)
        ),
        "million-entries.tif": _entries_tiff,
        "two-channels.tif": lambda: _strip_tiff(64, 48, 8, 2, 1, zeros(64 * 48 * 2)),
        "strip-beyond-rows.tif": lambda: _strip_tiff(16, 16, 8, 1, 1, zeros(100 << 20)),
        "tile-32768.tif": lambda: _tiled_tiff(32_768),
        "tile-65536.tif": lambda: _tiled_tiff(1 << 16),
    }


def _bmp(width: int, height: int, bits: int, compression: int, colours: int = 0, rows: bytes = bytes(64)) -> bytes:
    info = struct.pack("<IIIHHIIiiII", 40, width, height, 1, bits, compression, len(rows), 0, 0, colours, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54) + info + rows


def _bmp_bombs() -> dict[str, Callable[[], bytes]]:
    return {
        "65535x65535.bmp": lambda: _bmp(65_535, 65_535, 8, 1),
        "largest-runs.bmp": lambda: _bmp(8000, 8000, 8, 1, 256, bytes(1024) + b"\xff\1" * 32),
        "lowest-height.bmp": lambda: _bmp(8, _INT_MIN, 8, 1),
        "negative-width.bmp": lambda: _bmp(0xFFFFFFF8, 8, 8, 0),
        "2147483648-colours.bmp": lambda: _bmp(8, 8, 8, 0, _INT_MIN),
        "jpeg-inside.bmp": lambda: _bmp(8, 8, 0, 4, 0, _gray_jpeg()),
    }


def codestream(width: int, height: int, components: int = 1, tile: int | None = None) -> bytes:
    """A JPEG 2000 codestream that ends behind its image and coding headers."""
    sides = (width, height, 0, 0, tile or width, tile or height, 0, 0)
    size = struct.pack(">HHIIIIIIIIH", 38 + 3 * components, 0, *sides, components) + b"\7\1\1" * components
    coding = b"\xff\x52" + struct.pack(">HBBHBBBBBB", 12, 0, 0, 1, 0, 5, 4, 4, 0, 1)
    quantisation = b"\xff\x5c" + struct.pack(">HB", 19, 0x40) + bytes(16)
    tile_part = b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 0, 0, 1) + b"\xff\x93\0\0\0\0"
    return b"\xff\x4f\xff\x51" + size + coding + quantisation + tile_part + b"\xff\xd9"


def _codestream_bombs() -> dict[str, Callable[[], bytes]]:
    return {
        "65535x65535.j2c": lambda: codestream(65_535, 65_535),
        "largest.j2c": lambda: codestream(8000, 8000),
        "tiles-of-a-pixel.j2c": lambda: codestream(8000, 8000, 1, 1),
        "16384-components.j2c": lambda: codestream(8000, 8000, 16_384),
        "negative.j2c": lambda: codestream(8, 8).replace(struct.pack(">II", 8, 8), struct.pack(">II", 8, 0), 1),
    }


def picture_bombs() -> dict[str, Callable[[], bytes]]:
    """Every such file, made when it is asked for, by its name."""
    return {**_png_bombs(), **_jpeg_bombs(), **_tiff_bombs(), **_bmp_bombs(), **_codestream_bombs()}
