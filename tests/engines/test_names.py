"""Every name of TensorRT, pycuda, cuda-python and libcuda that the code uses, against what they really have."""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import in_memory_libcuda
import pytest
from in_memory_gpu import Gpu
from in_memory_refusals import Refusals
from in_memory_tensorrt import tensorrt_module
from record_names import STUBS, TABLE

from edge_nt.engines import cuda_driver
from edge_nt.engines.weak_typing import PROBED_FLAGS

SOURCES = sorted((Path(__file__).parents[2] / "edge_nt").rglob("*.py"))
NAMES = json.loads(TABLE.read_text())
TENSORRT = NAMES["tensorrt"]
VERSIONS = sorted(TENSORRT)
STUB = ast.parse((STUBS / "tensorrt/__init__.pyi").read_text())
# What pybind11 or Python gives every class, which the record leaves out.
UNRECORDED = {"__members__", "name", "__int__", "__iter__", "__buffer__", "__le__", "__version__"}


def stub_members(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.AnnAssign):
            yield node.target.id, node


STUB_CLASSES = {name: dict(stub_members(node.body)) for name, node in stub_members(STUB.body) if name[0] not in "_"}


class Uses(ast.NodeVisitor):
    """The names of TensorRT in a piece of source, as (class, member) pairs: module chains, and calls on its objects.

    The class of a variable comes from its annotation, or from what it is assigned, by the return types of our stub.
    """

    def __init__(self, source: str) -> None:
        self.classes: dict[str, str] = {}
        self.found: set[tuple[str, str]] = set()
        tree = ast.parse(source)
        for _ in range(3):  # until what depends on a class that was found later is found too
            self.visit(tree)

    def visit_arg(self, node: ast.arg) -> None:
        self._learn(node.arg, self._annotated(node.annotation))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._learn(ast.unparse(node.target), self._annotated(node.annotation))
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            pairs = (
                zip(target.elts, node.value.elts, strict=True)
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                else [(target, node.value)]
            )
            for one, value in pairs:
                self._learn(ast.unparse(one), self._class_of(value))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts = ast.unparse(node).split(".")
        if parts[0] == "trt":
            self.found.add((".".join(parts[1:-1]), parts[-1]))
        elif cls := self._class_of(node.value):
            self.found.add((cls, node.attr))
        self.generic_visit(node)

    def _learn(self, name: str, cls: str | None) -> None:
        if cls:
            self.classes[name] = cls

    def _annotated(self, annotation: ast.expr | None) -> str | None:
        found = re.search(r"\btrt\.(\w+)", ast.unparse(annotation)) if annotation else None
        return found[1] if found and "Callable" not in ast.unparse(annotation) else None

    def _class_of(self, value: ast.expr) -> str | None:
        text = ast.unparse(value)
        if text in self.classes:
            return self.classes[text]
        if isinstance(value, ast.Call):
            if text.startswith("trt."):
                return text[4:].partition("(")[0]
            return self._class_of(value.func)
        if isinstance(value, ast.Attribute) and (owner := self._class_of(value.value)):
            member = STUB_CLASSES.get(owner, {}).get(value.attr)
            annotation = getattr(member, "returns", None) or getattr(member, "annotation", None)
            found = re.match(r"\w+", ast.unparse(annotation)) if annotation else None
            return found[0] if found and found[0] in STUB_CLASSES else None
        return None


def unknown(source: str, version: str) -> list[str]:
    """The names in a piece of source that a version of TensorRT has not."""
    missing = []
    for cls, member in sorted(Uses(source).found):
        place: object = TENSORRT[version]
        for part in (*(cls.split(".") if cls else ()), member):
            place = place.get(part) if isinstance(place, dict) else None
        if place is None and member not in UNRECORDED:
            missing.append(f"{cls}.{member}".lstrip("."))
    return missing


