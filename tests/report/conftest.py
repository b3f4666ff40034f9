from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import block_bundle
import pytest
from small_study import Written, write_evaluation, write_run_folder

from edge_nt.cli.app import main
from edge_nt.recipes import default_path
from edge_nt.report.page import write_report


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its evaluation, three bundles (INT8 too bright for its gates), verifications, a bench, scans."""
    root = tmp_path_factory.mktemp("report") / "study"
    write_run_folder(root / "run")
    write_evaluation(root / "run" / "evaluation")
    data = block_bundle.write_scans(root / "scans", per_hospital=20)
    reference, faithful, bright = (str(root / "bundles" / name) for name in ("fp32", "fp16", "int8"))
    block_bundle.write(Path(reference))
    block_bundle.write(Path(faithful), "fp16")
    block_bundle.write(Path(bright), "int8", offset=0.02)
    for bundle, code in ((faithful, 0), (bright, 1)):
        out = str(root / f"verify-{Path(bundle).name}.json")
        options = ["--reference", reference, "--data", str(data), "--backend", "onnxruntime", "--out", out]
        options += ["--gates", str(default_path("benchmarks/demo_gates.toml"))]
        assert main(["verify", bundle, *options]) == code
    timing = ["--frames", "4", "--warmup", "1", "--settle-ms", "0", "--paced", "200", "--sweep-threads", "1"]
    assert main(["bench", reference, faithful, bright, *timing, "--out", str(root / "bench.json")]) == 0
    return root


@pytest.fixture(scope="session")
def written(study_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_report([study_folder], out)
    return Written(study_folder, out.read_text(encoding="utf-8"))


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., str]:
    """Writes the page about some paths and returns it."""

    def write(*paths: Path) -> str:
        write_report(paths, tmp_path / "page.html")
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    return write
