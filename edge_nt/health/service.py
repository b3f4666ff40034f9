"""The systemd units that start edge-nt, and the port of its pages."""

from __future__ import annotations

import socket
import subprocess
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from shutil import which

from edge_nt.health.check import Check, fail, not_applicable, ok, warn
from edge_nt.health.scope import Scope
from edge_nt.sensors.node import entries, read_text

_WORD = "edge-nt"
_TIMEOUT_S = 3.0
_ANSWER_S, _LONGEST_ANSWER_BYTES = 1.0, 200


def check_service(scope: Scope) -> tuple[Check, ...]:
    """Each unit of edge-nt and how it is doing; and the port: free for `edge-nt serve`, or what serves there says."""
    units = [
        path
        for path in entries(scope.root / "etc/systemd/system", "*.service")
        if any(line.startswith("ExecStart=") and _WORD in line for line in (read_text(path) or "").splitlines())
    ]
    checks = [_unit(path) for path in units] or [
        not_applicable("systemd unit", "none of edge-nt installed", "edge-nt service install --print shows one")
    ]
    return (*checks, *([] if scope.port is None else [_port(scope.port)]))


def _unit(path: Path) -> Check:
    name = f"unit {path.stem}"
    if which("systemctl") is None:
        return not_applicable(name, "not measured: systemctl is not here (a container?)")
    command = ["systemctl", "show", path.name, "--property=ActiveState,SubState,Result,NRestarts"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return not_applicable(name, f"not measured: systemctl: {type(error).__name__}")
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return judge_unit(name, path.stem, told)


def judge_unit(name: str, unit: str, told: dict[str, str]) -> Check:
    """The check, from what systemctl says of the unit."""
    active, restarts = told.get("ActiveState"), told.get("NRestarts", "0")
    if active is None:
        return not_applicable(name, "not measured: systemctl does not answer (no systemd in charge?)")
    seen = f"{active} ({told.get('SubState', '?')}), started again {restarts} times"
    read_log = f"journalctl -u {unit} -n 50"
    again = restarts not in ("", "0")
    if active == "failed" or (active == "activating" and again):
        return fail(name, f"{seen}, result {told.get('Result', '?')}", read_log)
    if active == "activating":
        return warn(name, seen, f"it loads and warms up; if that lasts, {read_log}")
    if active != "active":
        return warn(name, seen, f"sudo systemctl enable --now {unit}")
    return warn(name, seen, read_log) if again else ok(name, seen)


def _port(port: int) -> Check:
    name = f"port {port}"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            readiness = _served_readiness(port)
            if readiness is None:
                return warn(name, f"not free: {error}", "stop what uses it, or pass another --listen to edge-nt serve")
            if readiness == "ready":
                return ok(name, "edge-nt serve answers: ready")
            return warn(name, f"edge-nt serve answers: not ready, {readiness}", "see its page, and its log")
    return ok(name, "free on the loopback address")


def _served_readiness(port: int) -> str | None:
    """What `edge-nt serve` on that port says of itself; None where something else listens, or nothing."""
    try:
        said = [_said(port, path) for path in ("/live", "/ready")]
    except (OSError, OverflowError, HTTPException):
        return None
    return said[1] if said[0] == "alive" else None


def _said(port: int, path: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S)
    try:
        connection.request("GET", path)
        return " ".join(connection.getresponse().read(_LONGEST_ANSWER_BYTES).decode(errors="replace").split())
    finally:
        connection.close()
