"""The manifest as `bundle.json` has it: written field by field, and read with every field checked."""

from __future__ import annotations

from typing import Any, cast

from edge_nt.bundle.manifest import (
    FILE_NAMES,
    BundleManifest,
    CalibrationImage,
    CalibrationProvenance,
    Quantisation,
    check_schema,
    wrong_field,
)
from edge_nt.imaging.letterbox import Preprocess


def manifest_to_json(manifest: BundleManifest) -> dict[str, Any]:
    """The content of `bundle.json`."""
    quantisation, calibration = manifest.quantisation, manifest.calibration
    return {
        "schema_version": manifest.schema_version,
        "edge_nt_version": manifest.edge_nt_version,
        "precision": manifest.precision,
        "target": manifest.target,
        "structure": manifest.structure,
        "held_out_hospital": manifest.held_out_hospital,
        "source_hospitals": list(manifest.source_hospitals),
        "synthetic": manifest.synthetic,
        "latent_dim": manifest.latent_dim,
        "preprocess": dict(vars(manifest.preprocess)),
        "checkpoint_sha256": manifest.checkpoint_sha256,
        "quantisation": quantisation and {**vars(quantisation), "float_layers": list(quantisation.float_layers)},
        "calibration": calibration
        and {**vars(calibration), "images": [dict(vars(image)) for image in calibration.images]},
        "trained_on": list(manifest.trained_on),
        "files": dict(manifest.files),
    }


def manifest_from_json(content: object) -> BundleManifest:
    """The manifest that `manifest_to_json` wrote; a missing, unknown or mistyped field is refused.

    Raises: InputError naming the field; for another schema version, what to do about it.
    """
    check_schema(content.get("schema_version") if isinstance(content, dict) else None)
    if isinstance(content, dict):
        # Bundles of this schema version have been written without it.
        content = {"trained_on": [], **content}
    raw = _object("bundle.json", content, tuple(BundleManifest.__dataclass_fields__))
    files = _object("files", raw["files"], FILE_NAMES)
    calibration = None if raw["calibration"] is None else _calibration(raw["calibration"])
    structured = {
        "source_hospitals": tuple(_array("source_hospitals", raw["source_hospitals"])),
        "preprocess": _preprocess(raw["preprocess"]),
        "quantisation": None if raw["quantisation"] is None else _quantisation(raw["quantisation"]),
        "calibration": calibration,
        "trained_on": tuple(_array("trained_on", raw["trained_on"])),
        "files": files,
    }
    return BundleManifest(**{**raw, **structured})


def _quantisation(content: object) -> Quantisation:
    raw = _object("quantisation", content, tuple(Quantisation.__dataclass_fields__))
    layers = _array("quantisation float_layers", raw["float_layers"])
    return Quantisation(**{**raw, "float_layers": tuple(layers)})


def _calibration(content: object) -> CalibrationProvenance:
    raw = _object("calibration", content, tuple(CalibrationProvenance.__dataclass_fields__))
    names = tuple(CalibrationImage.__dataclass_fields__)
    images = _array("calibration images", raw["images"])
    pictures = tuple(CalibrationImage(**_object("calibration image", image, names)) for image in images)
    return CalibrationProvenance(**{**raw, "images": pictures})


def _preprocess(content: object) -> Preprocess:
    raw = _object("preprocess", content, tuple(Preprocess.__dataclass_fields__))
    sides_whole = type(raw["height"]) is int and type(raw["width"]) is int
    if not sides_whole or type(raw["mask_overlays"]) is not bool:
        raise wrong_field("preprocess", "whole height and width in px, mask_overlays true or false", repr(raw))
    return Preprocess(**raw)


def _object(name: str, content: object, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(content, dict) or set(content) != set(keys):
        got = ", ".join(map(repr, content)) if isinstance(content, dict) else type(content).__name__
        raise wrong_field(name, f"an object with exactly {', '.join(keys)}", got)
    return cast(dict[str, Any], content)


def _array(name: str, content: object) -> list[Any]:
    if not isinstance(content, list):
        raise wrong_field(name, "a list", type(content).__name__)
    return content
