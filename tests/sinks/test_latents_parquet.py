import resource
import sys
from pathlib import Path

import block_bundle
import numpy as np
import pyarrow
import pytest
from finished_frames import finished, write_all
from pyarrow import parquet

from edge_nt.atomic import TEMPORARY_PREFIX
from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.runtime import Reconstructor, load
from edge_nt.sinks import latents_parquet
from edge_nt.sinks.latents_parquet import LatentsParquet
from edge_nt.sinks.sink import FinishedFrame


@pytest.fixture
def reconstructor(bundle_folder: Path) -> Reconstructor:
    return load(bundle_folder)


def frames(reconstructor: Reconstructor, count: int) -> list[FinishedFrame]:
    return [
        finished(reconstructor, block_bundle.scan(each, 192, 256), f"scan {each}.png", taken_at_s=1e9 + each / 30)
        for each in range(count)
    ]


@pytest.mark.parametrize("half", [False, True])
def test_every_row_comes_back(
    reconstructor: Reconstructor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: bool
) -> None:
    monkeypatch.setattr(latents_parquet, "ROWS_PER_GROUP", 2)
    manifest, given = reconstructor.bundle.manifest, frames(reconstructor, 5)
    said = write_all(LatentsParquet(tmp_path, manifest, half=half), given)
    assert said == [{"latent_file": "latents.parquet", "latent_row": row} for row in range(5)]
    file = parquet.ParquetFile(tmp_path / "latents.parquet")
    assert file.metadata.num_row_groups == 3
    table = file.read()
    number = pyarrow.float16() if half else pyarrow.float32()
    assert table.schema.field("latent").type == pyarrow.list_(number, 128)
    assert table.schema.metadata[b"encoder_sha256"].decode() == manifest.files["encoder.onnx"]
    assert table["name"].to_pylist() == [frame.offer.name for frame in given]
    assert table["number"].to_pylist() == list(range(5))
    assert table["taken_at_s"].to_pylist() == [frame.offer.taken_at_s for frame in given]
    assert table["ood_score"].to_pylist() == [frame.result.ood_score for frame in given]
    assert table["in_distribution"].to_pylist() == [frame.result.in_distribution for frame in given]
    stored = np.array(table["latent"].to_pylist())
    latents = np.stack([frame.result.latent for frame in given])
    np.testing.assert_array_equal(stored, latents.astype(np.float16 if half else np.float32))


def test_a_run_without_a_frame_has_a_file_without_rows(reconstructor: Reconstructor, tmp_path: Path) -> None:
    write_all(LatentsParquet(tmp_path, reconstructor.bundle.manifest), [])
    assert parquet.read_table(tmp_path / "latents.parquet").num_rows == 0


def test_a_live_stream_begins_a_new_file_after_a_while_and_shows_only_whole_ones(
    reconstructor: Reconstructor, tmp_path: Path
) -> None:
    now = [0.0]
    given = frames(reconstructor, 5)
    folder = tmp_path / "latents"
    with LatentsParquet(tmp_path, reconstructor.bundle.manifest, live=True, clock=lambda: now[0]) as sink:
        for number, frame in enumerate(given):
            said = sink.prepare(frame)(number + 7)
            now[0] += 400
        assert said == {"latent_file": "latents/00000010.parquet", "latent_row": 1}
        assert sorted(path.name for path in folder.glob("*.parquet") if path.name[0] != ".") == ["00000007.parquet"]
    assert parquet.read_table(folder)["number"].to_pylist() == [7, 8, 9, 10, 11]
    assert parquet.read_table(folder / "00000007.parquet").num_rows == 3


def test_what_a_live_stream_saw_before_an_error_is_kept(reconstructor: Reconstructor, tmp_path: Path) -> None:
    sink = LatentsParquet(tmp_path, reconstructor.bundle.manifest, live=True)
    lost = InputError(expected="a camera", got="none", fix="plug it in")
    sink.__enter__()
    sink.prepare(frames(reconstructor, 1)[0])(0)
    sink.__exit__(InputError, lost, None)
    assert parquet.read_table(tmp_path / "latents").num_rows == 1


def test_a_latent_too_large_for_float16_is_refused(tmp_path: Path) -> None:
    reconstructor = load(block_bundle.write(tmp_path / "loud", latent_gain=1e5, decoder_gain=1e-5))
    frame = finished(reconstructor, block_bundle.scan(1), "loud.png")
    with (
        LatentsParquet(tmp_path, reconstructor.bundle.manifest, half=True) as sink,
        pytest.raises(InputError, match=r"65504.*loud\.png"),
    ):
        sink.prepare(frame)


def test_a_missing_pyarrow_names_the_extra(
    reconstructor: Reconstructor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"edge-nt\[parquet\]"):
        LatentsParquet(tmp_path, reconstructor.bundle.manifest)


def test_rows_that_were_lost_take_their_file_along_and_no_later_row_is_anothers(
    reconstructor: Reconstructor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents_parquet, "ROWS_PER_GROUP", 2)
    given, before = frames(reconstructor, 5), resource.getrlimit(resource.RLIMIT_FSIZE)
    with LatentsParquet(tmp_path, reconstructor.bundle.manifest, live=True) as sink:
        sink.prepare(given[0])(0)
        # A limit on the size of files is the disk that is full.
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                sink.prepare(given[1])(1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert not list((tmp_path / "latents").iterdir())
        said = [dict(sink.prepare(frame)(number)) for number, frame in enumerate(given[2:], 2)]
    assert said == [{"latent_file": "latents/00000002.parquet", "latent_row": row} for row in range(3)]
    assert parquet.read_table(tmp_path / "latents")["number"].to_pylist() == [2, 3, 4]


def test_what_a_killed_process_was_writing_is_removed(reconstructor: Reconstructor, tmp_path: Path) -> None:
    (tmp_path / "latents").mkdir()
    (tmp_path / "latents" / f"{TEMPORARY_PREFIX}x.parquet").write_bytes(b"half")
    (tmp_path / "latents" / "00000000.parquet").write_bytes(b"whole")
    with LatentsParquet(tmp_path, reconstructor.bundle.manifest, live=True) as sink:
        sink.prepare(frames(reconstructor, 1)[0])(7)
    assert sorted(path.name for path in (tmp_path / "latents").iterdir()) == ["00000000.parquet", "00000007.parquet"]
