"""Where results may be written, asked before anything is measured."""

from pathlib import Path

import pytest

from edge_nt.bundle import output_file
from edge_nt.bundle.output_file import check_output_folder
from edge_nt.errors import InputError


def test_a_folder_that_exists_is_judged_by_itself_unless_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    # As a volume of a container that is not run by root: its parent is nobody's to write to.
    monkeypatch.setattr(output_file.os, "access", lambda path, _mode: Path(path) == results)
    check_output_folder(results)
    check_output_folder(results / "new" / "below")
    for path, replaced in ((results, True), (tmp_path / "new", False)):
        with pytest.raises(InputError, match="can be written to"):
            check_output_folder(path, replaced=replaced)
