import errno

from edge_nt.stream.write_errors import WriteErrors


def test_each_kind_is_said_once_and_again_after_its_pause_with_how_often(monkeypatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("edge_nt.stream.write_errors.monotonic", lambda: now_s)
    said: list[str] = []
    errors = WriteErrors(said.append)
    for _ in range(30):
        errors.add("Pictures", OSError(errno.ENOSPC, "No space left on device"))
    errors.add("Pictures", OSError(errno.EROFS, "Read-only file system"))
    errors.add("ResultLog", OSError(errno.ENOSPC, "No space left on device"))
    assert [words.split(",")[0] for words in said] == ["Pictures could not be written"] * 2 + [
        "ResultLog could not be written"
    ]
    now_s += 59.9
    errors.add("Pictures", OSError(errno.ENOSPC, "No space left on device"))
    assert len(said) == 3
    now_s += 0.2
    errors.add("Pictures", OSError(errno.ENOSPC, "No space left on device"))
    assert len(said) == 4
    assert "(31 times since this was last said)" in said[3]
    assert errors.count == 34
