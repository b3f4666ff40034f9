"""What each bundle is and what its INT8 ranges were fitted on."""

from __future__ import annotations

from collections import Counter

from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place, cited
from edge_nt.report.study import BUNDLE, Study
from edge_nt.report.table import columns, table

_READING = (
    "INT8 ranges are fitted on images of source hospitals alone; a bundle that names one of the held-out hospital"
    " is refused when it is read."
)


def calibration_section(study: Study) -> Html:
    """Identity and calibration provenance of every bundle; says what is missing when there is none."""
    files = study.of(BUNDLE)
    title = element("h2", {}, "Bundles and calibration")
    if not files:
        missing = paragraph("No bundle folder was named, so the provenance of INT8 ranges is not shown.")
        return element("section", {"id": "calibration"}, title, missing)
    parts = [title, paragraph(_READING), _identities(files)]
    fitted = [file for file in files if file.at("calibration").value is not None]
    if fitted:
        parts.append(_provenance(fitted))
    return element("section", {"id": "calibration"}, *parts)


def _identities(files: tuple[Place, ...]) -> Html:
    head = columns(("bundle", "precision", "made for", "encoder SHA-256", "decoder SHA-256"))
    rows = [
        [_name(file), file.at("precision").text(), file.at("target").text(), *(_digest(file, part) for part in _GRAPHS)]
        for file in files
    ]
    return table(joined(["Bundles. ", cited(*(file.at("files") for file in files))]), head, rows)


_GRAPHS = ("encoder.onnx", "decoder.onnx")


def _digest(file: Place, name: str) -> Html:
    return element("code", {"class": "digest"}, file.at("files", name).text())


def _provenance(files: list[Place]) -> Html:
    names = ("bundle", "method", "float layers", "dataset", "held out", "images by hospital", "SHA-256 of ranges")
    rows = [_provenance_row(file) for file in files]
    words = "Calibration provenance. Every image's SHA-256 stands in bundle.json. "
    caption = joined([words, cited(*(file.at("calibration") for file in files), note="Images are counted here")])
    return table(caption, columns(names), rows)


def _provenance_row(file: Place) -> list[str]:
    calibration = file.at("calibration")
    hospitals = Counter(image.at("hospital").text() for image in calibration.at("images").each())
    counted = ", ".join(f"{hospital}: {count}" for hospital, count in sorted(hospitals.items()))
    stated = [calibration.at(name).text() for name in ("dataset", "held_out_hospital")]
    ranges = element("code", {"class": "digest"}, calibration.at("ranges_sha256").text())
    return [_name(file), *_quantisation(file.at("quantisation")), *stated, counted, ranges]


def _quantisation(made: Place) -> list[str]:
    """How the graphs became INT8, and what was left in float."""
    if made.value is None:
        return ["–", "–"]
    steps = made.at("fine_tuning_steps").number()
    tuned = f", {steps:.0f} steps of fine-tuning" if steps else ""
    layers = ", ".join(layer.text() for layer in made.at("float_layers").each()) or "none"
    return [f"{made.at('method').text()}, {made.at('calibrator').text()}{tuned}", layers]


def _name(file: Place) -> str:
    return file.source.path.parent.name
