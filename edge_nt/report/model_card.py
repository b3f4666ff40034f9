"""MODEL_CARD.md: what a shipped model is, for whoever runs it; every figure with its file and its place in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_nt.bundle.reference import ShippedBundle
from edge_nt.evaluation.ood_scores import SEED_SCORE
from edge_nt.report.card_study import study_parts
from edge_nt.report.markdown import cited, markdown_table, number_interval, plain
from edge_nt.report.ood_protocol_section import figures_of, protocol_name
from edge_nt.report.place import Place, number
from edge_nt.report.study import BUNDLE, CONTROL, EVALUATION, OOD, VERIFY, Study

_METRICS = {
    "psnr_db": ("PSNR, dB", ".2f"),
    "ssim": ("SSIM", ".3f"),
    "ms_ssim": ("MS-SSIM", ".3f"),
    "roi_mae": ("ROI MAE", ".4f"),
    "roi_edge_mae": ("ROI Edge-MAE", ".4f"),
    "roi_psnr_db": ("ROI PSNR, dB", ".2f"),
}
_LIMITS = (
    "**Research use only. Not a medical device: nothing here supports a clinical decision.**",
    "It reconstructs what it was trained on. What a reconstruction shows is no finding; measure on the scan.",
    "It knows the sites named above and no other. At another hospital, scanner, depth or gain its figures are unknown.",
    "A frame in distribution is one that looks like training frames, not one that is reconstructed well.",
    "A verdict is about one precision against FP32. It says nothing about the model itself; the evaluation does.",
    "The room that INT8 leaves for latents of other sites was looked for after a figure at `longhua` of the public "
    "set: INT8's figures there are not blind. The search for the recipe of 0.4.0 was begun after a figure there too; "
    "what was taken, source validation decided.",
)


@dataclass(frozen=True)
class DataSource:
    """What a model was trained on: the dataset's name, licence, origin, and the sites of its training frames."""

    name: str
    licence: str
    source: str
    sites: tuple[str, ...]


def model_card(
    study: Study, data: DataSource, shipped: Sequence[ShippedBundle], not_shown_reason: str | None, run_frames: int
) -> str:
    """The card in Markdown, from one evaluation, the verify reports and the bundles of `study`.

    `run_frames` is how many frames trained the model.
    """
    evaluation = study.of(EVALUATION)[0]
    parts = [
        "# Model card",
        *_identity(evaluation, data, run_frames),
        "## Bundles",
        *_bundles(study, shipped),
        "## What it keeps",
        "Means over images, with the 95 % bootstrap interval over images; the change is stage 2 against stage 1.",
        *(part for group in _groups(evaluation) for part in _group(group)),
        "## Out of distribution",
        "Stage 2's plain latent distance (Mahalanobis); source validation against each set. 0.5 is chance.",
        *_ood(evaluation),
        *(part for report in study.of(OOD) for part in _protocols(report)),
        *_study(study),
        "## Verdicts",
        *_open(shipped, not_shown_reason),
        *(part for report in study.of(VERIFY) for part in _verdict(report)),
        "## Limits",
        "\n".join(f"- {line}" for line in _LIMITS),
        "## Files that the figures are from",
        _sources(study),
    ]
    return "\n\n".join(parts) + "\n"


def _identity(evaluation: Place, data: DataSource, run_frames: int) -> Iterator[str]:
    if evaluation.at("synthetic").value:
        yield "**SYNTHETIC: trained on phantoms. Its figures say nothing about patients.**"
    rows = (
        ("structures", ", ".join(each.text() for each in evaluation.at("structures").each())),
        ("data", f"{data.name}; {data.source}"),
        ("licence of the data", data.licence),
        ("trained on", f"{run_frames} frames of {', '.join(data.sites)}"),
        (
            "held-out site",
            f"{evaluation.at('held_out_hospital').text()}: no frame of it trained, validated or calibrated",
        ),
        ("checkpoint, SHA-256", evaluation.at("checkpoint_sha256", "stage2").text()),
        ("edge-nt", evaluation.at("edge_nt_version").text()),
        ("measured", evaluation.at("measured_utc").text()),
    )
    yield markdown_table(("", ""), ((name, plain(value)) for name, value in rows))


def _bundles(study: Study, shipped: Sequence[ShippedBundle]) -> Iterator[str]:
    # `run` takes the first that its backend can run.
    of_folder = {file.source.path.parent.name: file for file in study.of(BUNDLE)}
    rows = []
    for bundle in shipped:
        file = of_folder[bundle.folder]
        cells = (
            bundle.folder,
            file.at("precision").text(),
            file.at("target").text(),
            f"{bundle.size_bytes / 1e6:.1f} MB",
        )
        rows.append((*map(plain, cells), f"`{bundle.bundle_sha256}`"))
    yield markdown_table(("folder", "precision", "made for", "size", "SHA-256 of bundle.json"), rows)


