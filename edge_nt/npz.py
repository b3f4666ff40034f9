"""Plain arrays out of an npz that nobody has vouched for: nothing is unpickled, and nothing grows beyond a bound."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What numpy and zipfile raise, between them, for bytes that are no npz.
_UNREADABLE = (
    *(ValueError, OSError, EOFError, KeyError, TypeError, AttributeError, MemoryError, OverflowError, RuntimeError),
    *(NotImplementedError, SyntaxError, TokenError, struct.error, zlib.error, zipfile.BadZipFile),
)


def read_npz(source: Path | bytes, most_bytes: int) -> dict[str, NDArray[Any]]:
    """Every array of an npz, given as its path or its bytes, by name.

    Raises: ValueError with what is wrong, also when the arrays together would take more than `most_bytes`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
            # zipfile gives no more of a member than is declared here, however far its deflated bytes would go.
            if sum(member.file_size for member in archive.infolist()) > most_bytes:
                raise ValueError(f"an npz of more than {most_bytes >> 20} MiB")
            return {_array_name(name): _array(archive, name) for name in archive.namelist()}
    except _UNREADABLE as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


def _array_name(member: str) -> str:
    if not member.endswith(".npy"):
        raise ValueError(f"an npz with {member!r}, which is no array")
    return member[: -len(".npy")]


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as member:
        array = np.asarray(np.lib.format.read_array(member, allow_pickle=False))
    if array.dtype.itemsize == 0 and array.size:
        # Any number of them fits into no bytes.
        raise ValueError(f"an npz with {array.size} values of no size in {name!r}")
    return array
