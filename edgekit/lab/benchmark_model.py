#!/usr/bin/env python3
"""edgekit's lab: runs like benchmark_model, for emulated phones that cannot have the official tool.

A file of its own: it is pushed to the phone as the tool is. Needs Python 3.8 (which does not evaluate these
annotations), numpy and one of ai_edge_litert, tflite_runtime; nothing of edgekit. It takes the flags of TFLite's
benchmark_model that say what to run, and writes the same log, CSV profile, result file and outputs, so that what reads
them is tested on the way that a real phone takes. Its log says that it is the lab's. GPU and NPU do not exist here: as
the real tool does on a platform without them, it warns and computes on the CPU.
"""

from __future__ import annotations

import ctypes
import math
import os
import re
import struct
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

FLAGS: dict[str, Any] = {
    "graph": "", "signature_to_run_for": "", "num_threads": -1, "warmup_runs": 1, "warmup_min_secs": 0.5,
    "num_runs": 50, "min_secs": 1.0, "max_secs": 150.0, "enable_op_profiling": False,
    "op_profiling_output_mode": "stdout", "op_profiling_output_file": "", "result_file_path": "",
    "output_filepath": "", "input_layer": "", "input_layer_shape": "",
    "input_layer_value_files": "", "use_xnnpack": False, "use_gpu": False, "gpu_precision_loss_allowed": True,
    "use_nnapi": False, "nnapi_allow_fp16": False, "external_delegate_path": "", "external_delegate_options": "",
    "help": False,
}  # fmt: skip
XNNPACK = "TfLiteXNNPackDelegate"


class BenchmarkError(Exception):
    """What the real tool answers with kTfLiteError."""


