"""Engines of a bundle in their folder: built, kept, and built by one process at a time."""

import dataclasses
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import block_bundle
import pytest
from engine_build import build
from in_memory_device import InMemoryDevice

from edge_nt.bundle.read import Bundle, read_bundle
from edge_nt.engines.engine_folder import build_engines, engine_root
from edge_nt.engines.engine_record import GRAPHS, read_fitting_plan
from edge_nt.engines.platform import this_platform
from edge_nt.errors import InputError, MissingDependencyError


def test_a_build_writes_plans_and_what_they_were_built_from(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    heard: list = []
    summary = build(bundle, heard=heard)
    assert summary.folder == bundle.folder / "engines" / "sm87-10.3.0"
    assert sorted(path.name for path in summary.folder.iterdir()) == sorted(
        f"{graph}.{suffix}" for graph in GRAPHS for suffix in ("json", "plan")
    )
    assert (summary.built, summary.replaced, summary.interrupted) == (GRAPHS, (), False)
    encoder = summary.records[0]
    assert (encoder.platform.device, encoder.platform.compute_capability) == ("In-memory GPU", "8.7")
    assert (encoder.typing, encoder.typed_refusal, encoder.workspace_mb) == ("strong", None, 64)
    assert encoder.onnx_sha256 == bundle.manifest.files["encoder.onnx"]
    assert ("encoder", "Building", 0, 3) in heard
    assert ("decoder", "Timing", 1, 1) in heard
    read_bundle(bundle.folder)  # engines may join a bundle


def test_what_fits_is_kept_unless_forced(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    first = build(bundle)
    again = build(bundle)
    assert (again.built, again.replaced) == ((), ())
    assert again.records == first.records
    assert build(bundle, force=True).built == GRAPHS


@pytest.mark.parametrize("version", ["10.16.1.11", "11.4.0.106"])
def test_another_tensorrt_gets_plans_of_its_own(cart_gpu: InMemoryDevice, bundle: Bundle, version: str) -> None:
    build(bundle)
    cart_gpu.become(tensorrt=version)
    with pytest.raises(InputError, match=f"engines for sm87-{version}.*none in .* beside sm87-10.3.0.*edge-nt build"):
        read_fitting_plan(engine_root(bundle) / this_platform().tag, "encoder", bundle, this_platform())
    assert build(bundle).built == GRAPHS
    assert len(list(engine_root(bundle).iterdir())) == 2


def test_a_bundle_for_cpus_never_gets_to_tensorrt(cart_gpu: InMemoryDevice, tmp_path: Path) -> None:
    bundle = read_bundle(block_bundle.write(tmp_path / "cpu", "int8", target="cpu"))
    with pytest.raises(InputError, match="target cpu"):
        build(bundle)


def test_a_tensorrt_that_cannot_start_cuda_is_explained(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    cart_gpu.refusals.start = "CUDA initialization failure with error: 35"
    with pytest.raises(MissingDependencyError, match=r"to start on this GPU.*failure with error: 35"):
        build(bundle)


def test_memory_that_ran_out_is_explained(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    cart_gpu.refusals.build = "Cuda Runtime (out of memory)"
    with pytest.raises(
        MissingDependencyError, match=r"workspace of 64 MB.*out of memory.*swap, or lower --workspace-mb"
    ):
        build(bundle)
    assert list(engine_root(bundle).rglob("*.plan")) == []


def test_the_timing_cache_is_kept_for_this_gpu_and_version(
    cart_gpu: InMemoryDevice, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_NT_CACHE", str(tmp_path / "cache"))
    kept = tmp_path / "cache" / "timing-sm87-10.3.0.cache"
    assert build(bundle).timing_cache_kept
    content = kept.read_bytes()
    kept.write_bytes(b"damaged")
    assert build(bundle, force=True).timing_cache_kept
    assert kept.read_bytes() == content
    kept.unlink()
    kept.mkdir()
    assert not build(bundle, force=True).timing_cache_kept


def test_a_killed_build_is_noticed_and_what_it_left_is_cleared(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    folder = engine_root(bundle) / this_platform().tag
    code = (
        "import os, signal, sys; from pathlib import Path; from edge_nt.engines.engine_folder import _alone_in\n"
        "from edge_nt.atomic import atomic_file\n"
        "folder = Path(sys.argv[1])\n"
        "with _alone_in(folder), atomic_file(folder / 'encoder.plan') as partial:\n"
        "    partial.write_bytes(b'half a plan')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], check=False, env=os.environ)
    assert done.returncode == -9
    assert len(list(folder.glob(".edge-nt-partial-*"))) == 2
    assert build(bundle).interrupted
    assert not list(folder.glob(".edge-nt-partial-*"))
    assert not build(bundle).interrupted


def test_two_builds_do_not_share_a_folder(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    def build_inside(*_step: object) -> None:
        with pytest.raises(InputError, match="another `edge-nt build`"):
            build(bundle)

    root = engine_root(bundle)
    build_engines(bundle, this_platform(), root=root, workspace_mb=64, force=False, on_build=build_inside)


def test_a_lock_of_a_build_that_ended_meanwhile_does_not_count(
    cart_gpu: InMemoryDevice, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, lock = fcntl.flock, engine_root(bundle) / this_platform().tag / ".edge-nt-partial-build"

    def late(held, operation: int) -> None:
        lock.unlink()
        lock.touch()  # the file of the next build
        flock(held, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(InputError, match="another `edge-nt build`"):
        build(bundle)
    assert lock.exists()


def test_ctrl_c_ends_a_build_and_leaves_nothing_behind(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    def interrupted(*_step: object) -> None:
        raise KeyboardInterrupt

    root = engine_root(bundle)
    with pytest.raises(KeyboardInterrupt):
        build_engines(bundle, this_platform(), root=root, workspace_mb=64, force=False, on_build=interrupted)
    assert cart_gpu.refusals.cancelled
    assert list((root / this_platform().tag).iterdir()) == []


def test_engines_may_lie_outside_the_bundle(
    cart_gpu: InMemoryDevice, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_NT_ENGINES", str(tmp_path / "engines"))
    other = read_bundle(block_bundle.write(tmp_path / "other", offset=0.1))
    assert build(bundle).folder != build(other).folder
    assert build(bundle).built == build(other).built == ()
    assert not (bundle.folder / "engines").exists()


@pytest.mark.parametrize("workspace_mb", [0, -1, 10**15])
def test_a_workspace_that_no_device_has_is_refused(cart_gpu: InMemoryDevice, bundle: Bundle, workspace_mb: int) -> None:
    with pytest.raises(InputError, match="workspace from 1 to 1048576 MB"):
        build(bundle, workspace_mb=workspace_mb)


def test_a_folder_that_cannot_be_written_is_refused(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    engine_root(bundle).write_text("a file where the folder should be")
    with pytest.raises(InputError, match="name another with --out"):
        build(bundle)


def test_a_graph_with_other_tensors_than_the_bundles_is_refused(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    renamed = dataclasses.replace(bundle, encoder_onnx=block_bundle.encoder_onnx(latent_name="code"))
    with pytest.raises(InputError, match="code"):
        build(renamed)
    assert list(engine_root(bundle).rglob("*.plan")) == []
