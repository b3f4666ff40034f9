"""What a run is prepared from: the split and its leaks, regions, pictures, and data that change afterwards."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import pytest
from prepared_run import prepared

from edge_nt.datasets.dataset import read_dataset
from edge_nt.errors import InputError, LeakageError
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.stage import TrainingStoppedError
from edge_nt.training.train import train_run


def _rewrite(data: Path, change: dict[str, dict[str, str]]) -> None:
    with (data / "manifest.csv").open(newline="") as stream:
        rows = [row | change.get(row["file"], {}) for row in csv.DictReader(stream)]
    with (data / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_the_held_out_hospital_is_in_no_training_or_validation_list(
    phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    run = prepared(tmp_path / "run", phantoms, quick_recipe)
    values = json.loads((run / "run.json").read_text())
    assert all("phantom-c" in name for name in values["held_out"])
    assert not any("phantom-c" in name for name in values["train"] + values["val"])


def test_a_patient_on_two_sides_is_refused_by_name(
    own_phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    _rewrite(own_phantoms, {"images/phantom-c-0001.png": {"patient": "phantom-a-0001"}})
    with pytest.raises(LeakageError, match=r"phantom-a-0001.*phantom-c-0001") as refusal:
        prepared(tmp_path / "run", own_phantoms, quick_recipe)
    assert refusal.value.exit_code == 2
    assert not (tmp_path / "run").exists()


def test_the_same_picture_in_training_and_held_out_is_refused_by_name(
    own_phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    run = prepared(tmp_path / "run", own_phantoms, quick_recipe)
    shutil.copy(own_phantoms / "images/phantom-a-0001.png", own_phantoms / "images/phantom-c-0001.png")
    with pytest.raises(LeakageError, match=r"phantom-a-0001.*phantom-c-0001"):
        train_run(run)
    assert not (run / "log.jsonl").exists()
    with pytest.raises(LeakageError, match=r"phantom-a-0001.*phantom-c-0001"):
        prepared(tmp_path / "late", own_phantoms, quick_recipe)
    assert not (tmp_path / "late").exists()


def test_data_changed_under_a_prepared_run_is_refused(
    own_phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    run = prepared(tmp_path / "run", own_phantoms, quick_recipe)
    _rewrite(own_phantoms, {"images/phantom-a-0001.png": {"split": "val"}})
    with pytest.raises(LeakageError, match="training rows"):
        train_run(run)


def test_a_box_or_picture_changed_under_a_prepared_run_is_refused_until_it_is_restored(
    own_phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    run = prepared(tmp_path / "run", own_phantoms, quick_recipe)
    boxes, picture = own_phantoms / "boxes.csv", own_phantoms / "images/phantom-a-0001.png"
    kept = {path: path.read_bytes() for path in (boxes, picture)}
    boxes.write_text("".join(kept[boxes].decode().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match=r"other boxes\.csv\."):
        train_run(run)
    boxes.write_bytes(kept[boxes])
    cv2.imwrite(str(picture), 255 - cv2.imread(str(picture), cv2.IMREAD_UNCHANGED))
    with pytest.raises(InputError, match=r"other pictures\."):
        train_run(run)
    picture.write_bytes(kept[picture])
    with pytest.raises(TrainingStoppedError):
        train_run(run, should_stop=lambda: True)


def test_a_run_goes_on_where_its_dataset_lies_now(
    own_phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    run = prepared(tmp_path / "run", own_phantoms, quick_recipe)
    moved = own_phantoms.rename(tmp_path / "moved")
    with pytest.raises(InputError, match=r"dataset\.json"):
        train_run(run)
    with pytest.raises(TrainingStoppedError):
        train_run(run, data_root=moved, should_stop=lambda: True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held_out": "nowhere"}, "phantom-a, phantom-b, phantom-c"),
        ({"structures": ("tail",)}, "boxes of 'tail'"),
        ({"device": "tpu"}, "auto, cpu or cuda"),
        ({"precision": "int4"}, "float32 or bfloat16"),
    ],
)
def test_bad_settings_are_refused_with_the_choices(
    phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepared(tmp_path / "run", phantoms, quick_recipe, **changes)


def test_a_run_folder_is_never_overwritten(phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path) -> None:
    run = prepared(tmp_path / "run", phantoms, quick_recipe)
    with pytest.raises(InputError, match="--resume"):
        prepared(run, phantoms, quick_recipe)


def test_preparing_counts_the_frames_that_it_decodes_and_keeps(
    own_phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    for name in ("first", "second"):
        # Of a size that nothing else keeps frames of.
        size = {"preprocess": Preprocess(256, 192), "on_frame": lambda done, total: told.append((done, total))}
        prepared(tmp_path / name, own_phantoms, quick_recipe, **size)
    total = len(read_dataset(own_phantoms).rows)
    assert told == [(done, total) for done in range(1, total + 1)]


def test_a_run_that_was_prepared_without_looking_at_regions_is_looked_at_before_its_first_step(
    own_phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    run = prepared(tmp_path / "run", own_phantoms, quick_recipe)
    boxes = own_phantoms / "boxes.csv"
    lines = boxes.read_text().splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("images/phantom-c") and ",NT," in line)
    lines[place] = f"{lines[place].split(',')[0]},NT,10,20,30,5000,"
    boxes.write_text("\n".join(lines) + "\n")
    # As a version wrote it that neither looked at regions nor recorded the tables.
    (run / "run.json").write_text(json.dumps({**json.loads((run / "run.json").read_text()), "tables": {}}))
    with pytest.raises(InputError, match=r"columns 20 to 5000 for images/phantom-c"):
        train_run(run)
    assert not (run / "log.jsonl").exists()
