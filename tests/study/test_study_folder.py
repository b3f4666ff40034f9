"""The study folder: what may be added to a study, and what makes it another."""

import json
from pathlib import Path

import pytest
from tiny_study import PROTOCOL, Trained, record

from edge_nt.errors import InputError
from edge_nt.study.study_folder import (
    RECORD_NAME,
    Job,
    arm_folder,
    begin_study,
    is_finished,
    jobs_of,
    open_study,
    protocol_digest,
    read_study,
)

ALIKE = 'stage2_weighting = "gradients"\nstage2_roi_pull = 1.0'


def changed(trained: Trained, folder: Path, text: str, *, threads: int = 1) -> object:
    (folder / "other.toml").write_text(text)
    return open_study(trained.study.out, record(folder / "other.toml", trained.data, threads=threads), trained.data)


def test_jobs_go_seed_by_seed_and_stage_1_before_its_arms(tmp_path: Path, trained: Trained) -> None:
    text = PROTOCOL.replace("seeds = [0]", "seeds = [3, 1]") + '[[sites]]\nheld_out = "phantom-a"\narms = ["stage2"]\n'
    (tmp_path / "two.toml").write_text(text)
    jobs = jobs_of(record(tmp_path / "two.toml", trained.data).protocol)
    found = [(job.site, job.seed, job.arm) for job in jobs]
    b_arms, a_arms = ("stage1", "control", "stage2"), ("stage1", "stage2")
    assert found == [
        *(("phantom-b", 3, arm) for arm in b_arms),
        *(("phantom-a", 3, arm) for arm in a_arms),
        *(("phantom-b", 1, arm) for arm in b_arms),
        *(("phantom-a", 1, arm) for arm in a_arms),
    ]


def test_seeds_sites_and_arms_may_be_added(trained: Trained, tmp_path: Path) -> None:
    text = PROTOCOL.replace("seeds = [0]", "seeds = [0, 5]").replace('"stage2"]', '"stage2", "no-l1"]')
    study = changed(trained, tmp_path, text + '[[sites]]\nheld_out = "phantom-a"\n')
    left = [job for job in jobs_of(study.record.protocol) if not is_finished(study.out, job)]
    assert len(left) == 13
    assert protocol_digest(study.record.protocol) != protocol_digest(trained.study.record.protocol)
    assert read_study(trained.study.out) == trained.study.record  # asking writes nothing


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("batch_size = 2", "batch_size = 4", "recipe.batch_size"),
        ("seeds = [0]", "seeds = [1]", "site phantom-b"),
        ('arms = ["control", "stage2"]', 'arms = ["stage2"]', "site phantom-b"),
        ('held_out = "phantom-b"', 'held_out = "phantom-a"\nname = "phantom-b"', "site phantom-b"),
        ("width = 192", "width = 256", "preprocess"),
    ],
)
def test_a_changed_protocol_is_refused_by_name(
    trained: Trained, tmp_path: Path, old: str, new: str, named: str
) -> None:
    with pytest.raises(InputError, match=f"another {named}"):
        changed(trained, tmp_path, PROTOCOL.replace(old, new))


def test_a_study_of_an_earlier_version_goes_on_with_what_a_later_setting_meant_then(
    trained: Trained, tmp_path: Path
) -> None:
    record_file = trained.study.out / RECORD_NAME
    begun = json.loads(record_file.read_text())
    then = begun["protocol"]["recipe"]["roi_dilation_px"]
    for later in ("roi_l1_dilation_px", "stage2_roi_pull", "matrix_rate", "convolution_rate"):
        del begun["protocol"]["recipe"][later]
    begun["protocol"]["recipe"]["stage2_weighting"] = "gradients"
    out = tmp_path / "earlier"
    out.mkdir()
    (out / RECORD_NAME).write_text(json.dumps(begun))

    def go_on(dilation: int) -> None:
        text = PROTOCOL.replace("[recipe]", f"[recipe]\n{ALIKE}\nroi_l1_dilation_px = {dilation}")
        (tmp_path / "later.toml").write_text(text)
        open_study(out, record(tmp_path / "later.toml", trained.data), trained.data)

    go_on(then)
    with pytest.raises(InputError, match=r"another recipe\.roi_l1_dilation_px"):
        go_on(then + 1)


def test_other_threads_and_other_tables_are_refused(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another threads"):
        changed(trained, tmp_path, PROTOCOL, threads=2)
    data = tmp_path / "data"
    data.mkdir()
    for path in trained.data.iterdir():
        if path.name != "boxes.csv":
            (data / path.name).symlink_to(path)
    (data / "boxes.csv").write_text((trained.data / "boxes.csv").read_text() + "\n")
    with pytest.raises(InputError, match="another tables"):
        open_study(trained.study.out, record(trained.protocol, data), data)


def test_a_site_that_the_dataset_has_not_is_refused_before_anything_is_written(
    trained: Trained, tmp_path: Path
) -> None:
    (tmp_path / "other.toml").write_text(PROTOCOL.replace("phantom-b", "nowhere"))
    with pytest.raises(InputError, match="phantom-a, phantom-b"):
        open_study(tmp_path / "out", record(tmp_path / "other.toml", trained.data), trained.data)
    assert not (tmp_path / "out").exists()


def test_a_structure_that_the_dataset_has_not_is_refused_before_anything_is_written(
    trained: Trained, tmp_path: Path
) -> None:
    (tmp_path / "other.toml").write_text('structures = ["NT", "tail"]' + PROTOCOL)
    with pytest.raises(InputError, match="boxes of 'tail'"):
        open_study(tmp_path / "out", record(tmp_path / "other.toml", trained.data), trained.data)
    assert not (tmp_path / "out").exists()


def test_a_batch_that_a_site_does_not_fill_is_refused_before_anything_is_written(
    tmp_path: Path, trained: Trained
) -> None:
    (tmp_path / "other.toml").write_text(PROTOCOL.replace("batch_size = 2", "batch_size = 64"))
    with pytest.raises(InputError, match=r"batch_size up to \d+, the number of training frames.*Got 64"):
        open_study(tmp_path / "out", record(tmp_path / "other.toml", trained.data), trained.data)
    assert not (tmp_path / "out").exists()


def test_what_is_begun_is_read_again_and_any_name_makes_one_folder(trained: Trained, tmp_path: Path) -> None:
    study = open_study(tmp_path / "out", record(trained.protocol, trained.data), trained.data)
    begin_study(study)
    assert read_study(tmp_path / "out") == study.record
    folder = arm_folder(tmp_path, Job("../a/b:c", 1, "stage2"))
    assert folder.relative_to(tmp_path).parts[1:] == ("seed1", "stage2")
    assert len(folder.relative_to(tmp_path).parts) == 3
