"""The page's head: what was trained on what, held out where, and which gates it passed."""

from __future__ import annotations

from edge_nt.report.markup import Html, element, joined
from edge_nt.report.mixed_files import mixed_warnings, warning
from edge_nt.report.place import Place, cited, figure, moment
from edge_nt.report.study import (
    BENCH,
    BUNDLE,
    CALIPER,
    CALIPER_STUDY,
    CONTROL,
    EVALUATION,
    OOD,
    PROBE,
    RUN,
    TRAINING_SPEED,
    VERIFY,
    Study,
)
from edge_nt.report.table import Column, columns, facts, table

_MARKS = {"pass": "✓ passed", "FAIL": "✗ FAILED", "not shown": "– not shown"}


def head_section(study: Study) -> Html:
    """Title, warnings, the study's facts and the verdicts of every bundle that was verified."""
    parts = [element("h1", {}, _title(study)), element("p", {"class": "lead"}, _RESEARCH)]
    if _is_synthetic(study):
        parts.append(
            warning(element("strong", {}, "SYNTHETIC phantoms."), " No figure here says anything about patients.")
        )
    parts += [*mixed_warnings(study), _facts(study), _verdicts(study)]
    return element("header", {}, *parts)


_RESEARCH = "Research use only. Not a medical device: no figure here supports a clinical decision."


def state_mark(state: str) -> Html:
    """The state of a gate, told by word and sign as well as by colour."""
    return element("strong", {"class": "pass" if state == "pass" else "fail"}, _MARKS[state])


def _title(study: Study) -> str:
    kinds = (EVALUATION, RUN, VERIFY, CONTROL, OOD, PROBE, CALIPER)
    files = [file for kind in kinds for file in study.of(kind)]
    names = list(dict.fromkeys(file.at("dataset").text() for file in files))
    names += ["phantoms of known thickness"] if study.of(CALIPER_STUDY) else []
    return "edge-nt report: " + (", ".join(names) if names else "speed on this machine")


def _is_synthetic(study: Study) -> bool:
    kinds = (RUN, EVALUATION, VERIFY, BUNDLE, TRAINING_SPEED, CONTROL, OOD, PROBE, CALIPER)
    files = [file for kind in kinds for file in study.of(kind)]
    parts = [fidelity for bench in study.of(BENCH) if (fidelity := bench.find("fidelity"))]
    parts += [codecs for bench in study.of(BENCH) if (codecs := bench.find("codecs"))]
    # The caliper's phantoms are called synthetic in their section; a page of nothing else says so in its head.
    if not files and study.of(CALIPER_STUDY):
        return True
    return any(place.at("synthetic").value for place in (*files, *parts))


def _facts(study: Study) -> Html:
    rows: list[tuple[str, Html]] = []
    for run in study.of(RUN):
        rows += _run_facts(run)
    for evaluation in study.of(EVALUATION):
        when = moment(evaluation.at("measured_utc"))
        version = evaluation.at("edge_nt_version").text()
        words = f"{evaluation.at('run').text()}, {when}, edge-nt {version}, stage 2 checkpoint "
        digest = evaluation.at("checkpoint_sha256", "stage2").text()
        rows.append(("Evaluated", joined([words, element("code", {}, digest[:12]), _at(evaluation)])))
    for bundle in study.of(BUNDLE):
        version = bundle.at("edge_nt_version").text()
        words = f"{bundle.source.path.parent.name}, {bundle.at('precision').text()}, edge-nt {version}, checkpoint "
        digest = bundle.at("checkpoint_sha256").text()
        rows.append(("Exported", joined([words, element("code", {}, digest[:12]), _at(bundle)])))
    return facts(rows)


def _run_facts(run: Place) -> list[tuple[str, Html]]:
    size = run.at("preprocess", "width"), run.at("preprocess", "height")
    sides = [("train", " for training, "), ("val", " for validation, "), ("held_out", " held out")]
    counts = [part for side, words in sides for part in (_count(run.at(side)), words)]
    setup = run.at("device").text(), run.at("precision").text(), f"torch {run.at('torch_version').text()}"
    steps = [figure(run.at("recipe", f"stage{stage}_steps"), ",.0f") for stage in (1, 2)]
    return [
        ("Trained on", joined([run.at("dataset").text(), ", images: ", *counts, _at(run)])),
        ("Held out", joined(["hospital ", element("strong", {}, run.at("held_out_hospital").text())])),
        ("Region", joined([", ".join(place.text() for place in run.at("structures").each())])),
        ("Input", joined([figure(size[0], ".0f"), " × ", figure(size[1], ".0f"), " px"])),
        ("Recipe", joined([steps[0], " steps of stage 1, ", steps[1], " of stage 2; ", ", ".join(setup)])),
    ]


def _count(files: Place) -> Html:
    return joined([f"{len(files.value):,}"])


def _at(file: Place) -> Html:
    return joined([" ", element("a", {"href": f"#source-{file.source.number}"}, f"[{file.source.number}]")])


def _verdicts(study: Study) -> Html:
    verdicts = [(_verify_name(file), file.at("comparison", "gates")) for file in study.of(VERIFY)]
    verdicts += [
        (f"{each.at('variant').text()} against {fidelity.at('reference').text()}", each.at("comparison", "gates"))
        for bench in study.of(BENCH)
        if (fidelity := bench.find("fidelity"))
        for each in fidelity.at("variants").each()
        if each.at("comparison").value is not None
    ]
    if not verdicts:
        return warning(
            element("strong", {}, "No verdict."), " No result of edge-nt verify was named: nothing is gated."
        )
    rows = [_verdict_row(name, gates) for name, gates in verdicts]
    head = (*columns(("bundle", "verdict"), ("gates passed",)), Column("gates that did not pass", is_text=True))
    caption = joined(
        ["Verdict summary: gates on calipers, inside the ROI and on the OOD score. ", cited(*(v for _, v in verdicts))]
    )
    return element("section", {"id": "verdicts"}, element("h2", {}, "Verdicts"), table(caption, head, rows))


def _verify_name(file: Place) -> str:
    sides = [file.at("candidate"), file.at("reference")]
    names = [f"{side.at('folder').text()} on {side.at('backend').text()}" for side in sides]
    return " against ".join(names)


def _verdict_row(name: str, gates: Place) -> list[str]:
    states = [gate.at("state").text() for gate in gates.each()]
    short = [gate for gate in gates.each() if gate.at("state").value != "pass"]
    words = "; ".join(f"{gate.at('metric').text()}, {gate.at('group').text()}" for gate in short)
    overall = next((state for state in ("FAIL", "not shown") if state in states), "pass" if states else "not shown")
    return [name, state_mark(overall), f"{len(states) - len(short)} of {len(states)}", words or "none"]
