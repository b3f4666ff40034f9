import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import block_bundle
import numpy as np
import pytest
from finished_frames import finished, write_all

from edge_nt.bundle.read import read_bundle
from edge_nt.errors import InputError
from edge_nt.ood.watch import STATES
from edge_nt.runtime import Reconstructor, load
from edge_nt.sinks.ood_watch import OodWatchSink
from edge_nt.sinks.sink import FailedFrame, FinishedFrame
from edge_nt.sources.output_folder import DRIFT_MARK
from edge_nt.sources.source import FilePlace, Offer

OK, CAUTION, OUT = STATES


@pytest.fixture
def reconstructor(bundle_folder: Path) -> Reconstructor:
    return load(bundle_folder)


@pytest.fixture
def usual(reconstructor: Reconstructor) -> FinishedFrame:
    """A picture like those that the bundle knows."""
    frames = (finished(reconstructor, block_bundle.scan(seed)) for seed in range(60, 80))
    return min(frames, key=lambda frame: frame.result.ood_score)


@pytest.fixture
def black(reconstructor: Reconstructor) -> FinishedFrame:
    return finished(reconstructor, np.zeros((192, 256), np.uint8))


def _at(frame: FinishedFrame, taken_at_s: float, *, path: str = "", source: str = "camera") -> FinishedFrame:
    place = FilePlace(Path(path), 1, 1) if path else None
    return replace(frame, offer=replace(frame.offer, source=source, taken_at_s=taken_at_s, place=place))


def _failed(taken_at_s: float) -> FailedFrame:
    error = InputError(expected="a frame", got="noise", fix="none")
    return FailedFrame(Offer("camera", "frame", taken_at_s, lambda: pytest.fail("not decoded")), error)


def test_every_line_has_the_state_and_why(
    reconstructor: Reconstructor, usual: FinishedFrame, black: FinishedFrame
) -> None:
    sink = OodWatchSink(reconstructor.bundle, live=True)
    frames = [_at(usual, 100 + k / 30) for k in range(30)] + [_at(black, 101 + k / 30) for k in range(30)]
    lines = write_all(sink, frames)
    assert lines[29] == {
        "ood_state": OK,
        "ood_since_s": 100,
        "ood_smoothed_score": usual.result.ood_score,
        "ood_smoothed_p_value": usual.result.ood.p_value,
    }
    assert (lines[-1]["ood_state"], lines[-1]["ood_reason"]) == (OUT, black.result.ood.reason)
    assert 101 < lines[-1]["ood_since_s"] <= 102
    assert lines[-1]["ood_smoothed_p_value"] == pytest.approx(1 / 21)
    assert sink.state is not None
    assert sink.state.state == OUT
    json.dumps(lines, allow_nan=False)


def test_a_file_or_source_says_nothing_about_the_next(
    reconstructor: Reconstructor, usual: FinishedFrame, black: FinishedFrame
) -> None:
    sink = OodWatchSink(reconstructor.bundle, live=False)
    frames = [
        _at(black, 5.0, path="a.png"),
        _at(usual, 5.0, path="b.png"),
        _at(black, 5.0, path="c.dcm"),
        _at(black, 5.03, path="c.dcm"),
        _at(usual, 5.1, source="other"),
    ]
    assert [line["ood_state"] for line in write_all(sink, frames)] == [OUT, OK, OUT, OUT, OK]
    assert sink.drift_state.exams == 3  # each file once, with all its frames; the last is still open


def test_frames_that_fail_are_counted_and_in_the_end_nothing_is_known(
    reconstructor: Reconstructor, usual: FinishedFrame
) -> None:
    sink = OodWatchSink(reconstructor.bundle, live=True)
    with sink:
        sink.fail(_failed(0.0))
        assert sink.state is not None
        assert sink.state.state == CAUTION
        assert sink.prepare(_at(usual, 1.0))(0)["ood_state"] == OK
        sink.fail(_failed(1.1))
        assert sink.state.state == OK
        sink.fail(_failed(9.0))
        assert (sink.state.state, sink.state.reason) == (CAUTION, "no frame scored for 8 s")
        assert sink.drift.hours[-1].failed == 3


def test_a_live_source_is_its_own_standard_and_files_have_the_held_in_scans(
    reconstructor: Reconstructor, black: FinishedFrame
) -> None:
    for live, alarm in ((True, False), (False, True)):
        sink = OodWatchSink(reconstructor.bundle, live=live)
        write_all(sink, [_at(black, float(k), path=f"{k}.png") for k in range(40)])
        assert sink.drift_state.alarm is alarm


def test_the_drift_monitor_outlives_the_process(
    reconstructor: Reconstructor, usual: FinishedFrame, tmp_path: Path
) -> None:
    files = [_at(usual, 100.0 * k, path=f"{k}.png") for k in range(9)]
    whole = OodWatchSink(reconstructor.bundle, live=False)
    write_all(whole, files)
    state = tmp_path / "state"
    state.mkdir()
    for part in (files[:4], files[4:]):
        sink = OodWatchSink(reconstructor.bundle, live=False, folder=state)
        write_all(sink, part)
    assert sink.drift.record() == whole.drift.record()
    assert sink.drift_state.exams == 8
    assert [path.name for path in state.iterdir()] == [DRIFT_MARK]


