"""Sound files of every kind that is read, as what hostile ones are made from: a corpus in a folder."""

import json
import shutil
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
from seed_pictures import colour, gray, seed_pictures

from edge_nt.bundle.read import read_bundle
from edge_nt.bundle.verdict import BackendVerdict, ComparedWith, JudgedGate, write_verdict
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.machine import describe_machine
from edge_nt.sinks.archive_format import Archive, ArchiveHeader, write_archive
from edge_nt.sinks.log_segments import LogLimits
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sources.file_ledger import FileLedger
from edge_nt.sources.source import FilePlace

# The sound scan that comes behind every hostile file.
GOOD_NAME = "good.png"
_BUNDLED = (
    "JPEGLSNearLossless_08.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "JPEG-lossy.dcm",
    "MR_small_jp2klossless.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
)


def write_corpus(folder: Path) -> None:
    """Write one subfolder a kind: ``png``, ``jpeg``, ``tiff``, ``bmp``, ``dicom``, ``video``, and so on."""
    for kind, files in seed_pictures().items():
        for name, data in files.items():
            _place(folder, kind, name).write_bytes(data)
    _write_dicoms(folder)
    _write_videos(folder)
    _write_bundle(_place(folder, "bundle", "fp32"))
    _write_ledger(_place(folder, "ledger", "out"))
    _write_archive(_place(folder, "archive", "latents.npz"))
    cv2.imwrite(str(folder / GOOD_NAME), block_bundle.scan(3, 96, 128))


def _place(folder: Path, kind: str, name: str) -> Path:
    path = folder / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write_dicoms(folder: Path) -> None:
    plain, coloured = gray(), colour()
    tissue = dicom_files.regions(dicom_files.tissue_region(4, 4, 59, 43, 0.01))
    nan = dicom_files.regions(dicom_files.tissue_region(4, 4, 59, 43, float("nan")))
    window = {"WindowCenter": 20000, "WindowWidth": 30000, "RescaleSlope": 1, "RescaleIntercept": 0}
    stills = {
        "mono2": (plain, tissue),
        "mono1": (plain, {"PhotometricInterpretation": "MONOCHROME1", "PixelSpacing": [0.1, 0.1]}),
        "mono16": (gray(np.uint16), window),
        "rgb": (coloured, nan),
        "ybr": (coloured, {"PhotometricInterpretation": "YBR_FULL"}),
        "palette": (plain, _palette()),
    }
    for name, (pixels, elements) in stills.items():
        dicom_files.write_dicom(_place(folder, "dicom", f"{name}.dcm"), pixels, **elements)
    for syntax in (*dicom_files.LOSSLESS, JPEGBaseline8Bit):
        name = syntax.keyword.lower()
        dicom_files.write_cine(_place(folder, "dicom", f"cine-{name}.dcm"), [plain, plain[::-1]], syntax, FrameTime=40)
    for syntax, space in ((RLELossless, "RGB"), (JPEGBaseline8Bit, "YBR_FULL_422"), (JPEG2000Lossless, "YBR_RCT")):
        path = _place(folder, "dicom", f"colour-{syntax.keyword.lower()}.dcm")
        dicom_files.write_cine(path, [coloured], syntax, PhotometricInterpretation=space)

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


def _write_archive(path: Path) -> None:
    header = ArchiveHeader(
        *("edge-nt latent-archive", 1, "0.0.0", "NT", "fp16", "d" * 64, "b" * 64),
        *(block_bundle.LATENT_DIM, 1.5, Preprocess()),
    )
    numbers = np.arange(1, 6)
    sides, columns = numbers.astype(np.int32), numbers.astype(np.float64)
    latents = np.random.default_rng(11).normal(size=(5, block_bundle.LATENT_DIM)).astype(np.float16)
    names = tuple(f"{number}.png" for number in numbers)
    write_archive(path, Archive(header, names, latents, sides, sides, columns, columns, columns, numbers > 2))


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
