import json
from dataclasses import replace
from pathlib import Path

import block_bundle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.bundle.manifest import (
    FILE_NAMES,
    BundleManifest,
    CalibrationImage,
    CalibrationProvenance,
    Quantisation,
)
from edge_nt.bundle.manifest_json import manifest_from_json, manifest_to_json
from edge_nt.bundle.tensorrt_target import refuse_for_tensorrt
from edge_nt.errors import EdgeNtError, InputError, LeakageError

FILES = dict.fromkeys(FILE_NAMES, "d" * 64)


def written(precision: str = "int8") -> BundleManifest:
    return replace(block_bundle.manifest(precision), files=FILES)


QUANTISATION = manifest_to_json(written())["quantisation"]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_round_trip_through_json_text(precision: str) -> None:
    manifest = written(precision)
    assert manifest_from_json(json.loads(json.dumps(manifest_to_json(manifest)))) == manifest


@pytest.mark.parametrize("version", [0, 4, "5", True, None])
def test_unknown_schema_version_says_what_to_do(version: object) -> None:
    content = {**manifest_to_json(written()), "schema_version": version}
    with pytest.raises(InputError, match=r"schema_version 5.*Fix: install the edge-nt version"):
        manifest_from_json(content)


def test_a_bundle_from_before_it_named_its_training_is_read() -> None:
    content = manifest_to_json(written())
    assert content.pop("trained_on") == []
    assert manifest_from_json(content).trained_on == ()


@pytest.mark.parametrize("name", sorted(set(manifest_to_json(written())) - {"schema_version", "trained_on"}))
def test_a_missing_or_extra_field_is_refused(name: str) -> None:
    content = manifest_to_json(written())
    with pytest.raises(InputError, match="exactly"):
        manifest_from_json({key: value for key, value in content.items() if key != name})
    with pytest.raises(InputError, match="exactly"):
        manifest_from_json({**content, name + "_": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("precision", "int4"),
        ("target", "any"),
        ("target", "gpu"),
        ("target", None),
        ("target", ["cpu"]),
        ("structure", ""),
        ("source_hospitals", "east"),
        ("source_hospitals", []),
        ("source_hospitals", [1]),
        ("synthetic", 1),
        ("latent_dim", 128.0),
        ("latent_dim", True),
        ("preprocess", {"height": "192", "width": 256, "mask_overlays": False}),
        ("preprocess", {"height": 192, "width": 256}),
        ("preprocess", {"height": 200, "width": 256, "mask_overlays": False}),
        ("checkpoint_sha256", "C" * 64),
        ("trained_on", "a" * 16),
        ("trained_on", ["a" * 64]),
        ("trained_on", [1]),
        ("quantisation", None),
        ("quantisation", {**QUANTISATION, "method": "magic"}),
        ("quantisation", {**QUANTISATION, "calibrator": ""}),
        ("quantisation", {**QUANTISATION, "float_layers": "decoder/conv_4"}),
        ("quantisation", {**QUANTISATION, "float_layers": [4]}),
        ("quantisation", {**QUANTISATION, "float_type": "bf16"}),
        ("quantisation", {**QUANTISATION, "fine_tuning_steps": 10}),
        ("quantisation", {**QUANTISATION, "method": "qat"}),
        ("quantisation", {**QUANTISATION, "method": "qat", "fine_tuning_steps": True}),
        ("calibration", None),
        ("calibration", {"method": "minmax"}),
        ("files", {**FILES, "../evil": "d" * 64}),
        ("files", {}),
        ("files", {**FILES, "ood.npz": "short"}),
    ],
)
def test_a_mistyped_field_is_refused(name: str, value: object) -> None:
    with pytest.raises(InputError):
        manifest_from_json({**manifest_to_json(written()), name: value})


