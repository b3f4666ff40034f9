from dataclasses import replace
from pathlib import Path

import openvino
import pytest
import torch

from edge_nt.bench.floor_result import TimedVariant
from edge_nt.bench.frames import golden_frames
from edge_nt.bench.measure import BenchPlan, measure
from edge_nt.bench.variant import VariantIdentity, bundle_variants
from edge_nt.errors import InputError
from edge_nt.machine import usable_cores
from edge_nt.workbench.bench_sections import _timed
from edge_nt.workbench.compute_floor import measure_floor
from edge_nt.workbench.graph_work import LayerWork
from edge_nt.workbench.instruction_rate import multiply_adds_per_cycle, physical_cores
from edge_nt.workbench.peak_kernels import PeakCandidate, peak_candidates

WORK = (LayerWork("encoder/a", "Conv", 3_000_000, 1, 1, 1), LayerWork("decoder/b", "Gemm", 1_000_000, 1, 1, 1))
ZEN4 = "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nflags\t\t: fpu avx512f avx512_vnni avx512_bf16\n\nprocessor : 1\n"
SMALLEST = "3072x576x384"
# Faster than any processor's clock: a peak above it would be a miscount.
FASTEST_CLOCK_GHZ = 7


def _identity(name: str, precision: str, backend: str = "onnxruntime") -> VariantIdentity:
    return VariantIdentity(name, "bundle", precision, "any", backend, None, None)


def _failing() -> None:
    raise RuntimeError("no such kernel\nsecond line")


def test_peaks_are_positive_below_what_instructions_allow_and_variants_held_against_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = usable_cores()
    monkeypatch.setattr("edge_nt.workbench.compute_floor.physical_cores", lambda: 1)
    one_each = [each for each in peak_candidates(threads) if each.engine == "torch" and each.shape == SMALLEST]
    broken = PeakCandidate("fp32", "nobody", "nothing", "0", 1, _failing)
    timed = [
        TimedVariant(_identity("a", "int8", "openvino-bf16"), "settled", 8.0),
        TimedVariant(_identity("b", "fp32", "openvino-bf16"), "settled", 8.0),
        TimedVariant(_identity("c", "fp16"), "settled", 8.0),
        TimedVariant(_identity("d", "fp32"), "saturated", 8.0),
    ]
    before = torch.get_num_threads()
    steps: list[tuple[int, int]] = []
    floor = measure_floor(WORK, timed, candidates=[*one_each, broken], on_kernel=lambda *step: steps.append(step))
    assert torch.get_num_threads() == before
    assert steps == [(index, 4) for index in (1, 2, 3, 4)]
    assert (floor.multiply_adds, floor.threads) == (4_000_000, threads)
    assert floor.memory_gb_per_s > 0
    for each in floor.precisions:
        rate = each.fastest.giga_multiply_adds_per_s
        assert rate is not None
        assert each.floor_ms == pytest.approx(4e6 / (rate * 1e9) * 1e3)
        allowed = multiply_adds_per_cycle().get(each.precision)
        if allowed is not None:
            assert 0 < rate < FASTEST_CLOCK_GHZ * allowed * threads
        # However many threads, they share the pipe of the one core.
        assert each.full_pipe_ghz == (None if allowed is None else pytest.approx(rate / allowed))
    assert [ratio.precision for ratio in floor.ratios] == ["int8", "bf16", "bf16", "fp32"]
    assert floor.ratios[3].ratio == pytest.approx(8.0 / floor.precisions[2].floor_ms)
    assert floor.precisions[2].tried[-1].failed == "no such kernel"


def test_every_kernel_builds_runs_and_is_counted_for_what_it_computes() -> None:
    for candidate in peak_candidates(threads=1):
        sides = [int(side) for side in candidate.shape.split("x")]
        products = sides[0] * sides[1] * sides[2] * (sides[3] * 9 if candidate.kernel == "conv 3x3" else 1)
        assert candidate.multiply_adds == products
    by_size = sorted(peak_candidates(threads=1), key=lambda each: -each.multiply_adds)
    small = {(each.precision, each.engine, each.kernel): each for each in by_size}
    assert len(small) == 13
    has_bf16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    for candidate in small.values():
        if (candidate.precision, candidate.engine) == ("bf16", "openvino") and not has_bf16:
            with pytest.raises(RuntimeError, match="no bfloat16"):
                candidate.build()
        else:
            assert candidate.build()() is not None


def test_threads_of_one_core_share_its_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: {0, 1, 2, 3})
    for number, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{number}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert physical_cores(tmp_path) == 2
    assert physical_cores(tmp_path / "none") is None


def test_a_gpu_is_not_held_against_the_processor_s_peaks(bundle_folder: Path) -> None:
    report = measure(
        bundle_variants([bundle_folder], ["onnxruntime"], 1),
        golden_frames(bundle_folder),
        BenchPlan(2, 1, 0),
        lambda *_: None,
    )
    assert [each.identity.name for each in _timed(report)] == ["fp32-bundle · onnxruntime"]
    [variant] = report.variants
    on_gpu = replace(variant, identity=replace(variant.identity, backend="tensorrt"))
    assert _timed(replace(report, variants=(on_gpu,))) == []


def test_a_precision_without_any_kernel_is_an_error() -> None:
    broken = [PeakCandidate(each, "nobody", "nothing", "0", 1, _failing) for each in ("int8", "bf16", "fp32")]
    with pytest.raises(InputError, match="nobody: no such kernel"):
        measure_floor(WORK, [], candidates=broken)


def test_instruction_rates_are_told_for_known_processors_only() -> None:
    assert multiply_adds_per_cycle(ZEN4) == {"int8": 64, "bf16": 32, "fp32": 16}
    assert multiply_adds_per_cycle(ZEN4.replace("avx512_vnni", "avx2")) == {}
    assert multiply_adds_per_cycle(ZEN4.replace(": 25", ": 23")) == {}
    amx = ZEN4.replace("AuthenticAMD", "GenuineIntel").replace("avx512_vnni", "amx_int8 amx_bf16")
    assert multiply_adds_per_cycle(amx)["int8"] == 1024
    assert multiply_adds_per_cycle("Processor : ARMv8\n") == {}