class Run:
    """One start of the tool."""

    def __init__(self, words: list[str]) -> None:
        self.flags: dict[str, Any] = dict(FLAGS)
        self.given: set[str] = set()
        self.runtime = ""
        self.interpreter: Any = None
        self.inputs: list[Any] = []
        self.init_us = 0.0
        say("INFO", "STARTING!")
        self.parse(words)

    def parse(self, words: list[str]) -> None:
        """Flags as tflite/tools/command_line_flags.cc reads them; what it does not know it names and passes over."""
        unknown = []
        for word in words:
            name, equals, text = word[2:].partition("=")
            if not word.startswith("--") or not equals or name not in FLAGS:
                unknown.append(word)
                continue
            self.flags[name] = converted(name, text)
            self.given.add(name)
        if unknown:
            say("WARN", "Unconsumed cmdline flags: " + " ".join(unknown))
        if self.flags["help"]:
            lines = [f"\t--{name}={default}\t{type(default).__name__}\toptional" for name, default in FLAGS.items()]
            say("ERROR", "\n".join(["usage: benchmark_model <flags>", "Flags:", *lines]))
            raise BenchmarkError
        if not self.flags["graph"]:
            say("ERROR", "Please specify the name of your TF Lite input file with --graph")
            raise BenchmarkError

    def main(self) -> None:
        """Load, run, report: the order of the real tool."""
        say("INFO", f"Min num runs: [{self.flags['num_runs']}]")
        say("INFO", f"Num threads: [{self.flags['num_threads']}]")
        say("INFO", f"Graph: [{self.flags['graph']}]")
        size_mb = Path(self.flags["graph"]).stat().st_size / 1e6 if Path(self.flags["graph"]).exists() else 0.0
        before = resident_kb()
        started = time.perf_counter_ns()
        self.load()
        init_us = self.init_us = since(started)
        init_kb = resident_kb() - before
        say("INFO", f"The input model file size (MB): {size_mb:g}")
        say("INFO", f"Initialized session in {init_us / 1e3:g}ms.")
        self.prepare()
        warmup = self.phase(self.flags["warmup_runs"], self.flags["warmup_min_secs"])
        regular = self.phase(self.flags["num_runs"], self.flags["min_secs"])
        overall_kb = resident_kb() - before
        self.report(init_us, (init_kb, overall_kb), warmup, regular)
        self.write_result(init_us, (init_kb, overall_kb), size_mb, warmup, regular)
        self.write_outputs()
        if self.flags["enable_op_profiling"]:
            self.write_profile()

    def load(self) -> None:
        """The interpreter, with XNNPACK by default as the real tool has it."""
        self.runtime, module = runtime()
        say("INFO", f"LAB: {(__doc__ or '').splitlines()[0].rstrip('.')} (on {self.runtime})")
        for flag, words in (("use_gpu", "GPU"), ("use_nnapi", "NNAPI"), ("external_delegate_path", "EXTERNAL")):
            if self.flags[flag]:
                say("WARN", f"{words} acceleration is unsupported on this platform.")
        resolvers = module.OpResolverType
        delegated = self.flags["use_xnnpack"] or "use_xnnpack" not in self.given
        resolver = resolvers.BUILTIN if delegated else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        threads = self.flags["num_threads"]
        try:
            self.interpreter = module.Interpreter(
                model_path=self.flags["graph"],
                num_threads=None if threads < 1 else threads,
                experimental_op_resolver_type=resolver,
            )
            self.interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            say("ERROR", f"Failed to load model {self.flags['graph']}: {' '.join(str(error).split())[:300]}")
            raise BenchmarkError from error
        say("INFO", f"Loaded model {self.flags['graph']}")
        self.say_placement()

    def say_placement(self) -> None:
        """What the runtime logs of a delegate, and the tool of one that a flag asked for."""
        nodes = Nodes(self.interpreter)
        taken, kernels = len(nodes.taken), len(nodes.delegates)
        if kernels:
            words = f"node(s) with delegate ({XNNPACK}) node, yielding {kernels} partitions for subgraph 0."
            say("VERBOSE", f"Replacing {taken} out of {nodes.count} {words}")
        if not self.flags["use_xnnpack"]:
            return
        graph = "the model graph will be completely executed by the delegate."
        if not kernels:
            graph = "the model graph will not be executed by the delegate."
        elif taken < nodes.count or kernels > 1:
            graph = f"the model graph will be partially executed by the delegate w/ {kernels} delegate kernels."
        applied = (
            "Explicitly applied XNNPACK delegate, and" if kernels else "Though XNNPACK delegate is explicitly applied,"
        )
        say("INFO", f"{applied} {graph}")

    def prepare(self) -> None:
        """Inputs from the files, by their order in --input_layer; random ones where there is none."""
        import numpy as np

        details = self.interpreter.get_input_details()
        names = split(self.flags["input_layer"], ",")
        shapes = split(self.flags["input_layer_shape"], ":")
        if len(names) != len(shapes) or (names and len(names) != len(details)):
            say("ERROR", f"The number of items in --input_layer_shape must match --input_layer ({len(details)} inputs)")
            raise BenchmarkError
        files = dict(named_file(item) for item in split(self.flags["input_layer_value_files"], ","))
        for name in set(files) - set(names):
            fatal(f"Cannot find the corresponding input_layer name({name}) in --input_layer as {','.join(names)}")
        generator = np.random.default_rng(0)
        for place, detail in enumerate(details):
            if names and names[place] != detail["name"]:
                said = f"is named {detail['name']} but flags call it {names[place]}"
                say("WARN", f"Tensor # {detail['index']} {said}")
            path = files.get(names[place]) if names else None
            self.inputs.append(stored(detail, path) if path else random(detail, generator))

    def phase(self, least: int, seconds: float) -> list[int]:
        """Times in whole microseconds of a phase: at least so many runs and so long."""
        words = f"at least {least} iterations and at least {seconds:g} seconds"
        say("INFO", f"Running benchmark for {words} but terminate if exceeding {self.flags['max_secs']:g} seconds.")
        times: list[int] = []
        start = time.monotonic()
        now = start
        while (len(times) < least or now < start + seconds) and now <= start + self.flags["max_secs"]:
            for detail, array in zip(self.interpreter.get_input_details(), self.inputs):  # noqa: B905  3.8
                self.interpreter.set_tensor(detail["index"], array)
            started = time.perf_counter_ns()
            self.interpreter.invoke()
            times.append(int(since(started)))
            now = time.monotonic()
        say("INFO", statistics(times) + "\n")
        return times

    def report(self, init_us: float, kilobytes: tuple[int, int], warmup: list[int], regular: list[int]) -> None:
        """The summary lines."""
        first = warmup[0] if warmup else 0
        means = f"Warmup (avg): {mean(warmup):g}, Inference (avg): {mean(regular):g}"
        say("INFO", f"Inference timings in us: Init: {int(init_us)}, First inference: {first}, {means}")
        say("INFO", "Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE")
        footprint = f"init={kilobytes[0] / 1024:g} overall={kilobytes[1] / 1024:g}"
        say("INFO", f"Memory footprint delta from the start of the tool (MB): {footprint}")

    def write_result(
        self, init_us: float, kilobytes: tuple[int, int], size_mb: float, warmup: list[int], regular: list[int]
    ) -> None:
        """The file of tflite/tools/benchmark/proto/benchmark_result.proto."""
        path = self.flags["result_file_path"]
        if not path:
            return
        low, high = (min(regular), max(regular)) if regular else (0, 0)
        tail = (percentile(regular, 50), percentile(regular, 5), percentile(regular, 95))
        first = warmup[0] if warmup else 0
        times = (mean(regular), low, high, deviation(regular), *tail, init_us, first, mean(warmup))
        latency = b"".join(number(place, t / 1000) for place, t in enumerate(times, 1))
        memory = varint_field(1, kilobytes[0]) + varint_field(2, kilobytes[1])
        misc = number(1, size_mb) + varint_field(2, len(regular)) + varint_field(3, len(warmup))
        say("INFO", f"Saving benchmark result to: {path}")
        Path(path).write_bytes(message(2, latency) + message(3, memory) + message(4, misc))
        say("INFO", f"Saved benchmark result to: {path}")

    def write_outputs(self) -> None:
        """The outputs of the last run, raw, one after the other."""
        if path := self.flags["output_filepath"]:
            tensors = (self.interpreter.get_tensor(d["index"]) for d in self.interpreter.get_output_details())
            Path(path).write_bytes(b"".join(tensor.tobytes() for tensor in tensors))

    def write_profile(self) -> None:
        """The profile as CSV, in the file or in the log. LiteRT's profiler runs with XNNPACK only."""
        nodes = Nodes(self.interpreter)
        if not nodes.delegates:
            say("WARN", "this runtime gives no times by operator without XNNPACK")
            return
        try:
            profiled = litert_profile(self.flags["graph"], self.inputs, max(min(self.flags["num_runs"], 50), 1))
        except (OSError, RuntimeError, ImportError, AttributeError) as error:
            say("WARN", f"this runtime gives no times by operator: {error}")
            return
        text = profile_csv(nodes, profiled, self.init_us)
        path = self.flags["op_profiling_output_file"]
        if path:
            Path(path).write_text(text, encoding="utf-8")
        else:
            say("INFO", text)