@pytest.mark.parametrize(("precision", "target"), [("fp32", "cpu"), ("fp16", "tensorrt"), ("int8", "any")])
def test_a_target_that_the_precision_does_not_have_is_refused(precision: str, target: str) -> None:
    with pytest.raises(InputError, match=f"for {precision} as the bundle's target"):
        replace(block_bundle.manifest(precision), target=target)


def test_a_cpu_bundle_is_refused_for_tensorrt_by_name_and_others_pass() -> None:
    for manifest in (written("fp32"), written("fp16"), written("int8")):
        refuse_for_tensorrt(manifest, Path("b"))
    cpu = block_bundle.manifest("int8", target="cpu")
    with pytest.raises(InputError, match="bundles/mine") as refusal:
        refuse_for_tensorrt(cpu, Path("bundles/mine"))
    assert "--precision int8 --target tensorrt" in refusal.value.fix


@pytest.mark.parametrize("part", ["quantisation", "calibration"])
def test_quantisation_and_calibration_belong_to_int8_alone(part: str) -> None:
    with pytest.raises(InputError, match=part):
        replace(block_bundle.manifest("fp16"), **{part: getattr(block_bundle.manifest("int8"), part)})


def test_graphs_for_cpus_are_never_in_half_precision() -> None:
    with pytest.raises(InputError, match="fp32 for target cpu"):
        replace(written(), target="cpu")


def test_fine_tuning_keeps_its_number_of_steps() -> None:
    tuned = replace(written(), quantisation=Quantisation("qat", "minmax", ("decoder/conv_4",), "fp16", 200))
    read = manifest_from_json(json.loads(json.dumps(manifest_to_json(tuned))))
    assert read.quantisation == tuned.quantisation


def test_calibration_on_the_held_out_hospital_is_leakage() -> None:
    image = CalibrationImage("north", "a" * 64)
    with pytest.raises(LeakageError, match="aaaa… of north"):
        CalibrationProvenance("blobs", "north", (image,), "e" * 64)


def test_calibration_on_a_hospital_that_is_no_source_is_leakage() -> None:
    image = CalibrationImage("south", "a" * 64)
    with pytest.raises(LeakageError, match="south"):
        replace(written(), calibration=CalibrationProvenance("blobs", "north", (image,), "e" * 64))


def test_a_held_out_hospital_among_the_sources_is_leakage() -> None:
    with pytest.raises(LeakageError):
        replace(written("fp32"), source_hospitals=("east", "north"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(manifest_to_json(written()))), json_values)
def test_any_json_in_any_field_is_accepted_or_refused_in_one_line(name: str, value: object) -> None:
    try:
        manifest = manifest_from_json({**manifest_to_json(written()), name: value})
    except EdgeNtError:
        return
    assert manifest_from_json(manifest_to_json(manifest)) == manifest


@given(json_values)
def test_any_json_document_is_refused_in_one_line(content: object) -> None:
    with pytest.raises(InputError):
        manifest_from_json(content)


@pytest.mark.parametrize(
    ("held_out", "hospital"), [("east:new", "east:new"), ("east:new", "east"), ("east", "east:old")]
)
def test_calibration_on_a_held_out_scanner_or_its_whole_hospital_is_leakage(held_out: str, hospital: str) -> None:
    image = CalibrationImage(hospital, "a" * 64)
    with pytest.raises(LeakageError, match="aaaa… of east"):
        CalibrationProvenance("blobs", held_out, (image,), "e" * 64)


def test_another_scanner_of_the_held_out_one_s_hospital_may_calibrate() -> None:
    image = CalibrationImage("east:old", "a" * 64)
    calibration = CalibrationProvenance("blobs", "east:new", (image,), "e" * 64)
    sites = {"held_out_hospital": "east:new", "calibration": calibration}
    replace(written(), **sites, source_hospitals=("east:old", "west"))
    for sources in (("west",), ("east", "west"), ("east:new", "east:old")):
        with pytest.raises(LeakageError):
            replace(written(), **sites, source_hospitals=sources)
