import io
import json
import os
import pickle
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import block_bundle
import numpy as np
import pytest

from edge_nt.bundle.manifest import FILE_NAMES
from edge_nt.bundle.output_file import check_output_file
from edge_nt.bundle.read import read_bundle
from edge_nt.bundle.write import write_bundle
from edge_nt.cli.app import main
from edge_nt.errors import InputError


def reseal(folder: Path, name: str, content: bytes) -> None:
    """Replace a file and its hash, as somebody with a text editor would."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["files"][name] = sha256(content).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(manifest))


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def test_what_is_written_is_read_again(bundle_folder: Path) -> None:
    bundle = read_bundle(bundle_folder)
    assert sorted(path.name for path in bundle_folder.iterdir()) == sorted([*FILE_NAMES, "bundle.json"])
    assert bundle.manifest == replace(block_bundle.manifest(), files=bundle.manifest.files)
    assert bundle.encoder_onnx == block_bundle.encoder_onnx()
    assert bundle.decoder_onnx == block_bundle.decoder_onnx()
    assert bundle.ood.latent.hospitals == bundle.ood.signals.hospitals == ("east", "west")
    assert bundle.golden.frames.shape == (2, 192, 256)


def test_the_same_parts_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = block_bundle.write(tmp_path / "a"), block_bundle.write(tmp_path / "b")
    assert read_bundle(first).manifest == read_bundle(second).manifest


@pytest.mark.parametrize("name", FILE_NAMES)
def test_one_flipped_bit_is_found(bundle_folder: Path, name: str) -> None:
    content = bytearray((bundle_folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle_folder / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} with SHA-256"):
        read_bundle(bundle_folder)


@pytest.mark.parametrize("name", [*FILE_NAMES, "bundle.json"])
def test_a_missing_file_is_named(bundle_folder: Path, name: str) -> None:
    (bundle_folder / name).unlink()
    with pytest.raises(InputError, match=name):
        read_bundle(bundle_folder)


def test_an_extra_file_is_named(bundle_folder: Path) -> None:
    (bundle_folder / "decoder.onnx.data").write_bytes(b"weights from elsewhere")
    with pytest.raises(InputError, match=r"extra: decoder\.onnx\.data"):
        read_bundle(bundle_folder)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff", "null", '{"schema_version": 7}'])
def test_a_damaged_manifest_is_refused_with_its_path(bundle_folder: Path, text: str) -> None:
    (bundle_folder / "bundle.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"bundle\.json"):
        read_bundle(bundle_folder)


def test_a_bundle_that_is_not_there_is_said_to_be_no_folder(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = tmp_path / "scan.png"
    scan.touch()
    for missing in (tmp_path / "bundles" / "nope", bundle_folder / "bundle.json"):
        assert main(["run", str(scan), "--bundle", str(missing), "--out", str(tmp_path / "out")]) == 2
        (refusal,) = capsys.readouterr().err.splitlines()
        assert refusal.endswith(
            f"Expected a bundle folder. Got no folder {missing}. "
            "Fix: correct the path, or write a bundle there with `edge-nt export`."
        )


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a bundle folder"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("what", ["precision", "encoder_sha256"])
def test_ood_statistics_of_another_encoder_are_refused(bundle_folder: Path, what: str) -> None:
    arrays = dict(np.load(bundle_folder / "ood.npz"))
    arrays[what] = np.array("int8" if what == "precision" else "b" * 64)
    reseal(bundle_folder, "ood.npz", npz(**arrays))
    with pytest.raises(InputError, match="OOD statistics of this bundle's fp32 encoder"):
        read_bundle(bundle_folder)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["ood.npz", "golden.npz"])
@pytest.mark.parametrize("kind", ["object array", "bare pickle", "not a zip", "empty"])
def test_hostile_arrays_are_refused_and_never_executed(
    bundle_folder: Path, tmp_path: Path, name: str, kind: str
) -> None:
    trap = Trap(tmp_path / "sprung")
    contents = {
        "object array": npz(**{**dict(np.load(bundle_folder / name)), "means": np.array([trap], object)}),
        "bare pickle": pickle.dumps(trap),
        "not a zip": b"PK\x03\x04 not really",
        "empty": b"",
    }
    reseal(bundle_folder, name, contents[kind])
    with pytest.raises(InputError):
        read_bundle(bundle_folder)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["ood.npz", "golden.npz"])
def test_bytes_that_are_no_arrays_are_refused_whatever_is_wrong_with_them(bundle_folder: Path, name: str) -> None:
    whole = (bundle_folder / name).read_bytes()
    compression = whole.index(b"PK\x01\x02") + 10  # in the archive's own list of its files
    rng = np.random.default_rng(0)
    for place, value in [(compression, 99), *rng.integers((len(whole), 256), size=(80, 2)).tolist()]:
        content = bytearray(whole)
        content[place : place + 4] = bytes([value]) * len(content[place : place + 4])
        reseal(bundle_folder, name, bytes(content))
        with suppress(InputError):
            read_bundle(bundle_folder)


@pytest.mark.parametrize("spoiled", ["frames", "latents", "reconstructions"])
def test_golden_vectors_of_another_shape_are_refused(bundle_folder: Path, spoiled: str) -> None:
    arrays = dict(np.load(bundle_folder / "golden.npz"))
    arrays[spoiled] = arrays[spoiled][..., :-1]
    reseal(bundle_folder, "golden.npz", npz(**arrays))
    with pytest.raises(InputError, match="golden"):
        read_bundle(bundle_folder)


def test_writing_replaces_a_bundle_but_no_other_folder(bundle_folder: Path, tmp_path: Path) -> None:
    before = read_bundle(bundle_folder)
    block_bundle.write(bundle_folder, "fp16", offset=0.01)
    assert read_bundle(bundle_folder).manifest.precision == "fp16"
    assert before.manifest.precision == "fp32"
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"thesis with chapter\.tex in it"):
        block_bundle.write(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.tex").exists()
    (bundle_folder / ".edge-nt-partial-1.json").write_text("of a verify that was killed")
    block_bundle.write(bundle_folder)
    (bundle_folder / "notes.txt").write_text("on this bundle")
    with pytest.raises(InputError, match=r"with notes\.txt in it"):
        block_bundle.write(bundle_folder)
    assert (bundle_folder / "notes.txt").exists()
    with pytest.raises(InputError, match="can be written to"):
        block_bundle.write(bundle_folder / "notes.txt" / "below")


def test_parts_that_do_not_fit_are_refused_before_anything_is_written(bundle_folder: Path, tmp_path: Path) -> None:
    bundle = read_bundle(bundle_folder)
    parts = {"encoder_onnx": b"e", "decoder_onnx": b"d", "ood": bundle.ood, "golden": bundle.golden}
    with pytest.raises(InputError, match="OOD means"):
        write_bundle(tmp_path / "new", replace(bundle.manifest, latent_dim=64), **parts)
    assert not (tmp_path / "new").exists()


def test_a_report_is_never_written_into_a_bundle(bundle_folder: Path) -> None:
    with pytest.raises(InputError, match="outside the bundles"):
        check_output_file(bundle_folder / "deep" / ".." / "verify.json", [bundle_folder])
    check_output_file(bundle_folder.parent / "verify.json", [bundle_folder])