class Nodes:
    """The graph's nodes: which of them the delegates' nodes stand for, found by walking back from their outputs."""

    def __init__(self, interpreter: Any) -> None:
        details = interpreter._get_ops_details()
        self.plain = [node for node in details if node["op_name"] != "DELEGATE"]
        self.delegates = [node for node in details if node["op_name"] == "DELEGATE"]
        self.count = len(self.plain)
        self.names = {t["index"]: t["name"] for t in interpreter.get_tensor_details()}
        made_by = {int(tensor): node for node in self.plain for tensor in node["outputs"]}
        self.taken: set[int] = set()
        for delegate in self.delegates:
            known = {int(tensor) for tensor in delegate["inputs"]}
            wanted = [int(tensor) for tensor in delegate["outputs"]]
            while wanted:
                node = made_by.get(wanted.pop())
                if node is None or node["index"] in self.taken:
                    continue
                self.taken.add(node["index"])
                wanted += [int(t) for t in node["inputs"] if int(t) >= 0 and int(t) not in known]

    def running(self) -> list[tuple[str, Any]]:
        """Kind and node of what the interpreter runs."""
        rows = [(node["op_name"], node) for node in self.plain if node["index"] not in self.taken]
        return rows + [(XNNPACK, node) for node in self.delegates]

    def label(self, node: Any) -> str:
        """`[outputs]:number`."""
        return f"[{', '.join(self.names.get(int(t), 'Unknown') for t in node['outputs'])}]:{node['index']}"


