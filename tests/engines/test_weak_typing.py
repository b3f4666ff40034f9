"""A graph that is refused strongly typed: built weakly typed where that is to be had, and said."""

from pathlib import Path

import block_bundle
import pytest
from engine_build import build
from in_memory_device import InMemoryDevice

from edge_nt.bundle.read import read_bundle
from edge_nt.engines.build import PlanRefusedError
from edge_nt.errors import MissingDependencyError


@pytest.mark.parametrize(("version", "precision"), [("10.3.0", "fp32"), ("11.4.0.106", "int8")])
def test_a_refused_graph_stays_refused_where_no_weak_typing_is_to_be_had(
    cart_gpu: InMemoryDevice, tmp_path: Path, version: str, precision: str
) -> None:
    cart_gpu.become(tensorrt=version)
    cart_gpu.refusals.typed_build = "no implementation obeys the types"
    with pytest.raises(PlanRefusedError, match="its builder: no implementation obeys the types"):
        build(read_bundle(block_bundle.write(tmp_path / "bundle", precision)))


def test_tensorrt_10_may_build_int8_weakly_typed_and_says_so(cart_gpu: InMemoryDevice, tmp_path: Path) -> None:
    cart_gpu.refusals.typed_build = "no implementation obeys the types"
    summary = build(read_bundle(block_bundle.write(tmp_path / "bundle", "int8")))
    for record in summary.records:
        assert record.typing == "weak"
        assert "no implementation obeys the types" in record.typed_refusal


def test_where_weak_typing_does_not_help_either_both_reasons_are_given(
    cart_gpu: InMemoryDevice, tmp_path: Path
) -> None:
    cart_gpu.refusals.typed_build = "no implementation obeys the types"
    cart_gpu.refusals.build = "nor any other"
    with pytest.raises(PlanRefusedError, match="obeys the types; and weakly typed its builder: nor any other"):
        build(read_bundle(block_bundle.write(tmp_path / "bundle", "int8")))


def test_memory_that_ran_out_is_no_reason_for_weak_typing(cart_gpu: InMemoryDevice, tmp_path: Path) -> None:
    cart_gpu.refusals.typed_build = "Requested amount of GPU memory (9 bytes) could not be allocated."
    with pytest.raises(MissingDependencyError):
        build(read_bundle(block_bundle.write(tmp_path / "bundle", "int8")))
