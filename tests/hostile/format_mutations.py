"""Damage behind intact checksums and lengths, which byte flips alone never reach."""

import io
import json
import struct
import zipfile
import zlib
from random import Random
from typing import Any

from byte_mutations import Mutation, any_bytes
from dicom_mutations import DICOM_MUTATIONS
from jpeg_mutations import jpeg_segments
from seed_pictures import png_chunk

_WILD_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1,
        2,
        7,
        255,
        65535,
        1 << 31,
        1 << 70,
        10**400,
        1e308,
        1e-320,
        0.5,
        float("nan"),
        float("inf"),
    ),
    *("", "x", "nan", "1e999", "\0", "\ud800", "../../etc/passwd", "a" * 70_000, [], {}, [[]], ["x"] * 2000, {"x": {}}),
)


def png_chunks(data: bytes, random: Random) -> bytes:
    """One chunk, or the stream of rows in it, is damaged and sealed with a right checksum; or chunks change order."""
    chunks, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    index = random.randrange(len(chunks) - 1)
    name, content = chunks[index]
    way = random.randrange(5)
    if way == 0:
        chunks.insert(random.randrange(len(chunks)), chunks.pop(index))
    elif way == 1:
        chunks.insert(random.randrange(len(chunks)), chunks[index])
    elif way == 2:
        chunks[index] = bytes(random.choice(b"IHDRPLTEtnacfdsgZ") for _ in range(4)), content
    elif way == 3 and name == b"IDAT" and sum(kind == b"IDAT" for kind, _ in chunks) == 1:
        chunks[index] = name, zlib.compress(any_bytes(zlib.decompress(content), random))
    else:
        chunks[index] = name, any_bytes(content or b"\0", random)
    return data[:8] + b"".join(png_chunk(*chunk) for chunk in chunks)


def tiff_tags(data: bytes, random: Random) -> bytes:
    """One entry of the directory says something else, is another tag, or stands there twice."""
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, start)
    place = start + 2 + 12 * random.randrange(entries)
    tag, kind, count, value = struct.unpack_from(order + "HHII", data, place)
    way = random.randrange(4)
    if way == 0:
        value = random.choice((0, 1, 2, 3, 5, 7, 8, 32, 64, 30_000, 65_535, 1 << 20, 1 << 31, 0xFFFFFFFF))
    elif way == 1:
        count = random.choice((0, 2, 65_535, 1 << 28, 0xFFFFFFFF))
    elif way == 2:
        kind = random.randrange(19)
    else:
        tag = random.choice(
            (256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339, 347)
        )
    return data[:place] + struct.pack(order + "HHII", tag, kind, count, value) + data[place + 12 :]


def json_nodes(data: bytes, random: Random) -> bytes:
    """One value of a JSON document, however deep, is another, absent, or has company. Lines count as documents."""
    lines = data.splitlines() if data.count(b"\n{") else [data]
    index = random.randrange(len(lines))
    document = json.loads(lines[index])
    node: Any = document
    while True:
        key = random.choice(list(node) if isinstance(node, dict) else range(len(node)))
        child = node[key]
        if not (isinstance(child, dict | list) and child) or random.random() < 0.3:
            break
        node = child
    way = random.random()
    if way < 0.15:
        del node[key]
    elif way < 0.25 and isinstance(node, dict):
        node["unknown"] = child
    else:
        node[key] = random.choice(_WILD_VALUES)
    lines[index] = json.dumps(document).encode()
    return b"\n".join(lines) + b"\n"


def npz_members(data: bytes, random: Random) -> bytes:
    """One array of an npz is damaged, renamed, absent or emptied, in a sound archive with right checksums."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(members))
    way = random.randrange(6)
    if way == 0:
        members[random.choice(("x", "x.npy", "../x.npy", "pickle.npy"))] = members.pop(name)
    elif way == 1:
        del members[name]
    elif way == 2:
        members[name] = b"" if random.random() < 0.5 else members[random.choice(list(members))]
    elif way == 3:
        members[name] = _npy_header(members[name], random)
    else:
        members[name] = any_bytes(members[name], random)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return target.getvalue()


def _npy_header(npy: bytes, random: Random) -> bytes:
    descriptor = random.choice(
        ("'|O'", "'<f8'", "'<U9'", "'|V8'", "[('a', '<f4')]", "'x'", "1", "'>i2'", "'<U400000000'")
    )
    shape = random.choice(("()", "(0,)", "(-1,)", "(1000000000000,)", "(2, 2)", "(1,) * 9", "'x'", "(" * 300, "(1e3,)"))
    text = f"{{'descr': {descriptor}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return npy[:6] + b"\1\0" + struct.pack("<H", len(text)) + text + npy[128:]


FORMAT_MUTATIONS: dict[str, dict[str, Mutation]] = {
    "png": {"png_chunks": png_chunks},
    "jpeg": {"jpeg_segments": jpeg_segments},
    "tiff": {"tiff_tags": tiff_tags},
    "dicom": DICOM_MUTATIONS,
    "json": {"json_nodes": json_nodes},
    "npz": {"npz_members": npz_members},
}