def profile_csv(nodes: Nodes, profiled: list[tuple[str, str, float]], init_us: float) -> str:
    """Initialisation, the nodes of the graph, and the kernels inside the delegate, in the CSV's three parts."""
    builtin = {int(place.rpartition(":")[2]): ms for _, place, ms in profiled if place.startswith("[Builtin]:")}
    inside = [(kind.partition("/")[2], ms) for kind, place, ms in profiled if place.startswith("[Delegate]:")]
    share = sum(ms for _, ms in inside) / max(len(nodes.delegates), 1)
    runs = [(k, share if k == XNNPACK else builtin.get(n["index"], 0.0), nodes.label(n)) for k, n in nodes.running()]
    kernels = [("DelegateOpInvoke", ms, f"Delegate/{kind}:{place}") for place, (kind, ms) in enumerate(inside)]
    start = [("AllocateTensors", init_us / 1000, "AllocateTensors/0")]
    text = "Profiling Info for Benchmark Initialization:\n" + sections(start) + "\n\n"
    text += "Operator-wise Profiling Info for Regular Benchmark Runs:\n" + sections(runs) + "\n"
    return text + ("Delegate internal: \n" + sections(kernels) + "\n" if kernels else "") + "\n"


def sections(rows: list[tuple[str, float, str]]) -> str:
    """Run Order, Top by Computation Time, Summary by node type and the footer of tensorflow's StatsCalculator."""
    total = sum(ms for _, ms, _ in rows) or 1e-9
    header = "node type, start, first, avg_ms, %, cdf%, mem KB, times called, name"
    text = ""
    for title, ordered in (("Run Order", rows), ("Top by Computation Time", sorted(rows, key=lambda r: -r[1])[:10])):
        text += f"{'=' * 30} {title} {'=' * 30}\n{header}\n"
        start = 0.0
        for kind, ms, name in ordered:
            shares = f"{100 * ms / total:g}%, {100 * (start + ms) / total:g}%"
            text += f"{kind}, {start:g}, {ms:g}, {ms:g}, {shares}, 0, 1, {name}\n"
            start += ms
        text += "\n"
    text += f"Number of nodes executed: {len(rows)}\n{'=' * 30} Summary by node type {'=' * 30}\n"
    text += "node type, count, avg_ms, avg %, cdf %, mem KB, times called\n"
    for kind in sorted({row[0] for row in rows}):
        times = [ms for k, ms, _ in rows if k == kind]
        text += f"{kind}, {len(times)}, {sum(times):g}, {100 * sum(times) / total:g}%, 100%, 0, {len(times)}\n"
    text += f"\nTimings (microseconds): count=1 curr={int(total * 1000)}\nMemory (bytes): count=0\n"
    return text + f"{len(rows)} nodes observed\n\n"


