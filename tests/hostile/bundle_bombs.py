"""Bundles that were not damaged but made: whatever their hashes say, they are wrong or far too large."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

# A little more than is read of one npz.
_BOMB_MB = 520


def _npz(name: str, header: bytes, zeros: int = 0) -> bytes:
    """One array in a zip archive, its content deflated."""
    target = io.BytesIO()
    archive = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open(f"{name}.npy", "w") as member:
        member.write(header)
        for _ in range(zeros >> 20):
            member.write(bytes(1 << 20))
    return target.getvalue()


def _npy(shape: str, content: bytes = b"") -> bytes:
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + content


def bundle_bombs() -> dict[str, Callable[[Path], None]]:
    """What each does to a sound bundle folder, whose hashes are then made to fit."""

    def write(name: str, data: Callable[[], bytes]) -> Callable[[Path], None]:
        return lambda folder: (folder / name).write_bytes(data()) and None

    def pipe(folder: Path) -> None:
        (folder / "bundle.json").unlink()
        os.mkfifo(folder / "bundle.json")

    def folder_inside(folder: Path) -> None:
        (folder / "encoder.onnx").unlink()
        (folder / "encoder.onnx").mkdir()

    return {
        "zip-bomb": write("ood.npz", lambda: _npz("means", _npy(f"({_BOMB_MB << 20},)"), _BOMB_MB << 20)),
        "declared-40-gigabytes": write("golden.npz", lambda: _npz("frames", _npy("(40000000000,)"))),
        "plain-npy": write("ood.npz", lambda: _npy("(2,)", b"ab")),
        "pickle": write("ood.npz", lambda: b"\x80\x04cposix\nsystem\n(S'true'\ntR."),
        "empty-zip": write("ood.npz", lambda: b"PK\5\6" + bytes(18)),
        "empty-graph": write("encoder.onnx", bytes),
        "deep-json": write("bundle.json", lambda: b"[" * 1_000_000),
        "long-number": write("bundle.json", lambda: b'{"schema_version": ' + b"9" * 100_000 + b"}"),
        "pipe": pipe,
        "folder-inside": folder_inside,
    }
