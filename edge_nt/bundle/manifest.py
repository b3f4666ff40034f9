"""What a bundle is: its manifest, with the provenance of INT8 ranges and the images that the model was trained on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from edge_nt.datasets.site import overlap, within
from edge_nt.errors import InputError, LeakageError
from edge_nt.imaging.letterbox import Preprocess

SCHEMA_VERSION = 5
MANIFEST_NAME = "bundle.json"
ENCODER_NAME = "encoder.onnx"
DECODER_NAME = "decoder.onnx"
OOD_NAME = "ood.npz"
GOLDEN_NAME = "golden.npz"
# The whole content of a bundle beside bundle.json: a fixed set, so a name in a manifest can never be a path.
FILE_NAMES = (ENCODER_NAME, DECODER_NAME, OOD_NAME, GOLDEN_NAME)
# What may join a bundle after its export. The manifest has no hash of these: each names the manifest it belongs to.
VERDICT_NAME = "verdict.json"
ENGINES_NAME = "engines"
LATER_NAMES = (VERDICT_NAME, ENGINES_NAME)

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
# Which engine the graphs are made for. Only INT8 differs: each engine fuses quantised layers in a form of its own.
Target = Literal["any", "tensorrt", "cpu"]
INT8_TARGETS: tuple[Target, ...] = ("tensorrt", "cpu")
# The type of an INT8 graph's float layers, of its scales and biases, and of every tensor between its integers.
FloatType = Literal["fp16", "fp32"]
FLOAT_TYPES: tuple[FloatType, ...] = get_args(FloatType)
# ptq: ranges fitted, layers in float as the recipe says; auto: float layers searched for; qat: fine-tuned as well.
Method = Literal["ptq", "auto", "qat"]
METHODS: tuple[Method, ...] = get_args(Method)

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Enough to tell an image by: among a million, any two agree in them with a chance of one in thirty million.
PIXEL_DIGITS = 16
_PIXELS = re.compile(rf"[0-9a-f]{{{PIXEL_DIGITS}}}")


@dataclass(frozen=True)
class CalibrationImage:
    """One image that INT8 ranges were fitted on; `sha256` is that of its pixels as decoded.

    A bundle travels, so neither its file nor its patient is named: whoever has the picture can tell it by its pixels.
    `hospital` is its site: hospital:scanner where the scanners of its hospital stand on two sides of the split.
    """

    hospital: str
    sha256: str

    def __post_init__(self) -> None:
        _check_text("calibration image hospital", self.hospital)
        _check_sha256("calibration image sha256", self.sha256)


@dataclass(frozen=True)
class CalibrationProvenance:
    """Which images INT8 ranges were fitted on; `ranges_sha256` is equal where the ranges are, for any target.

    Raises: LeakageError when an image is of the held-out site.
    """

    dataset: str
    held_out_hospital: str
    images: tuple[CalibrationImage, ...]
    ranges_sha256: str

    def __post_init__(self) -> None:
        for name in ("dataset", "held_out_hospital"):
            _check_text(f"calibration {name}", getattr(self, name))
        _check_sha256("calibration ranges_sha256", self.ranges_sha256)
        if not self.images:
            raise wrong_field("calibration images", "at least one image", "none")
        held_out = [image for image in self.images if overlap(image.hospital, self.held_out_hospital)]
        leaked = [f"{image.sha256[:12]}… of {image.hospital}" for image in held_out]
        if leaked:
            raise LeakageError(
                expected=f"calibration images of source hospitals, none of {self.held_out_hospital}",
                got=", ".join(leaked),
                fix="export again with source-hospital training images only",
            )


@dataclass(frozen=True)
class Quantisation:
    """How graphs became INT8: `float_layers` (graph/layer) were left out, and `float_type` is what they compute in.

    `fine_tuning_steps` is 0 for every method but qat.
    """

    method: Method
    calibrator: str
    float_layers: tuple[str, ...]
    float_type: FloatType
    fine_tuning_steps: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise wrong_field("quantisation method", " or ".join(METHODS), repr(self.method))
        _check_text("quantisation calibrator", self.calibrator)
        for layer in self.float_layers:
            _check_text("quantisation float_layers", layer)
        if self.float_type not in FLOAT_TYPES:
            raise wrong_field("quantisation float_type", " or ".join(FLOAT_TYPES), repr(self.float_type))
        steps = self.fine_tuning_steps
        if type(steps) is not int or steps < 0 or (steps > 0) != (self.method == "qat"):
            raise wrong_field("quantisation fine_tuning_steps", "a whole number above 0 for qat, else 0", repr(steps))


@dataclass(frozen=True)
class BundleManifest:
    """What `bundle.json` says. `files` maps each file name to its SHA-256; empty until the bundle is written.

    `held_out_hospital` and `source_hospitals` name sites: a hospital, or hospital:scanner. `trained_on` knows training
    images by the first 16 digits of the SHA-256 of their pixels; empty in older bundles.
    """

    edge_nt_version: str
    precision: Precision
    target: Target
    structure: str
    held_out_hospital: str
    source_hospitals: tuple[str, ...]
    synthetic: bool
    latent_dim: int
    preprocess: Preprocess
    checkpoint_sha256: str
    quantisation: Quantisation | None = None
    calibration: CalibrationProvenance | None = None
    trained_on: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        check_schema(self.schema_version)
        for name in ("edge_nt_version", "structure", "held_out_hospital"):
            _check_text(name, getattr(self, name))
        if self.precision not in PRECISIONS:
            raise wrong_field("precision", " or ".join(PRECISIONS), repr(self.precision))
        targets = targets_of(self.precision)
        if self.target not in targets:
            raise wrong_field("target", f"{' or '.join(targets)} for {self.precision}", repr(self.target))
        if type(self.latent_dim) is not int or self.latent_dim < 1:
            raise wrong_field("latent_dim", "a whole number above 0", repr(self.latent_dim))
        if type(self.synthetic) is not bool:
            raise wrong_field("synthetic", "true or false", repr(self.synthetic))
        _check_sha256("checkpoint_sha256", self.checkpoint_sha256)
        for digest in self.trained_on:
            if not isinstance(digest, str) or not _PIXELS.fullmatch(digest):
                raise wrong_field("trained_on", f"digests of {PIXEL_DIGITS} small hex digits", repr(digest))
        self._check_int8()
        self._check_hospitals()
        self._check_files()

    def _check_int8(self) -> None:
        for name, part in (("quantisation", self.quantisation), ("calibration", self.calibration)):
            if (part is not None) != (self.precision == "int8"):
                got = "none" if part is None else f"one in an {self.precision} bundle"
                raise wrong_field(name, "an object for int8 and null for other precisions", got)
        if self.target == "cpu" and self.quantisation and self.quantisation.float_type != "fp32":
            raise wrong_field("quantisation float_type", "fp32 for target cpu", repr(self.quantisation.float_type))

    def _check_hospitals(self) -> None:
        if not self.source_hospitals:
            raise wrong_field("source_hospitals", "at least one hospital", "none")
        for hospital in self.source_hospitals:
            _check_text("source_hospitals", hospital)
        fitted = {image.hospital for image in self.calibration.images} if self.calibration else set()
        foreign = sorted(site for site in fitted if not any(within(site, own) for own in self.source_hospitals))
        stated = self.calibration.held_out_hospital if self.calibration else self.held_out_hospital
        shared = any(overlap(site, self.held_out_hospital) for site in self.source_hospitals)
        if shared or foreign or stated != self.held_out_hospital:
            raise LeakageError(
                expected=f"sources and calibration images without the held-out hospital {self.held_out_hospital}",
                got=f"sources {', '.join(self.source_hospitals)}, calibration on {', '.join(foreign) or 'sources'} "
                f"with {stated} held out",
                fix="export the bundle again from a run with the same held-out hospital",
            )

    def _check_files(self) -> None:
        if self.files and set(self.files) != set(FILE_NAMES):
            raise wrong_field("files", f"exactly {', '.join(FILE_NAMES)}", ", ".join(map(repr, self.files)))
        for name, digest in self.files.items():
            _check_sha256(f"files {name}", digest)


def targets_of(precision: Precision) -> tuple[Target, ...]:
    """The engines that graphs of this precision can be made for, the default first."""
    return INT8_TARGETS if precision == "int8" else ("any",)


def check_schema(version: object) -> None:
    """Raises: InputError for another schema version, with what to do about it."""
    if type(version) is not int or version != SCHEMA_VERSION:
        raise InputError(
            expected=f"bundle schema_version {SCHEMA_VERSION}",
            got=repr(version),
            fix="install the edge-nt version that exported the bundle, or export it again with this one",
        )


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise wrong_field(name, "a text that is not empty", repr(value))


def _check_sha256(name: str, value: object) -> None:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise wrong_field(name, "a SHA-256 of 64 small hex digits", repr(value))


def wrong_field(name: str, expected: str, got: str) -> InputError:
    """The error for one wrong field of a bundle."""
    return InputError(
        expected=f"{expected} as the bundle's {name}", got=got, fix="export the bundle again with `edge-nt export`"
    )
