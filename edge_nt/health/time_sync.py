"""Whether the clock on the wall is right: every result carries its time."""

from __future__ import annotations

import ctypes
import time

from edge_nt.health.check import Check, fail, not_measured, ok, warn
from edge_nt.health.scope import Scope
from edge_nt.sensors.not_measured import NotMeasured

# 1 January 2026, before this was written; a board without a battery starts in 1970, or when its system was built.
_EARLIEST_S = 1_767_225_600
_UNSYNCHRONISED = 0x0040
_ENABLE = "sudo timedatectl set-ntp true, or install chrony and name the hospital's time server"


class _Timex(ctypes.Structure):
    """The head of the kernel's struct timex, and room for its rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


def check_time(scope: Scope) -> tuple[Check, ...]:
    """The kernel's own word on its clock, which chrony, ntpd and systemd-timesyncd keep; nothing is changed."""
    del scope
    return (judge_time(time.time(), kernel_clock()),)


def kernel_clock() -> tuple[int, int] | NotMeasured:
    """Status bits and maximal error in microseconds, as the kernel has them."""
    answer = _Timex()  # modes 0: ask, and set nothing
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(answer))
    except (AttributeError, OSError):
        return NotMeasured("no adjtimex, which Linux has")
    if state < 0:
        return NotMeasured(f"adjtimex: error {ctypes.get_errno()}")
    return int(answer.status), int(answer.maxerror)


def judge_time(now_s: float, kernel: tuple[int, int] | NotMeasured) -> Check:
    """The check, from the Unix time and the kernel's word."""
    if now_s < _EARLIEST_S:
        return fail("time", f"the clock says {time.strftime('%Y-%m-%d', time.gmtime(max(now_s, 0.0)))}", _ENABLE)
    if isinstance(kernel, NotMeasured):
        return not_measured("time", kernel)
    status, error_us = kernel
    if status & _UNSYNCHRONISED:
        return warn("time", "not synchronised: nothing corrects this machine's clock", _ENABLE)
    return ok("time", f"synchronised, off by at most {error_us / 1e3:.0f} ms")
