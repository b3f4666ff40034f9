"""Cameras and frame grabbers, as the kernel's Video4Linux lists them."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from edge_nt.health.check import Check, fail, not_applicable, ok, warn
from edge_nt.health.scope import Scope
from edge_nt.sensors.node import entries, read_text

# VIDIOC_QUERYCAP, and where struct v4l2_capability (104 bytes) keeps what this node can do.
_QUERY, _SIZE, _DEVICE_CAPS = 0x80685600, 104, 88
_CAPTURE = 0x00000001 | 0x00001000
_CONNECT = "plug the camera or frame grabber in, load its driver, and in a container pass --device /dev/video0"


def check_cameras(scope: Scope) -> tuple[Check, ...]:
    """A line for each device; with `open_cameras` each is opened and asked whether it gives pictures."""
    found = entries(scope.root / "sys/class/video4linux", "video*")
    if not found:
        return (not_applicable("cameras", "none; needed for camera: sources only", _CONNECT),)
    return tuple(_camera(folder, scope) for folder in found)


def _camera(folder: Path, scope: Scope) -> Check:
    node, model = scope.root / "dev" / folder.name, read_text(folder / "name") or "a device without a name"
    name = f"/dev/{folder.name}"
    if not node.exists():
        return warn(name, f"{model}: known to the kernel, and no such file here", _CONNECT)
    if not os.access(node, os.R_OK | os.W_OK):
        return fail(name, f"{model}: this user may not open it", "sudo usermod -aG video $USER, then log in again")
    return _opened(name, model, node) if scope.open_cameras else ok(name, f"{model}; not opened (--cameras opens it)")


def _opened(name: str, model: str, node: Path) -> Check:
    import fcntl  # Video4Linux is Linux's; elsewhere no device leads here.

    answer = bytearray(_SIZE)
    try:
        handle = os.open(node, os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.ioctl(handle, _QUERY, answer)
        finally:
            os.close(handle)
    except OSError as error:
        return fail(name, f"{model}: {error.strerror}", "close the program that holds it, or plug it in again")
    (caps,) = struct.unpack_from("=I", answer, _DEVICE_CAPS)
    if not caps & _CAPTURE:
        return not_applicable(name, f"{model}: gives no pictures (its metadata or output node)")
    return ok(name, f"{model}: opens and gives pictures")
