"""The table of a study: written anew from its scores, and it says what trained."""

import json
from pathlib import Path

from tiny_study import JOBS, Trained, copied

from edge_nt.cli.app import main
from edge_nt.study.score_run import this_scorer
from edge_nt.study.study_folder import arm_folder
from edge_nt.study.study_result import TABLE_NAME
from edge_nt.study.summarise import summarise_study
from edge_nt.training.software import this_trainer


def test_the_table_is_written_anew_without_data_or_weights(trained: Trained, tmp_path: Path) -> None:
    summarise_study(trained.study.out)
    out = copied(trained, tmp_path / "out", *JOBS)
    (out / TABLE_NAME).unlink()
    for weights in out.rglob("*.safetensors"):
        weights.unlink()
    assert main(["study", "--out", str(out), "--table"]) == 0
    assert (out / TABLE_NAME).read_bytes() == (trained.study.out / TABLE_NAME).read_bytes()


def test_the_table_says_what_trained_and_when_it_was_not_the_same(trained: Trained, tmp_path: Path) -> None:
    summarise_study(trained.study.out)
    assert f"All trained by {this_trainer()}." in (trained.study.out / TABLE_NAME).read_text()
    assert f"All scored by {this_scorer()}." in (trained.study.out / TABLE_NAME).read_text()
    out = copied(trained, tmp_path / "out", *JOBS)
    path = arm_folder(out, JOBS["stage2"]) / "scores.json"
    assert "device, precision and threads" not in (out / TABLE_NAME).read_text()
    other = {"trainers": ["torch 2.9, code 0", this_trainer()], "device": "cuda", "precision": "bfloat16", "scorer": ""}
    path.write_text(json.dumps(json.loads(path.read_text()) | other))
    assert main(["study", "--out", str(out), "--table"]) == 0
    text = (out / TABLE_NAME).read_text()
    assert "**Not all trained on the same device, precision and threads**" in text
    assert f"\n- cuda, bfloat16, 1 threads: stage2, seed {JOBS['stage2'].seed}\n" in text
    assert "**Not all trained by the same software**" in text
    assert "**Not all scored by the same software**" in text
    assert f"\n- not recorded: stage2, seed {JOBS['stage2'].seed}\n" in text
    assert f"\n- torch 2.9, code 0; then {this_trainer()}: stage2, seed {JOBS['stage2'].seed}\n" in text
