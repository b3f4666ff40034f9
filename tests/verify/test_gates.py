from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.digests import sha256_file
from edge_nt.errors import InputError
from edge_nt.recipes import default_path
from edge_nt.verify.gates import read_gates

SHIPPED = default_path("benchmarks/roi_gates.toml").read_text(encoding="utf-8")
DEMO = default_path("benchmarks/demo_gates.toml").read_text(encoding="utf-8")


def test_the_shipped_gates_are_those_of_the_contract() -> None:
    shipped = read_gates()
    roi, caliper = shipped.gates.roi, shipped.gates.caliper
    assert (roi.roi_edge_mae_max_increase_percent, roi.roi_mae_max_increase_percent) == (1.0, 1.0)
    assert (roi.psnr_max_drop_db, roi.roi_mean_difference_max_grey_levels) == (0.1, 1.5)
    assert roi.ood_flips_max_percent == 1.0
    assert caliper is not None
    assert (caliper.median_drift_max_mm, caliper.p95_drift_max_mm, caliper.bias_max_mm) == (0.05, 0.10, 0.02)
    assert (caliper.median_drift_max_px, caliper.p95_drift_max_px, caliper.bias_max_px) == (0.25, 0.5, 0.1)
    tolerances = [shipped.golden[name].latent_max_relative_error for name in ("fp32", "fp16", "int8")]
    assert tolerances == sorted(tolerances)
    assert shipped.identity.caliper_not_gated is None


def test_a_file_without_caliper_gates_says_why_and_is_otherwise_the_shipped_one() -> None:
    path = default_path("benchmarks/demo_gates.toml")
    demo, shipped = read_gates(path), read_gates()
    assert demo.gates.caliper is None
    assert (demo.identity.name, demo.identity.sha256) == ("demo_gates.toml", sha256_file(path))
    assert "do not resolve the band" in (demo.identity.caliper_not_gated or "")
    assert demo.golden == shipped.golden
    assert replace(demo.gates.roi, min_frames=20) == shipped.gates.roi
    assert demo.gates.roi.min_frames == 10


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema_version = 2", "schema_version = 1"),
        ("schema_version = 2", ""),
        ("psnr_max_drop_db = 0.1", ""),
        ("psnr_max_drop_db = 0.1", "psnr_max_drop = 0.1"),
        ("psnr_max_drop_db = 0.1", "psnr_max_drop_db = nan"),
        ("psnr_max_drop_db = 0.1", "psnr_max_drop_db = inf"),
        ("psnr_max_drop_db = 0.1", "psnr_max_drop_db = -0.1"),
        ("psnr_max_drop_db = 0.1", 'psnr_max_drop_db = "0.1"'),
        ("psnr_max_drop_db = 0.1", "psnr_max_drop_db = true"),
        ("[golden.int8]", "[golden.int4]"),
        ("[gates]", "[gate]"),
        ("[gates]", "[gates"),
        ("[caliper]", "[calipers]"),
        ("bias_max_mm = 0.02", ""),
        ("schema_version = 2", 'schema_version = 2\ncaliper_not_gated = "both"'),
    ],
)
def test_a_missing_unknown_or_limitless_setting_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in SHIPPED
    (tmp_path / "gates.toml").write_text(SHIPPED.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=r"gates\.toml"):
        read_gates(tmp_path / "gates.toml")


@pytest.mark.parametrize("reason", ['""', '"  "', "true", "1"])
def test_caliper_gates_are_not_left_out_without_a_reason(tmp_path: Path, reason: str) -> None:
    line = next(line for line in DEMO.splitlines() if line.startswith("caliper_not_gated"))
    (tmp_path / "gates.toml").write_text(DEMO.replace(line, f"caliper_not_gated = {reason}"), encoding="utf-8")
    with pytest.raises(InputError, match="the reason, in words"):
        read_gates(tmp_path / "gates.toml")


@given(st.text(max_size=80))
def test_any_text_is_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        read_gates(path)
