"""A study of seconds on phantoms: its protocol, and what a test needs to know of it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from edge_nt.datasets.dataset import read_dataset
from edge_nt.datasets.dataset_tables import dataset_tables
from edge_nt.study.protocol import read_protocol
from edge_nt.study.study_folder import Job, OpenStudy, StudyRecord, arm_folder

PROTOCOL = """
seeds = [0]
arms = ["control", "stage2"]
[preprocess]
width = 192
[recipe]
batch_size = 2
stage1_steps = 3
stage2_steps = 3
warmup_steps = 1
calibration_batches = 1
checkpoint_every = 1
[[sites]]
held_out = "phantom-b"
"""

JOBS = {arm: Job("phantom-b", 0, arm) for arm in ("stage1", "control", "stage2")}


@dataclass(frozen=True)
class Trained:
    """A finished study, and the protocol file and dataset folder that it was made from."""

    study: OpenStudy
    protocol: Path
    data: Path


def copied(trained: Trained, out: Path, *arms: str) -> Path:
    """The study with only these arms finished."""
    shutil.copytree(trained.study.out, out)
    for arm in set(JOBS) - set(arms):
        shutil.rmtree(arm_folder(out, JOBS[arm]))
    return out


def record(protocol: Path, data: Path, *, threads: int = 1) -> StudyRecord:
    dataset = read_dataset(data)
    return StudyRecord(
        protocol=read_protocol(protocol),
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        tables=dataset_tables(data),
        threads=threads,
        edge_nt_version="0",
        torch_version="0",
    )
