"""The site probe against scikit-learn and scipy, and on phantoms whose overlays are known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from scipy.stats import entropy
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from typer.testing import CliRunner

from edge_nt.cli.probe import probe
from edge_nt.datasets.dataset_tables import dataset_tables
from edge_nt.errors import InputError
from edge_nt.evaluation.probe import probe_run
from edge_nt.evaluation.probe_figures import (
    Judged,
    accuracy,
    balanced_accuracy,
    balanced_accuracy_change,
    confidence,
    information,
    information_change,
)
from edge_nt.evaluation.probe_fit import CANDIDATES, fit_probe
from edge_nt.evaluation.probe_judge import ProbeFrames, judge_probe
from edge_nt.evaluation.probe_result import OVERLAYS_ALONE, Probe, SiteProbe
from edge_nt.imaging.sector import mask_overlays
from edge_nt.results import read_result
from tests.evaluation.conftest import write_untrained_run

SITES = 3


def _judged(seed: int) -> Judged:
    generator = np.random.default_rng(seed)
    labels = generator.choice(SITES, 60, p=(0.7, 0.2, 0.1))
    return Judged(labels, generator.dirichlet(np.ones(SITES), 60), generator.dirichlet(np.ones(SITES), 25))


def test_figures_are_those_of_scikit_learn_and_scipy() -> None:
    judged = _judged(0)
    predicted = judged.held_in.argmax(axis=1)
    assert accuracy(judged).estimate == pytest.approx(accuracy_score(judged.labels, predicted))
    assert balanced_accuracy(judged).estimate == pytest.approx(balanced_accuracy_score(judged.labels, predicted))
    frequencies = np.array([0.6, 0.3, 0.1])
    losses = [
        log_loss(judged.labels, given, labels=range(SITES)) for given in (judged.held_in, np.tile(frequencies, (60, 1)))
    ]
    assert information(judged, frequencies).estimate == pytest.approx(1 - losses[0] / losses[1])
    unseen = confidence(judged.unseen)
    assert unseen.max_softmax.estimate == pytest.approx(judged.unseen.max(axis=1).mean())
    assert unseen.entropy.estimate == pytest.approx(entropy(judged.unseen, axis=1).mean())


def test_changes_are_differences_and_nothing_changes_against_itself() -> None:
    first, second = _judged(1), Judged(_judged(1).labels, _judged(2).held_in, _judged(2).unseen)
    frequencies = np.full(SITES, 1 / SITES)
    for change, of in (
        (balanced_accuracy_change(first, second), balanced_accuracy),
        (information_change(first, second, frequencies), lambda judged: information(judged, frequencies)),
    ):
        assert change.estimate == pytest.approx(of(second).estimate - of(first).estimate)
        assert change.low < change.estimate < change.high
    still = information_change(first, first, frequencies)
    assert (still.low, still.estimate, still.high) == (0, 0, 0)


def test_a_certain_and_wrong_probe_stays_finite() -> None:
    judged = Judged(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]]))
    assert np.isfinite(information(judged, np.array([0.5, 0.5])).estimate)
    assert confidence(judged.unseen).entropy.estimate == 0


def test_a_patient_in_two_folds_does_not_choose_the_penalty() -> None:
    # Every patient has five equal frames and a label that follows from nothing: across patients there is nothing to
    # learn, so a strong penalty is best. Folds that share patients choose the weakest.
    generator = np.random.default_rng(0)
    features = np.repeat(generator.normal(size=(40, 64)), 5, axis=0).astype(np.float32)
    labels = np.repeat(np.arange(40) % 2, 5)
    grouped = fit_probe(features, labels, tuple(str(at // 5) for at in range(200)), 2)
    alone = fit_probe(features, labels, tuple(map(str, range(200))), 2)
    assert alone.regularisation.c == max(CANDIDATES)
    assert grouped.regularisation.c <= alone.regularisation.c / 1000


def test_a_site_of_one_patient_is_refused() -> None:
    features = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    with pytest.raises(InputError, match="--by hospital"):
        fit_probe(features, np.array([0, 0, 0, 0, 0, 0, 1, 1]), ("a", "b", "c", "d", "e", "f", "g", "g"), 2)


@pytest.mark.parametrize("place", [0, 11])
def test_latents_of_a_diverged_run_are_refused(place: int) -> None:
    features = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    features[place, 2] = np.nan
    frames = ProbeFrames(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 0]), tuple("abcdef"), 2)
    with pytest.raises(InputError, match="finite features of stage1"):
        judge_probe("stage1", "visible", features, frames)


@pytest.fixture(scope="module")
def measured(untrained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Probe:
    out = tmp_path_factory.mktemp("probe") / "out"
    printed = _command(str(untrained_run), "--out", str(out), "--json")
    assert json.loads(printed) == json.loads((out / "probe.json").read_text())
    return read_result(out / "probe.json", Probe)


def _of(result: Probe, features: str, overlays: str) -> SiteProbe:
    return next(each for each in result.probes if (each.features, each.overlays) == (features, overlays))


def test_a_run_is_probed_by_site_with_every_frame_counted_once(measured: Probe, phantoms: Path) -> None:
    assert [site.site.split(":")[0] for site in measured.sites.sites] == ["phantom-a", "phantom-b"]
    assert [(site.train, site.val) for site in measured.sites.sites] == [(7, 2), (7, 2)]
    assert measured.sites.unseen == "phantom-c"
    assert measured.dataset_tables == dataset_tables(phantoms)
    names = [(each.features, each.overlays) for each in measured.probes]
    latents = [(stage, overlays) for stage in ("stage1", "stage2") for overlays in ("visible", "masked")]
    assert names == [*latents, (OVERLAYS_ALONE, "alone")]
    for each in measured.probes:
        assert [sum(row) for row in each.confusion] == [2, 2]
        assert sum(each.unseen_as) == measured.sites.unseen_frames == 9
        assert 0.5 <= each.unseen.max_softmax.estimate <= 1
        assert 0 <= each.unseen.entropy.estimate <= measured.sites.largest_entropy
    first = measured.changes[0]
    gained = measured.probes[first.after].accuracy.estimate - measured.probes[first.before].accuracy.estimate
    assert first.accuracy.estimate == pytest.approx(gained)


def _bare_copy(phantoms: Path, root: Path, *, marked: str) -> Path:
    """The phantoms without anything outside their sector, but for a bar in a corner of the hospital `marked`."""
    shutil.copytree(phantoms, root, ignore=shutil.ignore_patterns(".*"))
    for image in root.glob("images/*.png"):
        pixels = mask_overlays(cv2.imread(str(image), cv2.IMREAD_GRAYSCALE))
        assert not pixels[2:10, 2:60].any()
        if marked and image.name.startswith(marked):
            pixels[2:10, 2:60] = 200
        cv2.imwrite(str(image), pixels)
    return root


@pytest.fixture(scope="module")
def bare(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Probe:
    root = tmp_path_factory.mktemp("bare")
    write_untrained_run(root / "run", _bare_copy(phantoms, root / "data", marked=""))
    return probe_run(root / "run", None, out=root / "out")


def test_without_overlays_nothing_outside_the_sector_gives_a_site_away(bare: Probe) -> None:
    assert bare.overlays.brightness_outside < 1e-3
    alone = _of(bare, OVERLAYS_ALONE, "alone")
    assert alone.balanced_accuracy.estimate == pytest.approx(bare.sites.uniform_accuracy)
    assert alone.information.estimate == pytest.approx(0, abs=1e-6)


def test_a_mark_of_one_site_gives_it_away_until_it_is_masked(
    untrained_run: Path, phantoms: Path, bare: Probe, tmp_path: Path
) -> None:
    data = _bare_copy(phantoms, tmp_path / "data", marked="phantom-b")
    with pytest.raises(InputError, match="other pictures"):
        probe_run(untrained_run, data, out=tmp_path / "refused")
    write_untrained_run(tmp_path / "run", data)
    tables = _command(str(tmp_path / "run"), "--out", str(tmp_path / "out"))
    for text in ("SYNTHETIC", "phantom-b", "2 frames)", "Unseen phantom-c", "overlays alone", "masking, stage 2", "█"):
        assert text in tables
    marked = read_result(tmp_path / "out" / "probe.json", Probe)
    assert marked.overlays.frames_without_sector == 0
    alone = _of(marked, OVERLAYS_ALONE, "alone")
    assert alone.confusion == ((2, 0), (0, 2))
    assert alone.information.low > 0.5
    for stage in ("stage1", "stage2"):
        assert _of(marked, stage, "masked") == _of(bare, stage, "masked")
        assert _of(marked, stage, "visible") != _of(bare, stage, "visible")


def test_a_single_source_site_is_refused(untrained_run: Path, tmp_path: Path, phantoms: Path) -> None:
    joined = Path(shutil.copytree(phantoms, tmp_path / "joined", ignore=shutil.ignore_patterns(".*")))
    table = (joined / "manifest.csv").read_text()
    (joined / "manifest.csv").write_text(table.replace(",phantom-b,", ",phantom-a,"))
    with pytest.raises(InputError, match="two source sites"):
        probe_run(untrained_run, joined, by="hospital", out=tmp_path / "out")


def test_a_held_out_scanner_is_a_site_of_its_own(scanner_run: Path, tmp_path: Path) -> None:
    sites = probe_run(scanner_run, None, out=tmp_path / "out").sites
    assert [each.site for each in sites.sites] == ["phantom-a:phantom-a-scanner", "phantom-b:y"]
    assert (sites.unseen, sites.unseen_frames) == ("phantom-b:x", 4)
    # Asked for the hospital, the probe would know the right answer for the held-out scanner.
    with pytest.raises(InputError, match="which is phantom-b as well"):
        probe_run(scanner_run, None, by="hospital", out=tmp_path / "out")


def test_what_cannot_be_probed_for_is_refused(untrained_run: Path) -> None:
    with pytest.raises(InputError, match="--by"):
        _command(str(untrained_run), "--by", "country")


def _command(*arguments: str) -> str:
    app = typer.Typer()
    app.command("probe")(probe)
    return CliRunner().invoke(app, arguments, catch_exceptions=False).stdout
