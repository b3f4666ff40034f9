from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.sources import file_ledger
from edge_nt.sources.file_ledger import LAST_FRAME, FileLedger
from edge_nt.sources.source import FilePlace

SCAN = FilePlace(Path("/inbox/a.png"), 1000, 1_700_000_000_123_456_789)


def test_another_size_time_or_path_is_another_file() -> None:
    ledger = FileLedger()
    ledger.add(SCAN)
    assert SCAN in ledger
    others = (replace(SCAN, size_bytes=1001), replace(SCAN, modified_ns=1), replace(SCAN, path=Path("/inbox/b.png")))
    assert not any(other in ledger for other in others)
    assert len(ledger) == 1


def test_a_frame_that_was_missed_is_not_done_until_it_is_nor_is_its_file(tmp_path: Path) -> None:
    ledger = FileLedger()
    cine = [replace(SCAN, frame=frame, frames=5) for frame in range(5)]
    ledger.add(cine[0])
    ledger.add(cine[1])
    assert [place in ledger for place in cine] == [True, True, False, False, False]
    ledger.add(cine[4])
    ledger.write(tmp_path / "done.npz", 3)
    again = FileLedger()
    again.read(tmp_path / "done.npz")
    whole = replace(SCAN, frame=LAST_FRAME)
    for each in (ledger, again):
        assert [place in each for place in (*cine, whole)] == [True, True, False, False, True, False]
        each.add(cine[2])
        assert [place in each for place in (*cine, whole)] == [True, True, True, False, True, False]
        each.add(cine[3])
        assert all(place in each for place in (*cine, whole))


def test_a_line_about_a_frame_that_no_file_has_is_not_believed() -> None:
    ledger = FileLedger()
    ledger.add(replace(SCAN, frame=1 << 50, frames=None))
    assert SCAN not in ledger
    assert len(ledger) == 0


def test_a_name_that_is_no_utf_8_is_a_file_too() -> None:
    ledger = FileLedger()
    ledger.add(replace(SCAN, path=Path("/inbox/\udcff.png")))
    assert replace(SCAN, path=Path("/inbox/\udcff.png")) in ledger


places = st.builds(
    FilePlace,
    path=st.integers(0, 40).map(lambda number: Path(f"/inbox/{number}")),
    size_bytes=st.integers(0, 1),
    modified_ns=st.just(7),
    frame=st.integers(0, 5),
    frames=st.sampled_from([None, 6]),
)


@given(st.lists(places, max_size=60), st.lists(places, max_size=30))
def test_sorting_in_and_a_file_on_disk_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, added: list[FilePlace], asked: list[FilePlace]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "done.npz"
    done: dict[tuple[Path, int], set[int]] = {}
    ledger = FileLedger()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_ledger, "_RECENT", 7)
        for place in added:
            ledger.add(place)
            done.setdefault((place.path, place.size_bytes), set()).add(place.frame)
    ledger.write(path, 12)
    again = FileLedger()
    assert again.read(path) == 12
    for place in (*added, *asked):
        expected = place.frame in done.get((place.path, place.size_bytes), set())
        assert (place in ledger, place in again) == (expected, expected)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half an archive", b"\x93NUMPY"])
def test_a_damaged_list_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "done.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"done\.npz"):
        FileLedger().read(tmp_path / "done.npz")
