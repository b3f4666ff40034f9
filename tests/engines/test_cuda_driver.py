import ctypes
import sys

import pytest
from in_memory_device import InMemoryDevice
from in_memory_libcuda import Libcuda

from edge_nt.engines import cuda_driver, platform
from edge_nt.engines.cuda_driver import CudaError, DeviceFacts, device_facts, free_memory_bytes
from edge_nt.engines.tensorrt_package import collecting_logger, last_words, require_tensorrt, tensorrt_absence
from edge_nt.errors import MissingDependencyError


def _has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@pytest.mark.skipif(_has_driver(), reason="this machine has NVIDIA's driver")
def test_a_machine_without_a_driver_is_told_so() -> None:
    with pytest.raises(MissingDependencyError, match=r"an NVIDIA GPU and its driver. Got no driver library") as refusal:
        device_facts()
    assert refusal.value.exit_code == 3
    assert tensorrt_absence() == "no driver library libcuda.so.1"


def test_the_first_device_is_described(cart_gpu: InMemoryDevice) -> None:
    assert device_facts() == DeviceFacts("In-memory GPU", "8.7", "12.6", True)
    assert tensorrt_absence() is None


@pytest.mark.parametrize(
    ("devices", "init_error", "got"),
    [
        (0, 0, "no CUDA device"),
        (0, 100, "no CUDA device"),
        (1, 201, "cuInit: invalid device context"),
        (1, 46, "cuInit: CUDA error 46"),
    ],
)
def test_a_driver_without_a_usable_device_is_told_so(
    cart_gpu: InMemoryDevice, devices: int, init_error: int, got: str
) -> None:
    cart_gpu.gpu.devices, cart_gpu.gpu.init_error = devices, init_error
    with pytest.raises(MissingDependencyError, match=got):
        device_facts()
    assert tensorrt_absence() == got


@pytest.mark.parametrize("call", ["cuDeviceGetCount", "cuDeviceGetName", "cuDeviceGetAttribute"])
def test_a_device_that_does_not_answer_is_none(
    cart_gpu: InMemoryDevice, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(Libcuda, call, lambda *_arguments: 46)
    with pytest.raises(MissingDependencyError, match=f"{call}: CUDA error 46"):
        device_facts()
    assert tensorrt_absence() == f"{call}: CUDA error 46"


def test_a_gpu_without_tensorrt_is_told_what_to_install(cart_gpu: InMemoryDevice) -> None:
    cart_gpu.become(tensorrt=None)
    with pytest.raises(MissingDependencyError, match="the package tensorrt"):
        require_tensorrt()


def test_a_call_that_fails_names_itself_and_the_reason(cart_gpu: InMemoryDevice) -> None:
    with pytest.raises(CudaError, match="cuMemGetInfo_v2: invalid device context"):
        free_memory_bytes()
    with pytest.raises(CudaError, match="cuStreamBeginCapture_v2: invalid device context"):
        cuda_driver.begin_capture(1)


def test_complaints_keep_the_first_and_the_last(cart_gpu: InMemoryDevice) -> None:
    logger, complaints = collecting_logger()
    severity = sys.modules["tensorrt"].ILogger.Severity
    logger.log(severity.WARNING, "harmless")
    logger.log(severity.WARNING, "Skipping tactic 3 due to insufficient memory on requested size of 9")
    for index in range(1000):
        logger.log(severity.ERROR, f"error\n{index}")
    logger.log(severity.INTERNAL_ERROR, "the end")
    assert len(complaints) <= 64
    assert last_words(complaints) == "Skipping tactic 3 due to insufficient memory on requested size of 9 … the end"
    assert last_words([]) == "no reason given"


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n", "R36.4.3"),
        ("# R35 (release), REVISION: 5.0\n", "R35.5.0"),
        ("", None),
        ("something else", None),
    ],
)
def test_a_jetsons_release_is_read(text: str, release: str | None) -> None:
    assert platform.l4t_release(text) == release


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024\n", "550.54.14"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release Build\n", "540.4.0"),
        ("", None),
    ],
)
def test_the_drivers_version_is_read(text: str, version: str | None, tmp_path, monkeypatch) -> None:
    (tmp_path / "version").write_text(text)
    monkeypatch.setattr(platform, "_DRIVER_FILE", tmp_path / "version")
    assert platform._driver_version() == version
