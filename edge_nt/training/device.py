"""Where training runs and in which precision."""

from __future__ import annotations

import torch

from edge_nt.errors import InputError, MissingDependencyError


def pick_device(name: str, fix: str = "pass --device cpu, or install torch for CUDA") -> torch.device:
    """``auto`` (the first GPU, else the CPU), ``cpu`` or ``cuda``.

    Raises: MissingDependencyError, with `fix`, when a GPU is asked for and torch sees none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(expected="a device auto, cpu or cuda", got=repr(name), fix="correct --device")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise MissingDependencyError(expected="a CUDA device", got="none that torch can use", fix=fix)
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def pick_precision(name: str, device: torch.device) -> str:
    """``auto``, ``float32`` or ``bfloat16`` → the last two. `auto` takes bfloat16 where the hardware multiplies it.

    On a processor without such instructions autocast is slower than float32.
    """
    if name not in ("auto", "float32", "bfloat16"):
        raise InputError(expected="a precision auto, float32 or bfloat16", got=repr(name), fix="correct --precision")
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    fast = any(capabilities.get(flag) for flag in ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16"))
    return "bfloat16" if fast else "float32"
