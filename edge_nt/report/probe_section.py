"""What `edge-nt probe` found: how much the latents tell of the site that a scan is from."""

from __future__ import annotations

from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place, cited, figure, interval
from edge_nt.report.study import PROBE, Study
from edge_nt.report.table import columns, table

_READING = (
    "Multinomial logistic regression from frozen latents to the source site, judged on held-in validation. Information "
    "is the share of what there is to know about the site: 0 % knows no more than the training frequencies. Largest "
    "probability and entropy are means over the unseen site, which none of the classes is. Text and rulers alone give "
    "a site away, so the same is shown with everything outside the sector masked, and from that alone."
)


def probe_section(study: Study) -> Html:
    """Two tables for every probe result; empty when there is none."""
    files = study.of(PROBE)
    if not files:
        return Html("")
    parts = [part for file in files for part in _probe(file)]
    return element(
        "section", {"id": "probe"}, element("h2", {}, "What latents tell of the site"), paragraph(_READING), *parts
    )


def _probe(file: Place) -> list[Html]:
    sites = file.at("sites")
    facts = joined(
        [
            "Sites: ",
            ", ".join(f"{each.at('site').text()}" for each in sites.at("sites").each()),
            f"; unseen: {sites.at('unseen').text()} (",
            figure(sites.at("unseen_frames"), ".0f"),
            " frames). Always naming the most frequent site scores ",
            figure(sites.at("majority_accuracy"), ".1f", 100.0),
            " %, chance for balanced accuracy is ",
            figure(sites.at("uniform_accuracy"), ".1f", 100.0),
            " %, the largest entropy ",
            figure(sites.at("largest_entropy"), ".3f"),
            " nats. ",
        ]
    )
    heads = ("accuracy", "balanced accuracy", "information", "largest probability, unseen", "entropy, unseen, nats")
    return [
        element("h3", {}, f"Run: {file.at('run').text()}"),
        table(
            joined([facts, cited(sites, file.at("probes"))]),
            columns(("features", "overlays"), heads),
            [_probe_row(each) for each in file.at("probes").each()],
        ),
        table(
            joined(["What changes from one probe to another over the same frames. ", cited(file.at("changes"))]),
            columns(("change",), heads),
            [[each.at("what").text(), *_change_cells(each)] for each in file.at("changes").each()],
        ),
    ]


def _probe_row(probe: Place) -> list[str]:
    shares = [interval(probe.at(name), ".1f", 100.0, " %") for name in ("accuracy", "balanced_accuracy", "information")]
    unseen = [interval(probe.at("unseen", name), ".3f") for name in ("max_softmax", "entropy")]
    return [probe.at("features").text(), probe.at("overlays").text(), *shares, *unseen]


def _change_cells(change: Place) -> list[str]:
    shares = [interval(change.at(name), "+.1f", 100.0) for name in ("accuracy", "balanced_accuracy", "information")]
    return [*shares, *(interval(change.at(name), "+.3f") for name in ("max_softmax", "entropy"))]
