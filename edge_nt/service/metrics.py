"""The metrics of a service for Prometheus, in a registry of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge_nt.errors import MissingDependencyError
from edge_nt.ood.drift import DriftState
from edge_nt.ood.watch import STATES, OodState
from edge_nt.sensors.state import DeviceState
from edge_nt.service.recent import NumberedFrame
from edge_nt.service.snapshot import Snapshot

try:
    from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        InfoMetricFamily,
        Metric,
    )
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.registry import Collector
except ImportError as error:
    raise MissingDependencyError(
        expected="the package prometheus-client, for metrics",
        got=str(error),
        fix="pip install 'edge-nt[cart]'",
    ) from error

# The frame times of 60, 30 and 10 frames a second among them, rounded up.
_BUCKETS_S = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.017, 0.025, 0.034, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5)
_MB = 1e6


class Metrics:
    """Latency histograms, filled frame by frame, and everything else as the service's snapshot has it when asked."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._latency = Histogram(
            "edge_nt_frame_latency_seconds",
            "From the offer of a frame by its source until it was written everywhere.",
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        stages = Histogram(
            "edge_nt_stage_seconds",
            "Time of one stage of a frame; read is reading and decoding the source.",
            ["stage"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        names = ("read", "preprocess", "encode", "decode", "score")
        self._read, self._preprocess, self._encode, self._decode, self._score = (stages.labels(name) for name in names)
        self._registry.register(_SnapshotCollector(snapshot))
        ProcessCollector(registry=self._registry)

    def observe(self, frame: NumberedFrame) -> None:
        """Count the times of a frame that is written."""
        times = frame.finished.result.times
        self._latency.observe(frame.latency_ms / 1e3)
        self._read.observe(frame.finished.read_ms / 1e3)
        self._preprocess.observe(times.preprocess_ms / 1e3)
        self._encode.observe(times.encode_ms / 1e3)
        self._decode.observe(times.decode_ms / 1e3)
        self._score.observe(times.score_ms / 1e3)

    def exposition(self, accept: str) -> tuple[str, bytes]:
        """Content type and text, in the format that the Accept header of a scraper asks for."""
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # of a version that is no number
            encode, content_type = choose_encoder("")
        return content_type, encode(self._registry)


class _SnapshotCollector(Collector):
    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        now = self._snapshot()
        yield from _frames(now)
        yield from _service(now)
        if now.ood is not None:
            yield from _ood(now, now.ood)
        yield from _drift(now.drift)
        yield from _device(now.device)


def _frames(now: Snapshot) -> Iterator[Metric]:
    counts = now.counts
    for name, words, value in (
        ("offered", "Frames that the source gave.", counts.offered),
        ("taken", "Frames taken for reconstruction; offered less dropped and waiting.", counts.taken),
        ("dropped", "Frames of a live source passed over for newer ones.", counts.dropped),
        ("done", "Frames reconstructed, scored and handed to the sinks.", counts.done),
        ("failed", "Frames that could not be read or reconstructed.", counts.failed),
        ("out_of_distribution", "Frames done whose own score passed the threshold.", now.out_of_distribution),
    ):
        yield CounterMetricFamily(f"edge_nt_frames_{name}", words, value)
    yield CounterMetricFamily("edge_nt_write_errors", "Writes of one sink that failed.", counts.write_errors)
    yield GaugeMetricFamily("edge_nt_frames_waiting", "Frames offered and not yet taken.", counts.waiting)
    yield GaugeMetricFamily("edge_nt_frames_under_way", "Frames taken and not yet written.", counts.under_way)


def _service(now: Snapshot) -> Iterator[Metric]:
    bundle = now.bundle
    facts = {
        "sha256": bundle.sha256,
        "precision": bundle.precision,
        "structure": bundle.structure,
        "backend": bundle.backend,
        "verdict": bundle.verdict,
        "synthetic": str(bundle.synthetic).lower(),
        "edge_nt_version": bundle.edge_nt_version,
    }
    yield InfoMetricFamily("edge_nt_bundle", "The bundle that runs, its verdict and its backend.", facts)
    yield GaugeMetricFamily("edge_nt_ready", "1 when warmed up and frames come, else 0.", float(now.not_ready is None))
    yield GaugeMetricFamily("edge_nt_jobs", "Frames reconstructed at the same time, at most.", bundle.jobs)
    yield GaugeMetricFamily("edge_nt_start_time_seconds", "When the service started, Unix time.", now.started_at_s)
    if now.last_frame_at_s is not None:
        words = "When the newest frame was written, Unix time."
        yield GaugeMetricFamily("edge_nt_last_frame_timestamp_seconds", words, now.last_frame_at_s)


def _ood(now: Snapshot, ood: OodState) -> Iterator[Metric]:
    words = "State of the OOD watch: 1 for the one that holds."
    states = GaugeMetricFamily("edge_nt_ood_state", words, labels=["state"])
    for state in STATES:
        states.add_metric([state], float(state == ood.state))
    yield states
    words = "Score up to which a frame is in distribution."
    yield GaugeMetricFamily("edge_nt_ood_threshold", words, now.ood_threshold)
    # Where no frame was scored there is no score; a 0 would be the best one.
    for name, words, value in (
        ("score", "OOD score of the newest frame, in held-in deviations.", ood.score),
        ("smoothed_score", "Median score of the watch's window, which the state goes by.", ood.smoothed_score),
        ("p_value", "Conformal p-value of the newest frame.", ood.p_value),
    ):
        if value is not None:
            yield GaugeMetricFamily(f"edge_nt_ood_{name}", words, value)


def _drift(drift: DriftState) -> Iterator[Metric]:
    words = "Examinations that the drift monitor has seen."
    yield CounterMetricFamily("edge_nt_drift_exams", words, drift.exams)
    words = "Wealth of the drift monitor's bet that scores have changed, as a power of 10."
    yield GaugeMetricFamily("edge_nt_drift_wealth_log10", words, drift.wealth_log10)
    words = "1 once the bet passed its alarm level, until a person begins it anew."
    yield GaugeMetricFamily("edge_nt_drift_alarm", words, float(drift.alarm))


def _device(device: DeviceState) -> Iterator[Metric]:
    # What is not measured is left out: a 0 would be a figure.
    temperatures = GaugeMetricFamily("edge_nt_temperature_celsius", "Temperature of a thermal zone.", labels=["zone"])
    for zone, celsius in device.temperatures_c.items():
        temperatures.add_metric([zone], celsius)
    if temperatures.samples:
        yield temperatures
    if device.power_w is not None:
        power = GaugeMetricFamily(
            "edge_nt_power_watts", "Power drawn, by the meter that measured it.", labels=["meter"]
        )
        power.add_metric([device.power_meter or "unnamed"], device.power_w)
        yield power
    if device.memory is not None:
        words = "Memory of the machine that programs may still take."
        yield GaugeMetricFamily("edge_nt_memory_available_bytes", words, device.memory.available_mb * _MB)
    if device.disk is not None:
        words = "Room on the disk that results are written to."
        yield GaugeMetricFamily("edge_nt_output_disk_free_bytes", words, device.disk.free_mb * _MB)
    throttled = CounterMetricFamily(
        "edge_nt_throttling_events", "Times that the machine slowed down.", labels=["cause"]
    )
    for cause, count in device.throttling.events.items():
        throttled.add_metric([cause], count)
    if throttled.samples:
        yield throttled
