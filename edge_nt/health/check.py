"""One check of the doctor, and the ways to make one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_nt.sensors.not_measured import NotMeasured

Status = Literal["ok", "warn", "fail", "not applicable"]


@dataclass(frozen=True)
class Check:
    """What was looked at, how it stands, what was seen, and what to do about it; `fix` is empty where all is well."""

    name: str
    status: Status
    seen: str
    fix: str = ""


def ok(name: str, seen: str) -> Check:
    """All is well."""
    return Check(name, "ok", seen)


def warn(name: str, seen: str, fix: str) -> Check:
    """It works, worse than it could, or may stop working."""
    return Check(name, "warn", seen, fix)


def fail(name: str, seen: str, fix: str) -> Check:
    """Frames will not be processed, or not as they should be."""
    return Check(name, "fail", seen, fix)


def not_applicable(name: str, seen: str, fix: str = "") -> Check:
    """This machine has no such thing, or nobody asked for it; `fix` says how to get it."""
    return Check(name, "not applicable", seen, fix)


def not_measured(name: str, absent: NotMeasured) -> Check:
    """The machine does not tell."""
    return Check(name, "not applicable", f"not measured: {absent.reason}")
