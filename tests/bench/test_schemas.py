"""The published JSON Schemas are those of the code. To rewrite them: ``python tests/bench/test_schemas.py``."""

import json
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from edge_nt.bench.bench_report import BenchReport
from edge_nt.bench.live_result import LiveBench
from edge_nt.bundle.reference import Reference
from edge_nt.bundle.verdict import Verdict
from edge_nt.engines.engine_record import EngineRecord
from edge_nt.evaluation.evaluation_result import Evaluation
from edge_nt.evaluation.ood_operation_result import OperationReport
from edge_nt.evaluation.ood_result import OodReport
from edge_nt.evaluation.probe_result import Probe
from edge_nt.export.search_result import CalibratorReport, SensitivityReport
from edge_nt.health.examination import DoctorReport
from edge_nt.ood.drift_record import DriftRecord
from edge_nt.results import read_result, result_kind, schema_of
from edge_nt.runtime.self_test import SelfTestReport
from edge_nt.stream.latent_cost import LatentCost
from edge_nt.stream.suspects import SuspectRecord
from edge_nt.study.scores import ArmScores
from edge_nt.study.study_folder import StudyRecord
from edge_nt.study.study_result import Study
from edge_nt.verify.verification import VerifyReport
from edge_nt.workbench.caliper_report import CaliperReport
from edge_nt.workbench.caliper_study_result import CaliperStudy
from edge_nt.workbench.training_speed_result import TrainingSpeed

FOLDER = Path(__file__).parents[2] / "benchmarks" / "schemas"
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
REPORTS: dict[str, type[Any]] = {
    "bench": BenchReport,
    "bench-live": LiveBench,
    "calibrators": CalibratorReport,
    "caliper": CaliperReport,
    "caliper-study": CaliperStudy,
    "doctor": DoctorReport,
    "drift": DriftRecord,
    "engine": EngineRecord,
    "evaluation": Evaluation,
    "latent-cost": LatentCost,
    "ood": OodReport,
    "ood-operation": OperationReport,
    "probe": Probe,
    "reference": Reference,
    "sensitivity": SensitivityReport,
    "self-test": SelfTestReport,
    "study": Study,
    "study-protocol": StudyRecord,
    "study-scores": ArmScores,
    "suspects": SuspectRecord,
    "training-speed": TrainingSpeed,
    "verdict": Verdict,
    "verify": VerifyReport,
}


def published(report: type[Any]) -> str:
    return json.dumps(schema_of(report), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", REPORTS)
def test_the_published_schema_is_that_of_the_code(name: str) -> None:
    file = FOLDER / f"{name}.schema.json"
    assert file.read_text(encoding="utf-8") == published(REPORTS[name]), "run: python tests/bench/test_schemas.py"


def test_no_schema_is_published_without_a_report() -> None:
    assert {file.name for file in FOLDER.iterdir()} == {f"{name}.schema.json" for name in REPORTS}


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*/*.json")), ids=lambda file: file.name)
def test_every_committed_result_is_read_by_this_version(file: Path) -> None:
    kinds = {get_args(get_type_hints(report)["kind"])[0]: report for report in REPORTS.values()}
    read_result(file, kinds[result_kind(file)])


if __name__ == "__main__":
    for each, kind in REPORTS.items():
        (FOLDER / f"{each}.schema.json").write_text(published(kind), encoding="utf-8")
