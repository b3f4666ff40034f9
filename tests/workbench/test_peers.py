import json
from pathlib import Path

import block_bundle
import numpy as np
import pytest

from edge_nt.bench.bench_report import BenchReport
from edge_nt.bundle.read import read_bundle
from edge_nt.cli.app import main
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.results import read_result
from edge_nt.training.checkpoint import read_facts
from edge_nt.workbench import compute_floor
from edge_nt.workbench.peers import peer_variants

NO_COMPILER = ("no-such-compiler",)
FP32_TOLERANCE, BF16_TOLERANCE = 1e-4, 0.05


def test_every_peer_reconstructs_what_the_fp32_bundle_does(run_folder: Path, model_bundle: Path) -> None:
    golden = read_bundle(model_bundle).golden
    peers = [peer for peer in peer_variants(run_folder, [model_bundle]) if peer.name != "torch compiled"]
    assert [peer.name for peer in peers] == [
        "torch eager",
        "torch eager bf16",
        "onnxruntime defaults",
        "openvino defaults",
    ]
    frames = to_unit_range(golden.frames)
    for peer in peers:
        session = peer.load().session
        found = np.stack([session.decode(session.encode(frame[None]))[0] for frame in frames])
        tolerance = FP32_TOLERANCE if peer.identity.precision == "fp32" else BF16_TOLERANCE
        assert np.abs(found - golden.reconstructions).max() < tolerance, peer.name
        assert (found.dtype, peer.identity.origin, session.backend) == (np.float32, "peer", peer.name)
        if peer.identity.precision == "bf16":
            assert np.abs(found - golden.reconstructions).max() > 0


def test_bundles_of_another_run_are_refused(run_folder: Path, model_bundle: Path, bundle_folder: Path) -> None:
    with pytest.raises(InputError, match=r"another checkpoint in .*fp32-bundle"):
        peer_variants(run_folder, [model_bundle, bundle_folder])


def test_peers_need_an_fp32_bundle(run_folder: Path, tmp_path: Path) -> None:
    checkpoint = read_facts(run_folder, "stage2")["sha256"]
    half = block_bundle.write(tmp_path / "fp16", "fp16", checkpoint=checkpoint)
    with pytest.raises(InputError, match="an FP32 bundle among"):
        peer_variants(run_folder, [half])


def test_the_command_times_peers_and_records_the_one_that_cannot_compile(
    run_folder: Path,
    model_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", NO_COMPILER)
    out = tmp_path / "bench.json"
    command = ["bench", str(model_bundle), "--frames", "2", "--warmup", "1", "--settle-ms", "5", "--out", str(out)]
    assert main([*command, "--peers", str(run_folder), "--baseline", "torch eager"]) == 0
    report = read_result(out, BenchReport)
    failed = {each.identity.name: each.failed for each in report.variants if each.failed}
    assert list(failed) == ["torch compiled"]
    assert "ompiler" in str(failed["torch compiled"])
    assert "FAILED torch compiled" in capsys.readouterr().out
    assert {each.variant for each in report.ratios} >= {"fp32 · onnxruntime", "openvino defaults"}


def test_a_dataset_beside_peers_alone_is_for_the_codecs(
    run_folder: Path, model_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_nt.workbench.peers.peer_variants", lambda _run, _bundles: ())
    asked: list[Path] = []
    monkeypatch.setattr(
        "edge_nt.workbench.bench_sections.compare_codecs", lambda _loaded, data, _step: asked.append(data.root)
    )
    scans = block_bundle.write_scans(tmp_path / "scans")
    command = ["bench", str(model_bundle), "--frames", "2", "--warmup", "1", "--settle-ms", "5"]
    assert main([*command, "--peers", str(run_folder), "--data", str(scans)]) == 0
    assert asked == [scans]


def test_the_command_holds_variants_against_the_floor_and_marks_the_estimate(
    model_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from edge_nt.workbench import peak_kernels

    few = [each for each in peak_kernels.peak_candidates(1) if each.shape == "3072x576x384" and each.engine == "torch"]
    monkeypatch.setattr(compute_floor, "peak_candidates", lambda _threads: few)
    out = tmp_path / "bench.json"
    command = ["bench", str(model_bundle), "--frames", "2", "--warmup", "1", "--settle-ms", "5", "--out", str(out)]
    assert main([*command, "--floor"]) == 0
    report = read_result(out, BenchReport)
    assert report.floor is not None
    assert report.floor.ratios[0].variant == "fp32 · onnxruntime"
    printed = capsys.readouterr().out
    assert "ESTIMATE" in printed
    assert "never seen on a device" in printed
    content = json.loads(out.read_text())["estimate"]
    assert content["estimate"] is True
    assert all(each["estimate"] is True for each in content["estimates"])
