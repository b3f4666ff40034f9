"""What a scraper reads at /metrics."""

import numpy as np
import pytest
from hand_fed_service import Running, until
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_metrics

from edge_nt.errors import EdgeNtError


def _samples(running: Running) -> dict[str, float]:
    text = running.request("/metrics")[1].decode()
    found = [sample for family in parse_metrics(text) for sample in family.samples]
    return {sample.name + "".join(f"|{value}" for value in sample.labels.values()): sample.value for sample in found}


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
def test_the_metrics_are_what_a_scraper_reads(accept: str, running: Running, scans: list[np.ndarray]) -> None:
    running.feed(*scans[:3])
    response, body = running.request("/metrics", headers={"Accept": accept})
    parse = parse_openmetrics if "openmetrics" in accept else parse_metrics
    assert response.headers["Content-Type"].startswith(accept.partition(";")[0])
    names = {family.name for family in parse(body.decode())}
    assert {"edge_nt_frame_latency_seconds", "edge_nt_stage_seconds", "edge_nt_ready"} <= names


def test_the_metrics_count_every_frame(running: Running, scans: list[np.ndarray], broken_frame: EdgeNtError) -> None:
    running.feed(*scans[:4])
    running.source.give(broken_frame, "broken.png")
    until(lambda: _samples(running)["edge_nt_frames_failed_total"] == 1)
    found = _samples(running)
    counts = running.service.snapshot().counts
    for name in ("offered", "taken", "dropped", "done", "failed"):
        assert found[f"edge_nt_frames_{name}_total"] == getattr(counts, name)
    assert found["edge_nt_frames_done_total"] == found["edge_nt_frame_latency_seconds_count"] == 4
    for stage in ("read", "preprocess", "encode", "decode", "score"):
        assert found[f"edge_nt_stage_seconds_count|{stage}"] == 4
    points = running.state()["trace"]
    assert found["edge_nt_frame_latency_seconds_sum"] == pytest.approx(sum(p["latency_ms"] for p in points) / 1e3)
    assert found["edge_nt_ready"] == 1
    assert running.state()["last_failure"]["name"] == "broken.png"


def test_what_a_machine_does_not_measure_is_absent_and_never_0(running: Running) -> None:
    found, device = _samples(running), running.service.snapshot().device
    powers = [value for name, value in found.items() if name.startswith("edge_nt_power_watts")]
    zones = [name for name in found if name.startswith("edge_nt_temperature_celsius")]
    assert len(powers) == (device.power_w is not None)
    assert len(zones) == len(device.temperatures_c)
    assert found["edge_nt_memory_available_bytes"] == pytest.approx(device.memory.available_mb * 1e6, rel=0.1)
    state = running.state()["now"]["device"]
    assert (state["power_w"] is None) == ("power_w" in state["not_measured"])


@pytest.mark.parametrize("accept", ["text/plain; version=1.x", "application/openmetrics-text; version=x"])
def test_a_scraper_that_asks_for_no_version_there_is_gets_the_plain_format(accept: str, running: Running) -> None:
    response, body = running.request("/metrics", headers={"Accept": accept})
    assert response.status == 200
    assert b"edge_nt_" in body
