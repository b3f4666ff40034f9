"""Asking jetson-stats: its client is stood in for by a package with the attributes of jetson-stats 4.x to 7.x."""

from pathlib import Path
from time import perf_counter

import pytest

from edge_nt.sensors import jetson_stats
from edge_nt.sensors.jetson_stats import JetsonStats, read_jetson_stats
from edge_nt.sensors.not_measured import NotMeasured

_CLIENT = """
import time
print("Skip for setup.py")
class Mode:
    id, name = 2, "MAXN_SUPER"
class jtop:
    def __init__(self, interval): pass
    def __enter__(self):
        {start}
        return self
    def __exit__(self, *error): return True
    def ok(self): return {ok}
    nvpmodel = Mode()
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/jtop.sock").write_bytes(b"")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(jetson_stats, "find_spec", lambda name: name)
    return tmp_path


def install(root: Path, *, start: str = "pass", ok: bool = True) -> None:
    (root / "jtop.py").write_text(_CLIENT.format(start=start, ok=ok))


def test_what_it_says_is_taken(root: Path) -> None:
    install(root)
    assert read_jetson_stats(root) == JetsonStats(2, "MAXN_SUPER")


def test_a_service_that_never_answers_costs_the_time_that_was_given(root: Path) -> None:
    install(root, start="time.sleep(60)")
    start = perf_counter()
    found = read_jetson_stats(root, timeout_s=0.3)
    assert perf_counter() - start < 5
    assert found == NotMeasured("jetson-stats did not answer within 0.3 s")


def test_its_refusal_is_the_reason(root: Path) -> None:
    install(root, start="raise RuntimeError('The jtop.service is not active.')")
    assert read_jetson_stats(root) == NotMeasured("jetson-stats: RuntimeError: The jtop.service is not active.")


def test_an_answer_that_is_none_is_no_measurement(root: Path) -> None:
    (root / "jtop.py").write_text("import os; os._exit(7)")
    assert read_jetson_stats(root) == NotMeasured("jetson-stats answered nothing that can be read")


def test_without_data_or_without_a_service_nothing_is_measured(root: Path, tmp_path: Path) -> None:
    install(root, ok=False)
    assert read_jetson_stats(root) == NotMeasured("jetson-stats: its service gave no data")
    assert isinstance(read_jetson_stats(tmp_path / "elsewhere"), NotMeasured)


def test_a_service_without_the_package_is_told_apart(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jetson_stats, "find_spec", lambda name: None)
    found = read_jetson_stats(root)
    assert isinstance(found, NotMeasured)
    assert "not in this Python environment" in found.reason
