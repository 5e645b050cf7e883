"""Times each operator of a model with LiteRT's own profiler. A file of its own: it is copied to the device.

    python profile_worker.py request.json

LiteRT's Python interface has no profiler, its C library has one: LiteRtCompiledModelGetProfiler and
LiteRtGetProfileSummary (litert/c/litert_profiler.h, 2.3), called through ctypes here. The opaque option
"runtime_options_string" (litert/c/options/litert_runtime_options.cc) switches it on. It runs in a process of its own,
so that a library that differs can take nothing with it.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
from pathlib import Path
from typing import Any

_HANDLE = ctypes.c_void_p
_CPU = 1  # kLiteRtHwAcceleratorCpu
_WRITE = 1  # kLiteRtTensorBufferLockModeWrite
_TENSOR_TYPE_BYTES = 512  # LiteRtRankedTensorType takes less
_WARMUP_RUNS = 10
# A row of the summary's "Run Order": type, start, first, average in ms, share, running share, memory, calls, name.
_ROW = re.compile(r"^\s*(\S.*?)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+[\d.]+%\s+[\d.]+%\s+\S+\s+(\d+)\s+(\S.*)$")


def main(request_path: str) -> None:
    """Profile the model of the request and write a list of {kind, name, time_us} in the order of running."""
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    folder = Path(request_path).resolve().parent
    text = profile(folder / request["model"], folder / request["golden"], request["runs"])
    (folder / request["result"]).write_text(json.dumps(parse(text)), encoding="utf-8")


def parse(summary: str) -> list[dict[str, Any]]:
    """The rows of the section "Run Order". A time is the average over the runs; the profiler counts microseconds."""
    section = summary.partition("Run Order")[2].partition("=====\n")[2].partition("\n\n")[0]
    rows = [match for match in map(_ROW.match, section.splitlines()) if match]
    return [{"kind": m[1], "name": m[6], "time_us": round(float(m[4]) * 1000, 3)} for m in rows]


def profile(model: Path, golden: Path, runs: int) -> str:
    """The runtime's own summary of `runs` runs on the first golden sample."""
    import numpy as np

    with np.load(golden, allow_pickle=False) as file:
        arrays = [np.asarray(file[f"input_{i}"][0], order="C") for i in range(len(file.files)) if f"input_{i}" in file]
    library = _Library()
    environment, handle = library.new("CreateEnvironment", 0, None), _HANDLE()
    library.call("CreateModelFromFile", environment, str(model).encode(), ctypes.byref(handle))
    compiled = library.new("CreateCompiledModel", environment, handle, _options(library))
    profiler = library.new("CompiledModelGetProfiler", compiled)
    inputs, outputs = (_buffers(library, (environment, handle, compiled), side) for side in ("Input", "Output"))
    for buffer, array in zip(inputs, arrays):  # noqa: B905  3.8 has no strict
        address = library.new("LockTensorBuffer", _HANDLE(buffer), after=(_WRITE,))
        ctypes.memmove(address, array.ctypes.data, array.nbytes)
        library.call("UnlockTensorBuffer", _HANDLE(buffer))
    for run in range(_WARMUP_RUNS + runs):
        if run == _WARMUP_RUNS:
            library.call("StartProfiler", profiler)
        library.call("RunCompiledModel", compiled, _size(0), _size(len(inputs)), inputs, _size(len(outputs)), outputs)
    library.call("StopProfiler", profiler)
    summary = ctypes.c_char_p()
    library.call("GetProfileSummary", profiler, compiled, ctypes.byref(summary))
    return (summary.value or b"").decode("utf-8", "replace")


class _Library:
    """libLiteRt.so of the installed package; a status that is not 0 is a RuntimeError."""

    def __init__(self) -> None:
        import ai_edge_litert

        self._library = ctypes.CDLL(str(Path(ai_edge_litert.__file__).parent / "libLiteRt.so"))

    def call(self, name: str, *arguments: Any) -> None:
        """LiteRt`name`(arguments)."""
        status = getattr(self._library, "LiteRt" + name)(*arguments)
        if status:
            raise RuntimeError(f"LiteRt{name} gave status {status}")

    def new(self, name: str, *arguments: Any, after: tuple[Any, ...] = ()) -> ctypes.c_void_p:
        """The handle that LiteRt`name`(arguments, &handle, after) makes."""
        handle = _HANDLE()
        self.call(name, *arguments, ctypes.byref(handle), *after)
        return handle


def _options(library: _Library) -> ctypes.c_void_p:
    """Compilation options: on the CPU, profiled."""
    options = library.new("CreateOptions")
    library.call("SetOptionsHardwareAccelerators", options, _CPU)
    payload = ctypes.cast(_PAYLOAD, _HANDLE)
    library.call("AddOpaqueOptions", options, library.new("CreateOpaqueOptions", _RUNTIME, payload, _KEEP))
    return options


_RUNTIME = b"runtime_options_string"
_PAYLOAD = ctypes.create_string_buffer(b"enable_profiling = true\n")
_KEEP = ctypes.CFUNCTYPE(None, _HANDLE)(lambda payload: None)  # the payload is ours for as long as the process lives


def _buffers(library: _Library, model: tuple[Any, Any, Any], side: str) -> Any:
    """A C array of buffers for the inputs or the outputs of the first signature."""
    environment, handle, compiled = model
    signature, count = _HANDLE(), ctypes.c_size_t()
    library.call("GetModelSignature", handle, _size(0), ctypes.byref(signature))
    library.call(f"GetNumSignature{side}s", signature, ctypes.byref(count))
    handles = []
    for index in range(count.value):
        needs = library.new(f"GetCompiledModel{side}BufferRequirements", compiled, _size(0), _size(index))
        tensor = library.new(f"GetSignature{side}TensorByIndex", signature, _size(index))
        kind = (ctypes.c_byte * _TENSOR_TYPE_BYTES)()
        library.call("GetRankedTensorType", tensor, ctypes.byref(kind))
        made = library.new("CreateManagedTensorBufferFromRequirements", environment, ctypes.byref(kind), needs)
        handles.append(made.value)
    return (_HANDLE * len(handles))(*handles)


def _size(value: int) -> ctypes.c_size_t:
    return ctypes.c_size_t(value)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (RuntimeError, ValueError, OSError, KeyError, ImportError, AttributeError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(1)