def test_it_is_saved_each_minute_of_the_stream_not_each_frame(
    reconstructor: Reconstructor, usual: FinishedFrame, tmp_path: Path
) -> None:
    sink, seen = OodWatchSink(reconstructor.bundle, live=True, folder=tmp_path), []
    with sink:
        for k in range(130):
            sink.prepare(_at(usual, float(k)))(k)
            seen.append((tmp_path / DRIFT_MARK).stat().st_ino)
    # From one to the next: a file system may give the number of a file that is gone to a later one.
    assert sum(before != after for before, after in pairwise(seen)) == 2


def test_the_monitor_of_another_bundle_is_put_aside(
    reconstructor: Reconstructor, usual: FinishedFrame, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    write_all(OodWatchSink(reconstructor.bundle, live=True, folder=tmp_path / "state"), [_at(usual, 0.0)])
    other = read_bundle(block_bundle.write(tmp_path / "other", checkpoint="d" * 64))
    sink = OodWatchSink(other, live=True, folder=tmp_path / "state")
    write_all(sink, [])
    kept = f"drift-{reconstructor.bundle.sha256[:12]}.json"
    assert {path.name for path in (tmp_path / "state").iterdir()} == {DRIFT_MARK, kept}
    assert sink.drift.hours == ()


@pytest.fixture
def exams(reconstructor: Reconstructor, usual: FinishedFrame, tmp_path: Path) -> Callable[[str], int]:
    """Plays four files of a source to a new sink in `tmp_path`, and says how many exams its monitor has counted."""

    def played(source: str) -> int:
        sink = OodWatchSink(reconstructor.bundle, live=True, folder=tmp_path, source=source)
        write_all(sink, [_at(usual, 1000.0 * k, path=f"{k}.png") for k in range(4)])
        return sink.drift_state.exams

    return played


def test_a_source_of_another_kind_begins_a_standard_of_its_own(
    exams: Callable[[str], int], reconstructor: Reconstructor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Another device of the same kind goes on.
    assert [exams("camera /dev/video0"), exams("camera /dev/video1")] == [3, 7]
    assert caplog.text == ""
    assert [exams("folder /srv/inbox"), exams("folder /srv/inbox")] == [3, 7]
    kept = tmp_path / f"drift-{reconstructor.bundle.sha256[:12]}-camera.json"
    assert json.loads(kept.read_text())["source_kind"] == "camera"
    assert str(kept) in caplog.text
    # Back again, each kind goes on with its own.
    assert [exams("camera /dev/video0"), exams("folder /srv/inbox")] == [11, 11]
    # A record of before says nothing of its source, and is taken up.
    record = json.loads((tmp_path / DRIFT_MARK).read_text())
    del record["source_kind"]
    (tmp_path / DRIFT_MARK).write_text(json.dumps(record))
    assert exams("camera /dev/video0") == 15
    (tmp_path / DRIFT_MARK).write_text(json.dumps({**record, "source_kind": "../../camera"}))
    kept.unlink()
    assert exams("camera /dev/video0") == 3
    assert (tmp_path / f"drift-{reconstructor.bundle.sha256[:12]}.json").exists()


def test_a_standard_comes_back_that_says_nothing_of_its_source_and_none_that_was_removed(
    exams: Callable[[str], int], reconstructor: Reconstructor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert exams("camera") == 3
    record = json.loads((tmp_path / DRIFT_MARK).read_text())
    aside = tmp_path / f"drift-{reconstructor.bundle.sha256[:12]}.json"
    aside.write_text(json.dumps({**record, "source_kind": None}))
    # Put aside before kinds were told apart, and the process ended before it began another.
    (tmp_path / DRIFT_MARK).unlink()
    assert exams("camera") == 7
    (tmp_path / DRIFT_MARK).unlink()
    assert exams("camera") == 3
    # Of another bundle, under the name of this one's.
    (tmp_path / DRIFT_MARK).unlink()
    aside.write_text(json.dumps({**record, "model": "f" * 64}))
    assert exams("camera") == 3
    assert aside.exists()
    # A damaged one costs itself alone: it may be of months ago, and nobody asked for it.
    (tmp_path / DRIFT_MARK).unlink()
    aside.write_text("{")
    assert exams("camera") == 3
    assert aside.read_text() == "{"
    assert "cannot be taken up" in caplog.text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "edge-nt drift", "schema_version": 1}', '{"kind": "else"}'])
def test_a_file_that_no_monitor_wrote_is_refused_and_stays(
    reconstructor: Reconstructor, tmp_path: Path, text: str
) -> None:
    (tmp_path / DRIFT_MARK).write_text(text)
    with (
        pytest.raises(InputError, match=r"drift\.json"),
        OodWatchSink(reconstructor.bundle, live=True, folder=tmp_path),
    ):
        pytest.fail("not entered")
    assert (tmp_path / DRIFT_MARK).read_text() == text


def test_what_is_kept_of_the_open_examination_names_no_file(
    reconstructor: Reconstructor, usual: FinishedFrame, tmp_path: Path
) -> None:
    write_all(OodWatchSink(reconstructor.bundle, live=False, folder=tmp_path), [_at(usual, 5.0, path="/in/Yamada.dcm")])
    assert "Yamada" not in (tmp_path / DRIFT_MARK).read_text()
