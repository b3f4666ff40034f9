"""How many multiply-adds a processor's widest instructions allow, where its makers have said so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from edge_nt.bench.floor_result import FloorPrecision

_CPUINFO = Path("/proc/cpuinfo")
# Zen 4 issues one 512-bit instruction a cycle, as two halves (AMD, Software Optimization Guide for the Zen 4
# Microarchitecture): 64 products of 8 bits with VNNI, 32 of bfloat16, 16 of float32.
_ZEN4: Mapping[FloorPrecision, int] = {"int8": 64, "bf16": 32, "fp32": 16}
# Intel AMX: 2048 INT8 or 1024 BF16 operations a cycle, two a product; float32 stays on two 512-bit pipes (Intel,
# Architecture Day 2021, Sapphire Rapids).
_AMX: Mapping[FloorPrecision, int] = {"int8": 1024, "bf16": 512, "fp32": 32}


def multiply_adds_per_cycle(cpuinfo: str | None = None) -> Mapping[FloorPrecision, int]:
    """Multiply-adds of one core in one cycle by precision, from Linux's `/proc/cpuinfo`; empty when not known."""
    if cpuinfo is None:
        cpuinfo = _CPUINFO.read_text(encoding="utf-8", errors="replace") if _CPUINFO.is_file() else ""
    fields = dict(_field(line) for line in cpuinfo.split("\n\n", maxsplit=1)[0].splitlines())
    flags = set(fields.get("flags", "").split())
    if fields.get("vendor_id") == "GenuineIntel" and {"amx_int8", "amx_bf16", "avx512f"} <= flags:
        return _AMX
    zen4 = fields.get("vendor_id") == "AuthenticAMD" and fields.get("cpu family") == "25"
    return _ZEN4 if zen4 and {"avx512_vnni", "avx512_bf16"} <= flags else {}


def physical_cores(root: Path = Path("/")) -> int | None:
    """How many cores lie behind the processors that this process may run on; None where Linux does not say."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    folder = root / "sys/devices/system/cpu"
    try:
        texts = [
            (folder / f"cpu{number}/topology/thread_siblings_list").read_text(encoding="ascii")
            for number in os.sched_getaffinity(0)
        ]
    except (OSError, ValueError):
        return None
    return len(set(texts))


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()
