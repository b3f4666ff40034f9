"""A small ood.json, of the types that `edge-nt ood` writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_nt.evaluation.ood_corruptions import CORRUPTIONS, GROSS
from edge_nt.evaluation.ood_result import OodReport, Protocol, ScoreFigures, ScoreSetting, StageProtocols
from edge_nt.metrics.bootstrap import Interval
from edge_nt.results import write_result

SCORES = ("mahalanobis", "combination")
HOSTILE = "folder <b>|x|</b>"


def write_ood(path: Path, *, checkpoint: str = "c" * 64) -> Path:
    rng = np.random.default_rng(1)

    def figures(score: str) -> ScoreFigures:
        low, estimate, high = np.sort(rng.uniform(0.3, 1.0, 3)).tolist()
        return ScoreFigures(
            score, Interval(estimate, low, high, 9, 0.95), Interval(0.2, 0.1, 0.3, 9, 0.95), float(rng.random())
        )

    def stage(name: str) -> StageProtocols:
        settings = tuple(ScoreSetting(score, "words", 2.0, 0.05, 0.9, 0.8) for score in SCORES)
        kinds = (
            ("north", "unseen site", None, ""),
            (HOSTILE, "folder", None, ""),
            ("blur", "corruption", 2.0, "px sigma"),
        )
        protocols = [Protocol(*kind, 9, tuple(map(figures, SCORES))) for kind in kinds]
        # Every gross corruption is flagged, as of any model that may ship.
        units = {each.name: each.unit for each in CORRUPTIONS}
        for corruption, level in sorted(GROSS, key=str):
            flagged = tuple(replace(figures(score), flagged_share=1.0) for score in SCORES)
            protocols.append(Protocol(corruption, "corruption", level, units[corruption], 9, flagged))
        return StageProtocols(name, 60, 11, settings, "combination", tuple(protocols))

    report = OodReport(
        edge_nt_version="0.0.0",
        measured_utc="2026-01-02T03:04:05Z",
        run="run",
        checkpoint_sha256={"stage1": "a" * 64, "stage2": checkpoint},
        dataset="blobs",
        synthetic=True,
        held_out_hospital="north",
        seed=0,
        kept_share=0.95,
        default="combination",
        stages=(stage("stage1"), stage("stage2")),
        panels=(),
    )
    write_result(path, report)
    return path