def litert_profile(graph: str, inputs: list[Any], runs: int) -> list[tuple[str, str, float]]:
    """Kind, place and average in ms of each row of LiteRT's own profiler, from its C library."""
    import ai_edge_litert

    library = ctypes.CDLL(str(Path(ai_edge_litert.__file__).parent / "libLiteRt.so"))

    def call(name: str, *words: Any) -> None:
        if getattr(library, "LiteRt" + name)(*words):
            raise RuntimeError(f"LiteRt{name} failed")

    def new(name: str, *words: Any, after: tuple[Any, ...] = ()) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        call(name, *words, ctypes.byref(handle), *after)
        return handle

    size = ctypes.c_size_t
    environment, options, model = new("CreateEnvironment", 0, None), new("CreateOptions"), ctypes.c_void_p()
    call("CreateModelFromFile", environment, graph.encode(), ctypes.byref(model))
    call("SetOptionsHardwareAccelerators", options, 1)
    payload = ctypes.cast(PAYLOAD, ctypes.c_void_p)
    call("AddOpaqueOptions", options, new("CreateOpaqueOptions", b"runtime_options_string", payload, KEEP))
    compiled = new("CreateCompiledModel", environment, model, options)
    profiler, signature = new("CompiledModelGetProfiler", compiled), ctypes.c_void_p()
    call("GetModelSignature", model, size(0), ctypes.byref(signature))
    sides = []
    for side in ("Input", "Output"):
        count, handles = size(), []
        call(f"GetNumSignature{side}s", signature, ctypes.byref(count))
        for index in range(count.value):
            needs = new(f"GetCompiledModel{side}BufferRequirements", compiled, size(0), size(index))
            kind = (ctypes.c_byte * 512)()
            call("GetRankedTensorType", new(f"GetSignature{side}TensorByIndex", signature, size(index)), kind)
            handles.append(new("CreateManagedTensorBufferFromRequirements", environment, kind, needs).value)
        sides.append((ctypes.c_void_p * len(handles))(*handles))
    for buffer, array in zip(sides[0], inputs):  # noqa: B905  3.8
        address = new("LockTensorBuffer", ctypes.c_void_p(buffer), after=(1,))
        ctypes.memmove(address, array.ctypes.data, array.nbytes)
        call("UnlockTensorBuffer", ctypes.c_void_p(buffer))
    call("StartProfiler", profiler)
    for _ in range(runs):
        call("RunCompiledModel", compiled, size(0), size(len(sides[0])), sides[0], size(len(sides[1])), sides[1])
    call("StopProfiler", profiler)
    summary = ctypes.c_char_p()
    call("GetProfileSummary", profiler, compiled, ctypes.byref(summary))
    text = (summary.value or b"").decode("utf-8", "replace").partition("Run Order")[2].partition("\n\n")[0]
    found = [match for match in map(ROW.match, text.splitlines()) if match]
    return [(match[1], match[3], float(match[2])) for match in found]


PAYLOAD = ctypes.create_string_buffer(b"enable_profiling = true\n")
KEEP = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda payload: None)
ROW = re.compile(r"^\s*(\S.*?)\s+[\d.]+\s+[\d.]+\s+([\d.]+)\s+[\d.]+%\s+[\d.]+%\s+\S+\s+\d+\s+(\S.*)$")


def runtime() -> tuple[str, Any]:
    """The runtime's name with its version, and its interpreter module."""
    from importlib import metadata

    try:
        from ai_edge_litert import interpreter

        return f"ai-edge-litert {metadata.version('ai-edge-litert')}", interpreter
    except ImportError:
        from tflite_runtime import interpreter

        return f"tflite-runtime {metadata.version('tflite-runtime')}", interpreter


def converted(name: str, text: str) -> Any:
    """A flag's text as the type of its default."""
    default = FLAGS[name]
    try:
        if isinstance(default, bool):
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        return float(text) if isinstance(default, float) else int(text) if isinstance(default, int) else text
    except (KeyError, ValueError) as error:
        say("ERROR", f"Failed to parse flag --{name}={text}")
        raise BenchmarkError from error


