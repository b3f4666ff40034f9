"""What a model that ships is worth, and whether it may replace the one that stands there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_nt.bundle.reference import RECORD_NAME, OodFigure, Reference, Standard
from edge_nt.errors import GateFailedError, InputError
from edge_nt.evaluation.ood_corruptions import GROSS
from edge_nt.evaluation.summary import SOURCE_VALIDATION
from edge_nt.report.ood_protocol_section import figures_of, protocol_name
from edge_nt.report.place import Place
from edge_nt.report.study import EVALUATION, OOD, Study
from edge_nt.results import read_result
from edge_nt.training.run_folder import RunInfo

# Of the frames of each gross corruption, at the threshold that keeps 95 % of held-in validation.
LEAST_FLAGGED_SHARE = 0.95


def refuse_blind(study: Study) -> None:
    """Refuse a model whose score takes frames with nothing to measure in for scans, whatever stood there before.

    Raises: GateFailedError where the score that ships flags fewer than `LEAST_FLAGGED_SHARE` of any gross corruption;
    InputError where the OOD result has not all of them.
    """
    ood = study.of(OOD)[0]
    gross = {}
    for protocol in _stage2(ood).at("protocols").each():
        key = protocol.at("name").text(), protocol.at("level").value
        if protocol.at("family").text() == "corruption" and key in GROSS:
            gross[key] = protocol_name(protocol), figures_of(protocol, ood.at("default").text()).at("flagged_share")
    missing = sorted(name + ("" if level is None else f" {level:g}") for name, level in GROSS - gross.keys())
    if missing:
        raise InputError(
            expected=f"the share flagged of every gross corruption in {ood.source.name}",
            got=f"none of {', '.join(missing)}",
            fix="measure the run anew with `edge-nt ood`",
        )
    shares = [(name, share.number()) for name, share in gross.values()]
    blind = [f"{share:.1%} of {name}" for name, share in shares if share < LEAST_FLAGGED_SHARE]
    if blind:
        raise GateFailedError(
            expected=f"a score that flags at least {LEAST_FLAGGED_SHARE:.0%} of every gross corruption",
            got=f"{', '.join(sorted(blind))} in {ood.source.name}",
            fix="ship another model: this one would measure in frames that show nothing",
        )


def standard_of(study: Study, info: RunInfo) -> Standard:
    """The figures of a run's evaluation and OOD result that another model has to better. Raises: InputError without a
    frame of source validation that has a region.
    """
    evaluation = study.of(EVALUATION)[0]
    region = _measured_region(evaluation)
    roi_mae = next(each for each in region.at("metrics").each() if each.at("metric").text() == "roi_mae")
    ood = study.of(OOD)[0]
    return Standard(
        dataset=evaluation.at("dataset").text(),
        structure=region.at("structure").text(),
        held_out_hospital=evaluation.at("held_out_hospital").text(),
        height_px=info.preprocess.height,
        width_px=info.preprocess.width,
        images=int(region.at("images").number()),
        roi_mae=roi_mae.at("stage2", "estimate").number(),
        ood_score=ood.at("default").text(),
        ood=tuple(_ood_figures(ood)),
    )


def _ood_figures(ood: Place) -> Iterator[OodFigure]:
    """What the score that ships tells apart, without the corruptions: slight ones are those that scans have."""
    for protocol in _stage2(ood).at("protocols").each():
        if protocol.at("family").text() != "corruption":
            auroc = figures_of(protocol, ood.at("default").text()).at("auroc")
            estimate, low, high = (auroc.at(end).number() for end in ("estimate", "low", "high"))
            yield OodFigure(protocol_name(protocol), int(protocol.at("frames").number()), estimate, low, high)


def _stage2(ood: Place) -> Place:
    return next(each for each in ood.at("stages").each() if each.at("stage").text() == "stage2")


def _measured_region(evaluation: Place) -> Place:
    """The measured structure on the whole of source validation."""
    structure = evaluation.at("structures", 0).text()
    for group in evaluation.at("groups").each():
        if group.at("split").text() == SOURCE_VALIDATION and group.at("hospital").value is None:
            for region in group.at("regions").each():
                if region.at("structure").text() == structure:
                    return region
    raise InputError(
        expected=f"figures of {structure} on source validation in the evaluation",
        got="no frame of it with such a region",
        fix="evaluate on a dataset with regions of the bundles' structure",
    )


def refuse_worse(new: Standard, out: Path) -> None:
    """Better is a lower ROI MAE on the same frames at the same size, and no set of frames that is told apart worse.

    Worse is an AUROC of the score that ships more than 0.01 below the old one, which its interval does not reach: by
    how few frames of an unseen site are drawn, either of two equal models may be ahead.
    Raises: InputError where `new` is not better than the reference in `out`, or cannot be compared with it.
    """
    if not (out / RECORD_NAME).is_file():
        return
    old = read_result(out / RECORD_NAME, Reference).standard
    same = ("dataset", "structure", "held_out_hospital", "height_px", "width_px", "images", "ood_score")
    before = {(each.name, each.frames): each.auroc for each in old.ood}
    other = [f"another {name}" for name in same if getattr(new, name) != getattr(old, name)]
    after = {(each.name, each.frames): each for each in new.ood}
    other += [f"no figure for {name} of {count} frames" for name, count in before if (name, count) not in after]
    kept = [(auroc, after[key]) for key, auroc in before.items() if key in after]
    fallen = [found.name for auroc, found in kept if found.auroc < auroc - 0.01 and found.high < auroc]
    if other or fallen or not new.roi_mae < old.roi_mae:
        reason = f"{', '.join(other)}, so that they cannot be compared" if other else ""
        reason = reason or (f"a lower AUROC for {', '.join(fallen)}" if fallen else "")
        raise InputError(
            expected=f"a model better than the one in {out}: ROI MAE of source validation below {old.roi_mae:.5f}",
            got=f"{new.roi_mae:.5f}" + (f", and {reason}" if reason else ""),
            fix="keep the one that stands there, or pass --force and say why in the change log",
        )
