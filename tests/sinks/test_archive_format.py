import io
import json
import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.sinks.archive_format import Archive, ArchiveHeader, read_archive, write_archive

HEADER = ArchiveHeader(
    kind="edge-nt latent-archive",
    schema_version=1,
    edge_nt_version="0.0.0",
    structure="NT",
    precision="fp16",
    decoder_sha256="d" * 64,
    bundle_sha256="b" * 64,
    latent_dim=4,
    ood_threshold=1.5,
    preprocess=Preprocess(),
)
NAMES = ("a.png", "a folder/cine.dcm#2", 'odd "name"\n\udcff', "山田.png")


def archive(names: tuple[str, ...] = NAMES) -> Archive:
    count = len(names)
    return Archive(
        HEADER,
        names,
        np.random.default_rng(1).normal(size=(count, 4)).astype(np.float16),
        heights_px=np.arange(1, count + 1, dtype=np.int32),
        widths_px=np.full(count, 300, np.int32),
        mm_per_px=np.where(np.arange(count) % 2, 0.1, np.nan),
        taken_at_s=1e9 + np.arange(count) / 30,
        ood_scores=np.arange(count, dtype=np.float64),
        in_distribution=np.arange(count) < 2,
    )


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def pack(path: Path, contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in contents.items():
            file.writestr(name, content)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize("names", [NAMES, ()])
def test_an_archive_comes_back(tmp_path: Path, names: tuple[str, ...]) -> None:
    given = archive(names)
    write_archive(tmp_path / "a.npz", given)
    read = read_archive(tmp_path / "a.npz")
    assert (read.header, read.names) == (given.header, given.names)
    for name in ("latents", "heights_px", "widths_px", "mm_per_px", "taken_at_s", "ood_scores", "in_distribution"):
        np.testing.assert_array_equal(getattr(read, name), getattr(given, name))


def test_numpy_alone_reads_it_as_the_document_says(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.npz", archive())
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert json.loads(bytes(file["header_json"]))["decoder_sha256"] == "d" * 64
        assert tuple(json.loads(bytes(file["names_json"]))) == NAMES
        assert file["latents"].dtype == np.float16


def hostile(name: str, array: np.ndarray) -> Callable[[dict[str, bytes]], None]:
    return lambda contents: contents.update({f"{name}.npy": npy(array)})


def header(**changes: object) -> Callable[[dict[str, bytes]], None]:
    content = json.loads(json.dumps({"preprocess": vars(HEADER.preprocess), **vars(HEADER)}, default=vars)) | changes
    return hostile("header_json", np.frombuffer(json.dumps(content).encode(), np.uint8))


def huge(contents: dict[str, bytes]) -> None:
    content = contents["latents.npy"]
    assert b"(4, 4)" in content
    contents["latents.npy"] = content.replace(b"(4, 4), }          ", b"(9999999999, 4), } ")


CASES = {
    "a member is missing": lambda contents: contents.pop("latents.npy"),
    "a member too many": lambda contents: contents.update({"evil.npy": npy(np.zeros(1))}),
    "pickled names": hostile("names_json", np.array([{"a": 1}], object)),
    "latents of another type": hostile("latents", np.zeros((4, 4), np.float32)),
    "latents of another size": hostile("latents", np.zeros((4, 5), np.float16)),
    "fewer latents than names": hostile("latents", np.zeros((3, 4), np.float16)),
    "latents in Fortran's order": hostile("latents", np.asfortranarray(np.ones((4, 4), np.float16))),
    "infinite latents": hostile("latents", np.full((4, 4), np.inf, np.float16)),
    "a shape far beyond the data": huge,
    "a frame without pixels": hostile("heights_px", np.zeros(4, np.int32)),
    "a frame of an absurd size": hostile("heights_px", np.full(4, 2**31 - 1, np.int32)),
    "a negative spacing": hostile("mm_per_px", np.full(4, -1.0)),
    "times that are none": hostile("taken_at_s", np.full(4, np.nan)),
    "names that are no list": hostile("names_json", np.frombuffer(b'{"a": 1}', np.uint8)),
    "names that nest without end": hostile("names_json", np.frombuffer(b"[" * 100_000, np.uint8)),
    "another kind": header(kind="edge-nt bench"),
    "another schema": header(schema_version=2),
    "an odd preprocessing": header(preprocess={"height": 191, "width": 256, "mask_overlays": False}),
    "a latent of no number": header(latent_dim=0),
    "a threshold that is none": header(ood_threshold=None),
    "an npy that ends early": lambda contents: contents.update({"latents.npy": contents["latents.npy"][:-1]}),
    "no npy at all": lambda contents: contents.update({"latents.npy": b"\x93NUMPY\x01\x00\xff\xff{"}),
    "code for a header": lambda contents: contents.update(
        {"latents.npy": b"\x93NUMPY\x01\x00\x20\x00" + b"__import__('os').getcwd()".ljust(31) + b"\n"}
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_hostile_archives_are_refused(tmp_path: Path, case: str) -> None:
    path = tmp_path / "a.npz"
    write_archive(path, archive())
    contents = members(path)
    before = dict(contents)
    CASES[case](contents)
    assert contents != before
    pack(path, contents)
    with pytest.raises(InputError, match=r"latent archive.*a\.npz"):
        read_archive(path)


def test_packing_again_as_it_was_is_no_offence(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.npz", archive())
    pack(tmp_path / "b.npz", members(tmp_path / "a.npz"))
    assert read_archive(tmp_path / "b.npz").names == NAMES
    header()(contents := members(tmp_path / "a.npz"))
    pack(tmp_path / "c.npz", contents)
    assert read_archive(tmp_path / "c.npz").header == HEADER


def test_a_bomb_is_not_inflated(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.npz", archive())
    contents = members(tmp_path / "a.npz") | {"names_json.npy": npy(np.zeros(50_000_000, np.uint8))}
    pack(tmp_path / "a.npz", contents, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="not stored as it is"):
        read_archive(tmp_path / "a.npz")


@settings(max_examples=60)
@given(st.data())
def test_damage_is_an_error_and_never_a_crash(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    write_archive(path, archive())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(InputError):
        read_archive(path)


def test_what_is_no_archive_or_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, reason in (("absent.npz", "No such file"), ("folder", "directory")):
        with pytest.raises(InputError, match=reason):
            read_archive(tmp_path / name)
    blocked = tmp_path / "file"
    blocked.write_bytes(pickle.dumps(1))
    with pytest.raises(InputError, match="can be written"):
        write_archive(blocked / "a.npz", archive())
    with pytest.raises(ValueError, match="4 frames"):
        replace(archive(), mm_per_px=np.ones(3))