def _groups(evaluation: Place) -> list[Place]:
    """Every split, and its hospitals where it has several: the only one would repeat it."""
    groups = evaluation.at("groups").each()
    splits = [group.at("split").text() for group in groups]
    return [
        group
        for group, split in zip(groups, splits, strict=True)
        if group.at("hospital").value is None or splits.count(split) > 2
    ]


def _group(group: Place) -> Iterator[str]:
    hospital = group.at("hospital").value
    words = group.at("split").text() + (f", {hospital}" if hospital else "")
    yield f"**{plain(words)}** ({number(group.at('images'), '.0f')} images; {cited(group)})"
    metrics = [("whole image", metric) for metric in group.at("metrics").each()]
    for region in group.at("regions").each():
        where = f"{plain(region.at('structure').text())}, on {number(region.at('images'), '.0f')} of them"
        metrics += [(where, metric) for metric in region.at("metrics").each()]
    rows = []
    for where, metric in metrics:
        name, form = _METRICS[metric.at("metric").text()]
        figures = (number_interval(metric.at(part), form) for part in ("stage1", "stage2", "difference"))
        rows.append((where, name, *figures, cited(metric)))
    yield markdown_table(("of", "metric", "stage 1", "stage 2", "change", "from"), rows)


def _ood(evaluation: Place) -> Iterator[str]:
    stage = next(each for each in evaluation.at("ood").each() if each.at("stage").text() == "stage2")
    rows = (
        (
            plain(each.at("name").text()),
            number(each.at("frames"), ".0f"),
            number(each.at("auroc"), ".4f"),
            cited(each),
        )
        for each in stage.at("comparisons").each()
    )
    yield markdown_table(("set", "frames", "AUROC", "from"), rows)


def _protocols(report: Place) -> Iterator[str]:
    default = report.at("default").text()
    for score in (default, SEED_SCORE):
        words = "What the score that ships rejects" if score == default else "The same by the latent distance alone"
        yield f"{words}; flagged at the threshold that keeps 95 % of held-in validation ({plain(score)}, stage 2)."
        stage = next(each for each in report.at("stages").each() if each.at("stage").text() == "stage2")
        rows = []
        for protocol in stage.at("protocols").each():
            found = figures_of(protocol, score)
            frames, flagged = (
                number(protocol.at("frames"), ".0f"),
                f"{number(found.at('flagged_share'), '.0f', 100.0)} %",
            )
            rows.append(
                (
                    plain(protocol_name(protocol)),
                    frames,
                    number_interval(found.at("auroc"), ".3f"),
                    flagged,
                    cited(found),
                )
            )
        yield markdown_table(("frames of", "n", "AUROC", "flagged", "from"), rows)


def _study(study: Study) -> Iterator[str]:
    for result in study.of(CONTROL):
        yield "## Against the control"
        yield "Of the study that the model is from: each arm against another, 95 % paired bootstrap over images."
        yield from study_parts(result)


def _open(shipped: Sequence[ShippedBundle], reason: str | None) -> Iterator[str]:
    yield "A gate passes when the worse end of its interval clears the limit."
    if reason is not None:
        lines = [
            f"- {plain(bundle.folder)}: {plain(gate.metric)} of {plain(gate.group)}"
            for bundle in shipped
            for gate in bundle.not_shown
        ]
        yield f"**Not every gate is shown.** Shipped all the same: {plain(reason)}"
        yield "\n".join(lines)


def _verdict(report: Place) -> Iterator[str]:
    candidate = report.at("candidate")
    name, backend = candidate.at("folder").text(), candidate.at("backend").text()
    yield f"**{plain(name)} on {plain(backend)}**, against FP32 ({cited(report.at('comparison', 'gates'))})"
    rows = []
    for gate in report.at("comparison", "gates").each():
        bounds = gate.find("bounds")
        measured = (
            ("–", "–", "–")
            if bounds is None
            else tuple(
                number(bounds.at(part), form) for part, form in (("estimate", ".3g"), ("high", ".3g"), ("n", ".0f"))
            )
        )
        words = (plain(gate.at(part).text()) for part in ("group", "metric", "unit"))
        rows.append((*words, *measured, number(gate.at("limit"), "g"), gate.at("state").text(), cited(gate)))
    head = ("frames of", "loss", "unit", "estimate", "worse end", "n", "limit", "state", "from")
    yield markdown_table(head, rows)


def _sources(study: Study) -> str:
    rows = (
        (f"[{file.source.number}]", f"`{plain(file.source.name)}`", file.source.kind, f"`{file.source.sha256}`")
        for file in study.files
    )
    return markdown_table(("", "file", "kind", "SHA-256"), rows)
