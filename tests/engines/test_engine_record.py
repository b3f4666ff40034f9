"""A plan is refused with what differs when it does not fit its bundle, its platform or its record."""

import dataclasses
import json

import pytest
from engine_build import build
from in_memory_device import InMemoryDevice

from edge_nt.bundle.read import Bundle
from edge_nt.engines.engine_record import read_fitting_plan
from edge_nt.engines.platform import this_platform
from edge_nt.errors import InputError


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tensorrt", "10.7.0"),
        ("compute_capability", "8.6"),
        ("device", "Orin Nano"),
        ("cuda", "12.2"),
        ("driver", "535.1"),
        ("l4t", "R36.3.0"),
    ],
)
def test_a_plan_of_another_platform_is_refused_with_what_differs(
    cart_gpu: InMemoryDevice, bundle: Bundle, field: str, value: str
) -> None:
    folder, platform = build(bundle).folder, this_platform()
    elsewhere = dataclasses.replace(platform, **{field: value})
    with pytest.raises(InputError, match=f"built with {field} .*, here {value}.*run `edge-nt build` again"):
        read_fitting_plan(folder, "encoder", bundle, elsewhere)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("onnx_sha256", "0" * 64, "built from ONNX 000000000000"),
        ("manifest_sha256", "0" * 64, "built from bundle.json 000000000000"),
        ("graph", "decoder", "built from graph decoder"),
        ("precision", "int8", "built from precision int8"),
        ("tensors", [], "built from inputs and outputs"),
        ("plan_sha256", "0" * 64, "other bytes"),
        ("schema_version", 2, r"schema_version 1\. Got 2"),
        ("typing", "none", "none"),
        ("build_s", None, "build_s"),
    ],
)
def test_a_sidecar_that_does_not_fit_is_refused(
    cart_gpu: InMemoryDevice, bundle: Bundle, field: str, value: object, words: str
) -> None:
    folder = build(bundle).folder
    path = folder / "encoder.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(InputError, match=words):
        read_fitting_plan(folder, "encoder", bundle, this_platform())
    summary = build(bundle)
    assert summary.built == ("encoder",)
    assert summary.replaced[0].startswith("encoder: ")


def test_changed_plan_bytes_are_refused(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    folder = build(bundle).folder
    path = folder / "decoder.plan"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"decoder\.plan with SHA-256 .* Got other bytes"):
        read_fitting_plan(folder, "decoder", bundle, this_platform())
    path.unlink()
    with pytest.raises(InputError, match="No such file"):
        read_fitting_plan(folder, "decoder", bundle, this_platform())
