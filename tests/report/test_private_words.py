"""Names that are nobody else's business: refused in what is made, and absent from what ships."""

from __future__ import annotations

from pathlib import Path

import block_bundle
import pytest

from edge_nt.bundle import reference as record
from edge_nt.bundle.read import read_bundle
from edge_nt.datasets.dataset import Dataset, read_dataset
from edge_nt.errors import LeakageError
from edge_nt.recipes import default_path
from edge_nt.report.private_words import refuse_private_words
from edge_nt.results import read_result


def test_the_address_of_a_dataset_is_no_path_of_a_machine(tmp_path: Path) -> None:
    (tmp_path / "MODEL_CARD.md").write_text("| source | https://example.org/data/nt-scans |")
    refuse_private_words(tmp_path)
    (tmp_path / "MODEL_CARD.md").write_text("| source | https://example.org/x | /data/nt-scans |")
    with pytest.raises(LeakageError, match="/data/nt-scans"):
        refuse_private_words(tmp_path)


@pytest.mark.parametrize("words", ["/home/somebody/scans/1.png", "C:\\Users\\somebody", "scans/patient-17.png"])
def test_names_that_are_nobody_elses_business_do_not_travel(tmp_path: Path, words: str) -> None:
    data = block_bundle.write_scans(tmp_path / "scans")
    known = read_dataset(data)
    rows = (*known.rows, block_bundle.Row("scans/patient-17.png", "east", "s", "17", "train"))
    named = Dataset(data, known.name, known.licence, known.source, True, rows, known.boxes)
    folder = block_bundle.write(tmp_path / "bundle", "int8")
    refuse_private_words(folder, named)
    with (folder / "encoder.onnx").open("ab") as stream:
        stream.write(b"\0" + words.encode() + b"\0")
    with pytest.raises(LeakageError, match=r"encoder\.onnx"):
        refuse_private_words(folder, named)


def test_what_ships_is_small_enough_and_names_nobody() -> None:
    folder = default_path("export/reference/README.md").parent
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= record.LARGEST_BYTES
    refuse_private_words(folder)
    if (folder / "reference.json").is_file():
        found = read_result(folder / "reference.json", record.Reference)
        for bundle in found.bundles:
            assert read_bundle(folder / bundle.folder).sha256 == bundle.bundle_sha256
            assert (folder / bundle.folder / "verdict.json").is_file()
        assert (folder / "MODEL_CARD.md").is_file()
