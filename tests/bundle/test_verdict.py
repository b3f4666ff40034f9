"""Verdicts that were edited, exchanged, or left behind by another bundle.json are refused by reason."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import block_bundle
import pytest
from made_verdict import entry, leave, standing

from edge_nt.bundle.read import read_bundle
from edge_nt.bundle.verdict import check_verdict_place, read_verdict, write_verdict
from edge_nt.errors import InputError


def test_another_bundle_s_verdict_says_nothing(half: Path, tmp_path: Path) -> None:
    other = block_bundle.write(tmp_path / "other", "fp16", offset=0.01)
    (half / "verdict.json").write_bytes(leave(other).read_bytes())
    state, says = standing(half)
    assert state == "unverified"
    assert "changed after it was verified" in says


def test_a_manifest_changed_after_the_verdict_leaves_the_bundle_unverified(half: Path) -> None:
    leave(half)
    manifest = half / "bundle.json"
    manifest.write_text(manifest.read_text().replace('"edge_nt_version": "0.0.0"', '"edge_nt_version": "0.0.1"'))
    state, says = standing(half)
    assert state == "unverified"
    assert "changed after it was verified" in says


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx", "ood.npz", "golden.npz"])
def test_a_file_changed_after_the_verdict_is_refused_by_its_hash(half: Path, name: str) -> None:
    leave(half)
    (half / name).write_bytes((half / name).read_bytes() + b"\0")
    with pytest.raises(InputError, match=name):
        read_bundle(half)


def test_statistics_of_another_bundle_are_refused_although_the_manifest_was_made_to_match(
    half: Path, tmp_path: Path
) -> None:
    leave(half)
    other = block_bundle.write(tmp_path / "fp32", latent_gain=2.0)
    digest = json.loads((other / "bundle.json").read_text())["files"]["ood.npz"]
    (half / "ood.npz").write_bytes((other / "ood.npz").read_bytes())
    manifest = json.loads((half / "bundle.json").read_text())
    manifest["files"]["ood.npz"] = digest
    (half / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="OOD statistics of this bundle's fp16 encoder"):
        read_bundle(half)


def poison(path: Path, change: Any) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def _first(content: dict[str, Any]) -> dict[str, Any]:
    return content["backends"]["onnxruntime"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: _first(c).update(outcome="passed"), "is not what the 2 gates say"),
        (lambda c: _first(c)["gates"][1].update(state="pass"), "does not pass 1"),
        (lambda c: _first(c)["gates"][1].update(worse_end=None, state="pass"), "does not pass"),
        (lambda c: _first(c).update(gates=[], outcome="passed"), "is not what the 0 gates say"),
        (lambda c: _first(c).update(outcome="ok"), "outcome"),
        (lambda c: _first(c).update(gates="none"), "gates"),
        (lambda c: _first(c)["gates"][0].update(limit="1.0"), "limit"),
        (lambda c: c.update(backends={}), "at least one backend"),
        (lambda c: c.update(backends=[]), "backends"),
        (lambda c: c.update(schema_version=2), "schema_version"),
        (lambda c: c.update(kind="edge-nt verify"), "kind"),
        (lambda c: c.update(signature="x"), "unknown field"),
        (lambda c: c.pop("bundle_sha256"), "bundle_sha256"),
        (lambda c: c.update(bundle_sha256=7), "bundle_sha256"),
    ],
)
def test_an_edited_verdict_is_no_verdict(half: Path, change: Any, reason: str) -> None:
    poison(leave(half, outcome="failed"), change)
    state, says = standing(half)
    assert state == "unverified"
    assert reason in says


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"kind": NaN}', b" " * 1_000_001], ids=lambda c: str(len(c))
)
def test_a_file_that_is_no_verdict_is_none(half: Path, content: bytes) -> None:
    (half / "verdict.json").write_bytes(content)
    state, says = standing(half)
    assert state == "unverified"
    assert "verdict.json" in says


def test_a_folder_of_that_name_is_no_verdict_and_an_unreadable_one_is_replaced(half: Path) -> None:
    (half / "verdict.json").mkdir()
    assert standing(half)[0] == "unverified"
    (half / "verdict.json").rmdir()
    (half / "verdict.json").write_text("{")
    leave(half)
    assert standing(half)[0] == "passed"


def test_a_verdict_is_kept_on_one_bundle_json_only(half: Path) -> None:
    leave(half, "openvino")
    block_bundle.write(half, "fp16", offset=0.01)
    assert standing(half)[0] == "unverified"
    leave(half)
    found = read_verdict(half, read_bundle(half).sha256)
    assert found is not None
    assert set(found.backends) == {"onnxruntime"}


def test_verdicts_on_several_backends_at_once_are_all_kept(half: Path) -> None:
    digest, names = read_bundle(half).sha256, [f"backend{number}" for number in range(16)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: write_verdict(half, digest, name, entry("failed")), names))
    found = read_verdict(half, digest)
    assert found is not None
    assert sorted(found.backends) == sorted(names)


def test_a_bundle_that_went_away_while_it_was_judged_is_told(half: Path) -> None:
    with pytest.raises(InputError, match="a bundle folder that can be written to"):
        write_verdict(half / "gone", "a" * 64, "onnxruntime", entry())


def test_a_partial_file_of_a_killed_verify_harms_nothing(half: Path) -> None:
    (half / ".edge-nt-partial-x.json").write_text("{")
    assert read_bundle(half).manifest.precision == "fp16"


def test_a_folder_that_takes_no_verdict_is_refused_at_once(half: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_verdict_place(half)
    assert {path.name for path in half.iterdir()} == {path.name for path in half.iterdir() if path.name[0] != "."}
    half.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        # Root writes anywhere, so the folder that is not there stands for the one that may not be written to.
        for folder in (half, half / "gone"):
            if folder.exists() and _is_root():
                continue
            with pytest.raises(InputError, match="--no-verdict"):
                check_verdict_place(folder)
    finally:
        half.chmod(stat.S_IRWXU)


def _is_root() -> bool:
    import os

    return os.geteuid() == 0