def split(text: str, mark: str) -> list[str]:
    return text.split(mark) if text else []


def named_file(item: str) -> tuple[str, str]:
    """`name:file`; a `::` in either stands for `:`."""
    parts = re.split(r"(?<!:):(?!:)", item)
    if len(parts) != 2:
        say("ERROR", f"Wrong input value file item specified: {item}")
        raise BenchmarkError
    return parts[0].replace("::", ":"), parts[1].replace("::", ":")


def stored(detail: Any, path: str) -> Any:
    """The file's bytes as the tensor stores them."""
    import numpy as np

    try:
        data = Path(path).read_bytes()
    except OSError:
        fatal(f"Failed to read the input_layer_value_file:{path}")
    wanted = int(np.prod(detail["shape"])) * np.dtype(detail["dtype"]).itemsize
    if len(data) != wanted:
        fatal(f"The size of {path} is {len(data)} bytes. It should be {wanted} bytes.")
    return np.frombuffer(data, detail["dtype"]).reshape(detail["shape"])


def random(detail: Any, generator: Any) -> Any:
    """Values in the ranges of tflite/tools/utils.cc: floats 0 to 1, integers over a byte."""
    import numpy as np

    kind = np.dtype(detail["dtype"])
    low, high = {"f": (0.0, 1.0), "b": (0, 2)}.get(kind.kind, (-127, 127) if kind == np.int8 else (0, 99))
    values = generator.uniform(low, high, detail["shape"])
    return values.astype(kind)


def statistics(times: list[int]) -> str:
    """A phase's line, as tensorflow/core/util/stats_calculator.h writes it."""
    if not times:
        return "count=0"
    if min(times) == max(times):
        return f"count={len(times)} curr={times[-1]}" + ("(all same)" if len(times) > 1 else "")
    spread = int(deviation(times))
    ends = f"first={times[0]} curr={times[-1]} min={min(times)} max={max(times)} avg={mean(times):g} std={spread}"
    quantiles = f"p5={percentile(times, 5)} median={percentile(times, 50)} p95={percentile(times, 95)}"
    return f"count={len(times)} {ends} {quantiles}"


def mean(values: Any) -> float:
    return sum(values) / len(values) if values else 0.0


def deviation(times: list[int]) -> float:
    middle = mean(times)
    return math.sqrt(mean([(t - middle) ** 2 for t in times]))


def percentile(times: list[int], percent: int) -> int:
    ordered = sorted(times)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] if ordered else 0


def since(started: int) -> float:
    return (time.perf_counter_ns() - started) / 1000


def resident_kb() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") // 1024


def varint(value: int) -> bytes:
    """Base 128, a negative number as its 64 bits."""
    value &= (1 << 64) - 1
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def varint_field(place: int, value: int) -> bytes:
    return varint(place << 3) + varint(value)


def number(place: int, value: float) -> bytes:
    return varint(place << 3 | 5) + struct.pack("<f", value)


def message(place: int, data: bytes) -> bytes:
    return varint(place << 3 | 2) + varint(len(data)) + data


def say(level: str, text: str) -> None:
    """As tflite/tools/logging.h: errors on stderr, the rest on stdout; the runtime's own lines on stderr."""
    stream = sys.stderr if level in ("ERROR", "FATAL", "VERBOSE") else sys.stdout
    stream.write(f"{level}: {text}\n")
    stream.flush()


def fatal(text: str) -> NoReturn:
    """As the real tool: abort."""
    say("FATAL", text)
    os.abort()


if __name__ == "__main__":
    try:
        Run(sys.argv[1:]).main()
    except (BenchmarkError, OSError, ImportError, MemoryError) as error:
        if str(error):
            say("ERROR", f"{type(error).__name__}: {error}")
        say("ERROR", "Benchmarking failed.")
        sys.exit(1)
