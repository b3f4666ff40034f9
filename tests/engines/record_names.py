"""Writes `tensorrt_names.json`: names and parameters that the real packages have, of the classes that our stubs name.

    python tests/engines/record_names.py FOLDER

FOLDER holds, as `pip download --no-deps` brings them, for this Python: the wheels of tensorrt-cu12-bindings 10.3.0 and
of tensorrt-cu13-bindings 10.16 and 11.4, pycuda's source (`--no-binary :all:`), and the wheels of cuda-bindings and
cuda-pathfinder. No GPU and no TensorRT library is needed: the bindings ask their libraries for nine functions, all of
which empty ones of ours offer (a C compiler makes them), so that the real classes can be looked at. Beside that, our
logger, progress monitor and probe for weak typing are run on the real classes.
"""

import ast
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE / "tensorrt_names.json"
STUBS = HERE.parents[1] / "typings"

_ASKED_FOR = (
    *("createInferBuilder_INTERNAL", "createInferRefitter_INTERNAL", "createInferRuntime_INTERNAL"),
    *("createNvOnnxParserRefitter_INTERNAL", "createNvOnnxParser_INTERNAL", "getBuilderPluginRegistry"),
    *("getNvOnnxParserVersion", "getPluginRegistry", "initLibNvInferPlugins"),
)
_LOOK = """
import enum, json, sys
import tensorrt_bindings as trt

def described(member):
    if isinstance(member, property):
        return "property"
    return (getattr(member, "__doc__", None) or "").splitlines()

def members(cls):
    if hasattr(cls, "__members__"):
        return {name: int(value) for name, value in cls.__members__.items()}
    names = [name for name in dir(cls) if not name.startswith("_") or name == "__init__"]
    return {name: members(getattr(cls, name)) if isinstance(getattr(cls, name), type) else described(getattr(cls, name))
            for name in names}

print(json.dumps({"version": trt.__version__, "classes": {name: members(getattr(trt, name)) for name in sys.argv[1:]}}))
"""

_RUN_OURS = """
import sys
import tensorrt_bindings as trt
sys.modules["tensorrt"] = trt
from edge_nt.engines.build_progress import phase_monitor
from edge_nt.engines.tensorrt_package import collecting_logger
from edge_nt.engines.weak_typing import weak_typing_flags

logger, complaints = collecting_logger()
for severity, text in ((trt.ILogger.Severity.INFO, "fine"), (trt.ILogger.Severity.ERROR, "wrong")):
    logger.log(severity, text)
assert complaints == ["wrong"], complaints
heard = []
monitor, _ = phase_monitor(lambda *step: heard.append(step))
monitor.phase_start("phase", None, 2)
assert monitor.step_complete("phase", 0)
assert heard == [("phase", 0, 2), ("phase", 1, 2)], heard
assert tuple(trt.Dims((1, 2, 3))) == (1, 2, 3)
assert len(weak_typing_flags()) == (0 if trt.__version__.startswith("11.") else 2)
"""


def stub_classes(stub: Path) -> list[str]:
    """The public classes of a stub."""
    tree = ast.parse(stub.read_text())
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def parameters(docstring: list[str]) -> list[list[str]]:
    """The parameter names of each overload that pybind11 wrote into a docstring, without self."""
    found = []
    for line in docstring:
        match = re.match(r"(?:\d+\. )?\w+\((.*)\) -> ", line)
        if match:
            plain = re.sub(r"<[^<>]*>|\[[^\[\]]*\]", "", match[1])
            found.append([part.split(":")[0].split("=")[0].strip() for part in plain.split(", ") if part][1:])
    return found


def tensorrt_names(wheel: Path, classes: list[str]) -> tuple[str, dict]:
    """The version of a wheel of bindings, and the members of its classes."""
    with tempfile.TemporaryDirectory() as temporary:
        zipfile.ZipFile(wheel).extractall(temporary)
        source = "".join(f"void *{name}(void) {{ return 0; }}\n" for name in _ASKED_FOR)
        for library in ("nvinfer", "nvonnxparser", "nvinfer_plugin"):
            for major in (10, 11):
                target = f"{temporary}/lib{library}.so.{major}"
                subprocess.run(["cc", "-shared", "-x", "c", "-", "-o", target], input=source, text=True, check=True)
        environment = {"LD_LIBRARY_PATH": temporary, "PYTHONPATH": f"{temporary}:{HERE.parents[1]}"}
        subprocess.run([sys.executable, "-c", _RUN_OURS], env=environment, check=True)
        command = [sys.executable, "-c", _LOOK, *classes]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    content = json.loads(done.stdout)
    return content["version"], {name: _tidy(members) for name, members in content["classes"].items()}


