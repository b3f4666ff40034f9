"""Sound files of every kind that is read, as what hostile ones are made from: a corpus in a folder."""

import json
import shutil
import struct
import zlib
from io import BytesIO
from pathlib import Path

import block_bundle
import cv2
import dicom_files
import numpy as np
import pydicom
import video_files
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from edge_nt.bundle.read import read_bundle
from edge_nt.bundle.verdict import BackendVerdict, ComparedWith, JudgedGate, write_verdict
from edge_nt.machine import describe_machine
from edge_nt.sinks.log_segments import LogLimits
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sources.file_ledger import FileLedger
from edge_nt.sources.source import FilePlace

SEED = 11
# The sound scan that comes behind every hostile file.
GOOD_NAME = "good.png"
_PROGRESSIVE = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
_RESTARTS = [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]
_BUNDLED = (
    "JPEGLSNearLossless_08.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "JPEG-lossy.dcm",
    "MR_small_jp2klossless.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
)
_TIFF_LZW, _TIFF_DEFLATE = ([cv2.IMWRITE_TIFF_COMPRESSION, number] for number in (5, 8))


def write_corpus(folder: Path) -> None:
    """Write one subfolder a kind: ``png``, ``jpeg``, ``tiff``, ``bmp``, ``dicom``, ``video``, and so on."""
    for kind, files in {"png": _pngs(), "jpeg": _jpegs(), "tiff": _tiffs(), "bmp": _bmps()}.items():
        for name, data in files.items():
            _place(folder, kind, name).write_bytes(data)
    _write_dicoms(folder)
    _write_videos(folder)
    _write_bundle(_place(folder, "bundle", "fp32"))
    _write_ledger(_place(folder, "ledger", "out"))
    cv2.imwrite(str(folder / GOOD_NAME), block_bundle.scan(3, 96, 128))


def _place(folder: Path, kind: str, name: str) -> Path:
    path = folder / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _gray(dtype: type = np.uint8) -> np.ndarray:
    return block_bundle.scan(SEED, 48, 64).astype(dtype) * (257 if dtype is np.uint16 else 1)


def _colour(dtype: type = np.uint8, channels: int = 3) -> np.ndarray:
    return np.ascontiguousarray(np.stack([np.roll(_gray(dtype), 5 * channel, 1) for channel in range(channels)], -1))


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
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in _gray()))
    frame = struct.pack(">IIIIIHHBB", 0, 64, 48, 0, 0, 1, 25, 0, 0)
    animated = png_chunk(b"acTL", struct.pack(">II", 2, 0)) + png_chunk(b"fcTL", frame) + png_chunk(b"IDAT", rows)
    second = png_chunk(b"fcTL", b"\0\0\0\1" + frame[4:]) + png_chunk(b"fdAT", b"\0\0\0\2" + rows)
    # Adam7 of a picture one pixel wide has the passes 1, 3, 5 and 7 only: its rows in the order 0, 4, 2, 6, 1, 3, 5, 7.
    interlaced = zlib.compress(b"".join(bytes([0, 20 * row]) for row in (0, 4, 2, 6, 1, 3, 5, 7)))
    return {
        "gray8.png": _encoded(".png", _gray()),
        "gray16.png": _encoded(".png", _gray(np.uint16)),
        "rgb8.png": _encoded(".png", _colour()),
        "rgba16.png": _encoded(".png", _colour(np.uint16, 4)),
        "bilevel.png": _encoded(".png", _gray(), [cv2.IMWRITE_PNG_BILEVEL, 1]),
        "palette.png": png(64, 48, 8, 3, palette + png_chunk(b"IDAT", rows)),
        "interlaced.png": png(1, 8, 8, 0, png_chunk(b"IDAT", interlaced), interlaced=True),
        "animated.png": png(64, 48, 8, 0, animated + second),
    }


def _jpegs() -> dict[str, bytes]:
    baseline = _encoded(".jpg", _colour())
    # Little-endian EXIF whose first directory has one entry: orientation 6, a quarter turn.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    return {
        "gray.jpg": _encoded(".jpg", _gray()),
        "baseline.jpg": baseline,
        "progressive.jpg": _encoded(".jpg", _colour(), _PROGRESSIVE),
        "restarts.jpg": _encoded(".jpg", _colour(), _RESTARTS),
        "turned.jpg": baseline[:2] + segment + baseline[2:],
        "cmyk.jpg": _cmyk_jpeg(),
    }


def _cmyk_jpeg() -> bytes:
    """A baseline JPEG of four components: the gray one's scan, with the same coefficients four times a block."""
    gray = _encoded(".jpg", np.full((8, 8), 90, np.uint8))
    frame, scan = gray.index(b"\xff\xc0"), gray.index(b"\xff\xda")
    frame_length, scan_length = (struct.unpack_from(">H", gray, place + 2)[0] for place in (frame, scan))
    components = b"".join(bytes([number, 0x11, 0]) for number in range(1, 5))
    new_frame = b"\xff\xc0" + struct.pack(">HBHHB", 8 + len(components), 8, 8, 8, 4) + components
    selected = b"".join(bytes([number, 0]) for number in range(1, 5))
    new_scan = b"\xff\xda" + struct.pack(">HB", 6 + len(selected), 4) + selected + b"\0\x3f\0"
    # Four DC differences and ends of block in the standard tables: category 6 (1110), six bits, then 1010; thrice
    # category 0 (00) and 1010.
    bits = "1110" + "011001" + "1010" + ("00" + "1010") * 3
    padded = bits + "1" * (-len(bits) % 8)
    data = bytes(int(padded[place : place + 8], 2) for place in range(0, len(padded), 8))
    middle = gray[frame + 2 + frame_length : scan]
    assert scan_length == 8
    return gray[:frame] + new_frame + middle + new_scan + data + b"\xff\xd9"


