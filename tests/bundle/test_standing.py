"""Where a bundle stands on a backend, by the verdicts that were left beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from made_verdict import COMPARED, entry, gate, leave, standing

from edge_nt.bundle.read import read_bundle
from edge_nt.bundle.verdict import write_verdict


def test_a_bundle_is_unverified_then_what_its_verdict_says(half: Path) -> None:
    assert standing(half) == ("unverified", f"no verdict.json in {half}")
    leave(half)
    assert standing(half) == ("passed", "passed on onnxruntime by roi_gates.toml")
    leave(half, outcome="failed")
    state, says = standing(half)
    assert state == "failed"
    assert "1 of 2 gates did not pass on onnxruntime by roi_gates.toml (ROI MAE FAIL)" in says


def test_the_entry_of_a_backend_goes_before_those_of_others(half: Path) -> None:
    leave(half)
    assert standing(half, "openvino")[0] == "passed"
    assert "openvino held to it by golden vectors" in standing(half, "openvino")[1]
    leave(half, "openvino", "failed")
    assert standing(half, "openvino")[0] == "failed"
    assert standing(half, "onnxruntime")[0] == "passed"
    # A third backend is covered by nobody: golden vectors held the one that failed, too.
    assert standing(half, "tensorrt") == (
        "unverified",
        "passed on onnxruntime but failed on openvino; no verdict on tensorrt itself",
    )
    leave(half, outcome="failed")
    assert standing(half, "tensorrt")[0] == "failed"


def test_fp32_is_the_reference_unless_it_failed_itself(bundle_folder: Path) -> None:
    assert standing(bundle_folder)[0] == "reference"
    leave(bundle_folder, "openvino", "failed")
    assert standing(bundle_folder, "openvino")[0] == "failed"
    assert standing(bundle_folder, "onnxruntime")[0] == "reference"


def test_what_was_only_not_shown_did_not_fail_and_takes_nothing_from_the_reference(
    half: Path, bundle_folder: Path
) -> None:
    for folder, state in ((half, "not shown"), (bundle_folder, "reference")):
        short = replace(entry("failed"), gates=(gate(), gate(2.0, "not shown")))
        write_verdict(folder, read_bundle(folder).sha256, "onnxruntime", short)
        assert standing(folder)[0] == state
        assert "1 of 2 gates did not pass on onnxruntime by roi_gates.toml (ROI MAE not shown)" in standing(folder)[1]


def test_calipers_that_were_not_gated_are_told(half: Path) -> None:
    bare = replace(entry(), compared_with=replace(COMPARED, caliper_not_gated="too small"))
    write_verdict(half, read_bundle(half).sha256, "onnxruntime", bare)
    words = "passed on onnxruntime by roi_gates.toml, calipers not gated"
    assert standing(half) == ("passed, calipers not gated", words)
    assert standing(half, "openvino")[0] == "passed, calipers not gated"


def test_a_gate_file_of_a_shipped_one_s_name_and_other_limits_is_told_apart(half: Path) -> None:
    loosened = replace(entry(), compared_with=replace(COMPARED, gate_file_sha256="d" * 64))
    write_verdict(half, read_bundle(half).sha256, "onnxruntime", loosened)
    assert standing(half)[1] == "passed on onnxruntime by another roi_gates.toml than the one here"
    ours = replace(loosened.compared_with, gate_file="ours.toml")
    write_verdict(half, read_bundle(half).sha256, "onnxruntime", replace(loosened, compared_with=ours))
    assert standing(half)[1] == "passed on onnxruntime by ours.toml"
