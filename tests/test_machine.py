import json
import platform
import socket
from dataclasses import asdict
from importlib import metadata

import pytest

from edge_nt.machine import describe_machine


def test_the_machine_is_described_without_naming_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "ward-7-cart")
    monkeypatch.setattr(socket, "gethostname", lambda: "ward-7-cart")
    machine = describe_machine(threads=3)
    assert machine.python == platform.python_version()
    assert machine.onnxruntime == metadata.version("onnxruntime")
    assert 1 <= machine.usable_cores <= machine.cores
    assert machine.openvino == metadata.version("openvino")
    assert machine.threads == 3
    assert machine.cpu
    assert "ward-7-cart" not in json.dumps(asdict(machine))