def _tidy(members: dict) -> dict:
    def one(value):
        if isinstance(value, dict):
            return _tidy(value)
        return parameters(value) if isinstance(value, list) else value

    return {name: one(value) for name, value in members.items()}


def pycuda_names(archive: Path) -> tuple[str, dict]:
    """The version of pycuda's source, and the members of its driver's classes; functions stand under ``""``."""
    with tarfile.open(archive) as opened:
        name = next(each for each in opened.getnames() if each.endswith("src/wrapper/wrap_cudadrv.cpp"))
        text = opened.extractfile(name).read().decode()
    classes: dict[str, list[str]] = {"": []}
    pattern = (
        r'class_<[^;{]*?>\s*(?:\w+\s*)?\(\s*"(?P<cls>\w+)"|(?P<host>bases<host_pointer>)|py::def\("(?P<function>\w+)"'
        r"|DEF_SIMPLE_FUNCTION\((?P<simple>\w+)\)|DEF_SIMPLE_METHOD\((?P<method>\w+)\)|DECLARE_EXC\((?P<error>\w+),"
        r'|\.(?:def|add_property)\("(?P<member>\w+)"|attr\("(?P<attribute>\w+)"\)'
    )
    current = ""
    for match in re.finditer(pattern, text):
        kind, found = match.lastgroup, match[match.lastgroup]
        if kind == "cls":
            current = found
            classes[current] = list(classes["HostPointer"]) if "bases<host_pointer>" in match[0] else []
        elif kind in ("function", "simple", "error"):
            classes[""].append(found)
        elif kind != "host":
            classes[current].append(found)
    return archive.name.removeprefix("pycuda-").removesuffix(".tar.gz"), {
        cls: sorted(set(names)) for cls, names in classes.items()
    }


def cuda_names(wheel: Path, pathfinder: Path) -> tuple[str, dict[str, list[str]], list[str]]:
    """The version of cuda-bindings, the runtime's functions with their parameters, and libcuda's symbols."""
    with tempfile.TemporaryDirectory() as temporary:
        for archive in (wheel, pathfinder):
            zipfile.ZipFile(archive).extractall(temporary)
        look = (
            "import json; from cuda.bindings import runtime as r; "
            "names = [n for n in dir(r) if n.startswith('cuda')]; "
            "print(json.dumps({n: (getattr(r, n).__doc__ or '').split('\\n')[0] for n in names}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", look], env={"PYTHONPATH": temporary}, check=True, capture_output=True, text=True
        )
        binaries = b"".join(path.read_bytes() for path in Path(temporary).rglob("*driver*.so"))
    names = {}
    for name, line in json.loads(done.stdout).items():
        match = re.match(rf"{name}\((.*)\)", line)
        parts = [part.split(":")[0].split()[-1] for part in match[1].split(", ")] if match and match[1] else []
        names[name] = parts
    found = re.findall(rb"(?<![A-Za-z0-9])_*(cu(?:Init|Device|Driver|Get|MemGet|Stream|Graph)\w*)(?=\0)", binaries)
    symbols = sorted({each.decode() for each in found})
    return wheel.name.split("-")[1], names, symbols


def main(folder: Path) -> None:
    classes = stub_classes(STUBS / "tensorrt/__init__.pyi")
    table: dict = {"tensorrt": {}}
    for wheel in sorted(folder.glob("tensorrt_cu1*_bindings-*.whl")):
        version, members = tensorrt_names(wheel, classes)
        table["tensorrt"][version] = members
    version, members = pycuda_names(next(folder.glob("pycuda-*.tar.gz")))
    table["pycuda"] = {
        version: {name: members[name] for name in ("", *stub_classes(STUBS / "pycuda/driver.pyi")) if name in members}
    }
    version, functions, symbols = cuda_names(
        next(folder.glob("cuda_bindings-*.whl")), next(folder.glob("cuda_pathfinder-*.whl"))
    )
    table["cuda.bindings.runtime"] = {version: functions}
    table["libcuda"] = {version: symbols}
    lines = json.dumps(table, indent=1, sort_keys=True)
    # Innermost lists on one line each, so that a change can be read.
    TABLE.write_text(re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