def _tiffs() -> dict[str, bytes]:
    return {
        "gray8.tif": _encoded(".tif", _gray(), [cv2.IMWRITE_TIFF_COMPRESSION, 1]),
        "gray16.tif": _encoded(".tif", _gray(np.uint16)),
        "lzw.tif": _encoded(".tif", _colour(), _TIFF_LZW),
        "deflate.tif": _encoded(".tif", _colour(), _TIFF_DEFLATE),
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
        "gray.bmp": _encoded(".bmp", _gray()),
        "colour.bmp": _encoded(".bmp", _colour()),
        "os2.bmp": header + core + pixels,
        "rle.bmp": run_length,
    }


def _write_dicoms(folder: Path) -> None:
    gray, colour = _gray(), _colour()
    tissue = dicom_files.regions(dicom_files.tissue_region(4, 4, 59, 43, 0.01))
    nan = dicom_files.regions(dicom_files.tissue_region(4, 4, 59, 43, float("nan")))
    window = {"WindowCenter": 20000, "WindowWidth": 30000, "RescaleSlope": 1, "RescaleIntercept": 0}
    stills = {
        "mono2": (gray, tissue),
        "mono1": (gray, {"PhotometricInterpretation": "MONOCHROME1", "PixelSpacing": [0.1, 0.1]}),
        "mono16": (_gray(np.uint16), window),
        "rgb": (colour, nan),
        "ybr": (colour, {"PhotometricInterpretation": "YBR_FULL"}),
        "palette": (gray, _palette()),
    }
    for name, (pixels, elements) in stills.items():
        dicom_files.write_dicom(_place(folder, "dicom", f"{name}.dcm"), pixels, **elements)
    for syntax in (*dicom_files.LOSSLESS, JPEGBaseline8Bit):
        name = syntax.keyword.lower()
        dicom_files.write_cine(_place(folder, "dicom", f"cine-{name}.dcm"), [gray, gray[::-1]], syntax, FrameTime=40)
    for syntax, space in ((RLELossless, "RGB"), (JPEGBaseline8Bit, "YBR_FULL_422"), (JPEG2000Lossless, "YBR_RCT")):
        path = _place(folder, "dicom", f"colour-{syntax.keyword.lower()}.dcm")
        dicom_files.write_cine(path, [colour], syntax, PhotometricInterpretation=space)

    for path in (folder / "dicom").iterdir():
        path.write_bytes(with_fixed_uids(path.read_bytes()))
    for name in _BUNDLED:
        # Syntaxes that nothing here encodes: pydicom brings examples of them.
        shutil.copy(str(get_testdata_file(name, download=False)), _place(folder, "dicom", name))


def with_fixed_uids(data: bytes) -> bytes:
    """The same DICOM file every time: only what identifies it was drawn at random."""
    scan = pydicom.dcmread(BytesIO(data))
    scan.SOPInstanceUID = scan.file_meta.MediaStorageSOPInstanceUID = "1.2.276.0.7230010.3.1.4.1"
    target = BytesIO()
    scan.save_as(target, enforce_file_format=True)
    return target.getvalue()


def _palette() -> dict[str, object]:
    elements: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name in ("Red", "Green", "Blue"):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"{name}PaletteColorLookupTableData"] = np.arange(0, 65536, 256, dtype="<u2").tobytes()
    return elements


def _write_videos(folder: Path) -> None:
    frames = video_files.moving_scans(4, 48, 64)
    for suffix, codec in (*video_files.CODECS.items(), (".avi", "FFV1"), (".avi", "I420"), (".mkv", "MJPG")):
        video_files.write_video(_place(folder, "video", f"{codec.lower()}{suffix}"), frames, codec=codec)


def _write_bundle(folder: Path) -> None:
    block_bundle.write(folder)
    compared = ComparedWith("a" * 64, "scans", "b" * 64, "c" * 64, "roi_gates.toml", "d" * 64, None)
    gate = JudgedGate("ROI MAE", "source validation", "%", 0.2, 0.5, 0.975, 1.0, "pass")
    verdict = BackendVerdict("passed", compared, (gate,), "0.0.0", "2026-01-02T03:04:05Z", describe_machine())
    write_verdict(folder, read_bundle(folder).sha256, "onnxruntime", verdict)


def _write_ledger(folder: Path) -> None:
    """What a service leaves: lines of results, and the list of the files that are done."""
    folder.mkdir()
    places = [FilePlace(Path(f"/scans/{number}.dcm"), 1000 + number, 10**18 + number, 0, 1) for number in range(40)]
    known = FileLedger()
    for place in places[:30]:
        known.add(place)
    known.write(folder / "done.npz", 30)
    lines = [
        {"number": number, "file": str(place.path), "size_bytes": place.size_bytes, "modified_ns": place.modified_ns}
        for number, place in enumerate(places[30:], 30)
    ]
    lines[3] |= {"path": lines[3]["file"], "file": f"{lines[3]['file']}#2", "frame": 1, "frames": 5}
    (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    check = shutil.copytree(folder, folder.with_name("check"))
    with ResultLog(check, None, LogLimits()) as log:
        assert log.done(places[0])
        assert log.done(places[-1])
        assert log.damaged_lines == 0
    shutil.rmtree(check)
