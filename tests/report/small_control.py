"""A small study.json, of the types that `edge-nt study` writes."""

from __future__ import annotations

from pathlib import Path

from edge_nt.imaging.letterbox import Preprocess
from edge_nt.machine import describe_machine
from edge_nt.metrics.bootstrap import Interval
from edge_nt.results import write_result
from edge_nt.study.study_result import ArmTraining, Change, Comparison, SideFigures, SiteFigures, StructureImages, Study


def write_control(path: Path, *, checkpoint: str = "c" * 64) -> Path:
    changes = (
        Change("roi_mae", "NT", False, "relative", Interval(-0.1312, -0.1534, -0.1011, 11, 0.95), (-0.13, -0.14), 2),
        Change("psnr_db", None, True, "difference", Interval(0.1213, 0.0911, 0.1512, 11, 0.95), (0.12, 0.13), 2),
        Change("roi_psnr_db", "NT", True, "relative", None, (), 0),
    )
    comparison = Comparison("stage 2", "control | continued", (0, 1), changes)
    sides = tuple(
        SideFigures(name, 11, (StructureImages("NT", 11, 0.8),), (), (comparison,))
        for name in ("source validation", "unseen site")
    )
    training = ArmTraining(
        "stage 2", 0, 200, checkpoint, {"ms_ssim": 1.0}, {"ms_ssim": 0.1}, "cpu", "float32", 1, "2.0"
    )
    site = SiteFigures("north", "north", ("east", "west"), (), sides, (training,))
    study = Study(
        edge_nt_version="0.0.0",
        torch_version="2.0",
        dataset="blobs",
        synthetic=True,
        tables={},
        structures=("NT",),
        preprocess=Preprocess(),
        protocol_sha256="d" * 64,
        recipe={},
        complete=True,
        sites=(site,),
        timings=(),
        machine=describe_machine(),
    )
    write_result(path, study)
    return path