def ours() -> str:
    """All our source that names TensorRT's bindings, one file after the other."""
    return "\n".join(text for path in SOURCES if "tensorrt as trt" in (text := path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_name_in_the_source_exists_in_every_version(version: str) -> None:
    files = [path.read_text(encoding="utf-8") for path in SOURCES]
    uses = [source for source in files if re.search(r"import tensorrt as trt", source)]
    assert len(uses) >= 5
    assert [unknown(source, version) for source in uses] == [[]] * len(uses)


def test_the_walk_finds_chains_methods_and_properties() -> None:
    found = {
        use for path in SOURCES if "tensorrt as trt" in (text := path.read_text("utf-8")) for use in Uses(text).found
    }
    assert found >= {
        ("NetworkDefinitionCreationFlag", "STRONGLY_TYPED"),
        ("Builder", "build_serialized_network"),
        ("IBuilderConfig", "set_memory_pool_limit"),
        ("IBuilderConfig", "progress_monitor"),
        ("ITimingCache", "serialize"),
        ("INetworkDefinition", "num_inputs"),
        ("OnnxParser", "num_errors"),
        ("ParserError", "desc"),
        ("Runtime", "deserialize_cuda_engine"),
        ("ICudaEngine", "get_tensor_dtype"),
        ("IExecutionContext", "execute_async_v3"),
    }
    assert len(found) >= 35


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("config.set_flag(trt.BuilderFlag.FP16)", "BuilderFlag.FP16"),
        ("def f(c: trt.IBuilderConfig): c.int8_calibrator = 1", "IBuilderConfig.int8_calibrator"),
        ("flag = trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH", "NetworkDefinitionCreationFlag.EXPLICIT_BATCH"),
        ("b = trt.Builder(log)\nb.platform_has_fast_fp16", "Builder.platform_has_fast_fp16"),
        (
            "r = trt.Runtime(log)\ne = r.deserialize_cuda_engine(x)\ne.device_memory_size",
            "ICudaEngine.device_memory_size",
        ),
        ("class C(trt.IInt8EntropyCalibrator2): ...", "IInt8EntropyCalibrator2"),
    ],
)
def test_a_name_that_11_removed_is_reported(source: str, missing: str) -> None:
    assert unknown(source, "11.4.0.106") == [missing]
    if "IInt8" not in missing:  # a class that our stubs do not name is not recorded for any version
        assert unknown(source, "10.3.0") == []


def test_the_probed_names_are_those_that_11_has_not() -> None:
    for name in PROBED_FLAGS:
        present = [version for version in VERSIONS if name in TENSORRT[version]["BuilderFlag"]]
        assert present == ["10.16.1.11", "10.3.0"]


def test_the_flags_value_differs_between_versions_so_a_literal_would_be_wrong() -> None:
    values = {version: TENSORRT[version]["NetworkDefinitionCreationFlag"]["STRONGLY_TYPED"] for version in VERSIONS}
    assert values == {"10.3.0": 1, "10.16.1.11": 1, "11.4.0.106": 0}


def stub_signatures() -> Iterator[tuple[str, str, list[str] | None]]:
    """Class, member and parameters of all that the stub says; None for what is no function."""
    for cls, members in STUB_CLASSES.items():
        for name, node in members.items():
            if name in UNRECORDED or isinstance(node, ast.ClassDef):
                continue
            is_method = isinstance(node, ast.FunctionDef) and not node.decorator_list
            yield cls, name, [each.arg for each in node.args.args[1:]] if is_method else None


@pytest.mark.parametrize("version", VERSIONS)
def test_the_stub_says_what_the_package_has(version: str) -> None:
    for cls, name, parameters in stub_signatures():
        members = TENSORRT[version][cls]
        if cls == "ILogger" and name == "Severity":
            continue
        assert name in members, f"{cls}.{name}"
        if parameters is None:
            assert members[name] == "property" or isinstance(members[name], int), f"{cls}.{name}"
        else:
            # Parameters that the stub leaves out are optional ones at the end.
            assert any(each[: len(parameters)] == parameters for each in members[name]), f"{cls}.{name}"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_tensorrt_in_memory_has_no_name_that_the_real_one_has_not(version: str) -> None:
    played = tensorrt_module(Gpu(), version, Refusals())
    for cls, recorded in TENSORRT[version].items():
        if not hasattr(played, cls):
            continue
        public = {name for name in vars(getattr(played, cls)) if not name.startswith("_")} - UNRECORDED
        assert public - {"initialised"} <= set(recorded), cls
        for name in public & set(recorded):
            member = vars(getattr(played, cls))[name]
            if inspect.isfunction(member):
                parameters = list(inspect.signature(member).parameters)[1:]
                assert any(each[: len(parameters)] == parameters for each in recorded[name]), f"{cls}.{name}"


def test_pycudas_stub_names_what_its_source_defines() -> None:
    (recorded,) = NAMES["pycuda"].values()
    tree = ast.parse((STUBS / "pycuda/driver.pyi").read_text())
    for name, node in stub_members(tree.body):
        if isinstance(node, ast.FunctionDef) or name == "Error":
            assert name in recorded[""]
        else:
            members = {member for member, _ in stub_members(node.body)} - {"__init__"}
            assert members <= set(recorded[name]), name


def test_cuda_pythons_stub_has_its_names_and_parameters() -> None:
    (recorded,) = NAMES["cuda.bindings.runtime"].values()
    for name, node in stub_members(ast.parse((STUBS / "cuda/bindings/runtime.pyi").read_text()).body):
        assert name in recorded
        if isinstance(node, ast.FunctionDef):
            assert [each.arg for each in node.args.args] == recorded[name], name


def test_every_driver_function_that_is_called_is_one_of_libcudas() -> None:
    (recorded,) = NAMES["libcuda"].values()
    called = set(re.findall(r"\bcu[A-Z]\w+", inspect.getsource(cuda_driver))) - {"cuInit:"}
    assert len(called) >= 14
    assert called <= set(recorded)
    assert called <= set(vars(in_memory_libcuda.Libcuda))
