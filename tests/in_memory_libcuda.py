"""libcuda over the GPU in memory. Only tests import it."""

from in_memory_gpu import ERRORS, DriverError, Gpu


class Libcuda:
    """The driver's C functions as ctypes calls them."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu

    def __getattribute__(self, name: str):
        found = super().__getattribute__(name)
        if not name.startswith("cu"):
            return found

        def call(*arguments: object) -> int:
            try:
                return found(*arguments) or 0
            except DriverError as error:
                return error.code

        return call

    def cuInit(self, flags) -> int:
        return self.gpu.init_error

    def cuDeviceGetCount(self, count) -> None:
        count._obj.value = self.gpu.devices

    def cuDeviceGet(self, device, ordinal) -> None:
        device._obj.value = ordinal.value

    def cuDeviceGetName(self, name, size, device) -> None:
        name.value = self.gpu.name.encode()[: size.value - 1]

    def cuDriverGetVersion(self, version) -> None:
        version._obj.value = self.gpu.cuda

    def cuDeviceGetAttribute(self, value, attribute, device) -> None:
        major, minor = self.gpu.compute_capability
        value._obj.value = {75: major, 76: minor, 18: self.gpu.integrated}[attribute.value]

    def cuGetErrorString(self, code, text) -> int:
        if code.value not in ERRORS:
            return 1
        text._obj.value = ERRORS[code.value].encode()
        return 0

    def cuMemGetInfo_v2(self, free, total) -> None:
        self.gpu.needs_context()
        free._obj.value = self.gpu.free_bytes

    def cuStreamBeginCapture_v2(self, stream, mode) -> None:
        if self.gpu.capture_refused:
            raise DriverError(1)
        found = self.gpu.stream(stream.value)
        if found.work:
            raise DriverError(1)
        found.recording, found.spoiled = [], False

    def cuStreamEndCapture(self, stream, graph) -> None:
        found = self.gpu.stream(stream.value)
        recording, found.recording = found.recording, None
        if recording is None or found.spoiled:
            raise DriverError(901)
        graph._obj.value = self.gpu.handle()
        self.gpu.graphs[graph._obj.value] = recording

    def cuGraphInstantiateWithFlags(self, executable, graph, flags) -> None:
        executable._obj.value = self.gpu.handle()
        self.gpu.graphs[executable._obj.value] = self.gpu.graphs[graph.value]

    def cuGraphLaunch(self, executable, stream) -> None:
        if executable.value not in self.gpu.graphs:
            raise DriverError(400)
        for work in self.gpu.graphs[executable.value]:
            self.gpu.stream(stream.value).add(work)
        self.gpu.graph_launches += 1

    def cuGraphDestroy(self, graph) -> None:
        del self.gpu.graphs[graph.value]

    def cuGraphExecDestroy(self, executable) -> None:
        self.gpu.needs_context()
        del self.gpu.graphs[executable.value]
