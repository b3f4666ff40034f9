from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.recipes import default_path
from edge_nt.verify.gates import read_gates

SHIPPED = default_path("benchmarks/roi_gates.toml").read_text(encoding="utf-8")


def test_the_shipped_gates_are_those_of_the_contract() -> None:
    shipped = read_gates()
    assert shipped.gates.roi_edge_mae_max_increase_percent == 1.0
    assert shipped.gates.roi_mae_max_increase_percent == 1.0
    assert shipped.gates.psnr_max_drop_db == 0.1
    assert shipped.gates.roi_mean_difference_max_grey_levels == 1.5
    tolerances = [shipped.golden[name].latent_max_relative_error for name in ("fp32", "fp16", "int8")]
    assert tolerances == sorted(tolerances)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema_version = 1", "schema_version = 2"),
        ("schema_version = 1", ""),
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
    ],
)
def test_a_missing_unknown_or_limitless_setting_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in SHIPPED
    (tmp_path / "gates.toml").write_text(SHIPPED.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=r"gates\.toml"):
        read_gates(tmp_path / "gates.toml")


@given(st.text(max_size=80))
def test_any_text_is_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        read_gates(path)
