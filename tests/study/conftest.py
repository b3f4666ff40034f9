"""A study of seconds on phantoms, trained once in this process."""

import pytest
from tiny_study import PROTOCOL, Trained, record

from edge_nt.phantom.generate import write_phantoms
from edge_nt.study.arm import train_arm
from edge_nt.study.study_folder import begin_study, jobs_of, open_study


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root = tmp_path_factory.mktemp("study")
    write_phantoms(root / "data", hospitals=2, per_hospital=6, seed=0)
    (root / "protocol.toml").write_text(PROTOCOL)
    study = open_study(root / "out", record(root / "protocol.toml", root / "data"), root / "data")
    begin_study(study)
    for job in jobs_of(study.record.protocol):
        train_arm(
            study.out, study.data, job, device="cpu", on_step=lambda _step: None, should_stop=lambda: False
        )  # fmt: skip
    return Trained(study, root / "protocol.toml", root / "data")
