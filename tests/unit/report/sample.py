"""Reports made up for the tests: a full one, an empty one, and one that wants to do harm."""

from __future__ import annotations

import dataclasses
import random
from typing import cast

from edgekit.codegen.plan.picture import ArenaBlock, ArenaPicture
from edgekit.measure.gates import Gate
from edgekit.measure.measurement import (
    Conditions,
    Health,
    Measurement,
    Memory,
    Nearness,
    Noise,
    OperatorTime,
    Parity,
    Placement,
    Power,
    Profile,
    Rail,
    TaskAccuracy,
    summarise,
)
from edgekit.report.model import (
    Accuracy,
    Entry,
    Fact,
    ImportCheck,
    Index,
    LayerRow,
    Level,
    MemoryFacts,
    ModelFacts,
    OperatorRow,
    PartFacts,
    Report,
    Score,
    Size,
    StepRow,
    TargetFacts,
)

HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror='a(\"1\")'>&amp;\x00\x1b[31m\u202e"

CONDITIONS = Conditions(
    cpu="Intel Xeon, 2.20 GHz",
    machine="x86_64",
    system="Linux 6.1",
    cores=2,
    governor="",
    threads=1,
    kernels="xnnpack",
    runtime="ai-edge-litert",
    runtime_version="2.3.0",
    python="3.11.2",
    taken_at="2026-11-24T04:30:00Z",
    board="",
    emulated="",
    before=Health((2200.0, 2200.0), 51.5, "", 0.31),
    after=Health((2200.0, 2200.0), 55.0, "", 0.87),
)


def latencies(count: int = 200) -> list[float]:
    """Skewed microseconds with a few long ones, the same ones each time."""
    rng = random.Random(7)
    return [308 + rng.gammavariate(2.2, 6) + (rng.random() < 0.02) * 220 for _ in range(count)]


def arena() -> ArenaPicture:
    """Two convolutions that take turns, and a layer that writes over its input."""
    blocks = (
        ArenaBlock("input_1", "input", 0, 1, 512, 3072),
        ArenaBlock("model/conv2d/Relu", "lines", 1, 1, 8192, 1536),
        ArenaBlock("model/conv2d_1/Relu", "tensor", 1, 2, 0, 8192),
        ArenaBlock("Identity", "output", 2, 3, 0, 10),
        ArenaBlock("Identity", "scratch", 2, 2, 8192, 40),
    )
    return ArenaPicture(blocks, ("inputs", "CONV_2D CONV_2D", "SOFTMAX", "outputs"), 9728, 9700, 20_000, 4096)


def measurement() -> Measurement:
    """What a device might have said."""
    names = [f"model/conv2d_{i}/Conv2D" for i in range(9)]
    profile = tuple(OperatorTime(n, "CONV_2D", 70 / (i + 1), "XNNPACK") for i, n in enumerate(names))
    return Measurement(
        device="local",
        target="raspberry-pi-5",
        model_sha256="9f" * 32,
        latency=summarise(latencies(), 24),
        init_us=4120.0,
        first_inference_us=655.0,
        memory=Memory(7_340_032, "above the idle process: model, runtime and activations"),
        profile=Profile(profile, "Times taken with the profiler on, which slows the run."),
        parity=Parity(True, Nearness.LSB, 1.0, 3.0, 8, "", ""),
        conditions=CONDITIONS,
        placement=Placement("XNNPACK", 9, 10, ("softmax",), "from the interpreter's list of nodes"),
        warnings=(),
    )


def emulated() -> Measurement:
    """What an emulated board with everything that may be told might have said."""
    plain = measurement()
    conditions = dataclasses.replace(
        CONDITIONS,
        board="Raspberry Pi 5 Model B Rev 1.0",
        emulated="emulated: qemu-user aarch64 on x86_64",
        before=Health((2400.0, 2400.0), 51.5, "", 0.31),
        after=Health((1500.0, 2400.0), 84.9, "now: soft temperature limit", 0.87),
    )
    return dataclasses.replace(
        plain,
        latency=dataclasses.replace(plain.latency, launch_count=3, launch_p90_us=(340.0, 351.5, 338.0)),
        conditions=conditions,
        placement=Placement("XNNPACK", 4, 10, tuple(f"gather_{i} (GATHER)" for i in range(6)), "2 parts"),
        scope="the main graph, of the signatures decode, encode",
        noise=Noise(41, 0.031, None, 1, "the process waited for a core 3.1 % of the time, 1 burst of slow runs"),
        power=Power((Rail("VDD_CORE", 2.1), Rail("3V3_SYS", 0.4)), 2.5, 0.8125, "50 readings of the power chip"),
        task=TaskAccuracy("top-1 accuracy", "%", 75.1, 73.9, 76.3, 5000),
    )


def layers(count: int = 42) -> tuple[LayerRow, ...]:
    """Layers whose error grows, with a bad one in the middle."""
    rng = random.Random(3)
    rows = []
    for i in range(count):
        kind = "DEPTHWISE_CONV_2D" if i % 3 == 1 else "CONV_2D" if i % 3 == 0 else "ADD"
        sqnr = 46 - 0.45 * i + rng.uniform(-4, 4) - (15 if i in (13, 28) else 0)
        name = f"model/block_{i // 3}/{kind.lower()}_{i}/BiasAdd"
        rows.append(LayerRow(name, kind, sqnr, 10 ** (-sqnr / 10), 1 - 10 ** (-sqnr / 10), 0.4, 0.0003 * i))
    return tuple(rows)


def full() -> Report:
    """A report in which every part is there."""
    return Report(
        title="pretrainedResnet for Raspberry Pi 5",
        target=TargetFacts("raspberry-pi-5", "Raspberry Pi 5", (Fact("Processor", "4 × Cortex-A76, 2.4 GHz"),)),
        model=ModelFacts(
            "pretrainedResnet.h5",
            ("input_1: int8 1×32×32×3, scale 1, zero point −128",),
            ("Identity: int8 1×10",),
            78_666,
            12_501_632,
        ),
        size=Size(318_136, 99_264),
        steps=(
            StepRow("calibrate", "ranges of 37 tensors from 150 samples", (Fact("method", "minmax"),)),
            StepRow("quantize", "int8 weights and activations", (Fact("scheme", "int8"), Fact("boundary", "integer"))),
        ),
        accuracy=Accuracy(
            "top-1 accuracy",
            "%",
            5000,
            "evaluation",
            Score(75.24, 74.02, 76.42),
            Score(75.1, 73.88, 76.28),
            Score(-0.14, -0.48, 0.2),
            others=(Fact("Agreement with float", "96.84 %"), Fact("SQNR", "21.3 dB"), Fact("Cosine", "0.9962")),
        ),
        layers=layers(),
        operators=(
            OperatorRow("CONV_2D", 9, 12_361_728, 77_360, Level.RUNS),
            OperatorRow("DEPTHWISE_CONV_2D", 3, 140_000, 1_344, Level.RUNS),
            OperatorRow("ADD", 3, 0, 0, Level.SLOW, "falls to a reference kernel: its inputs differ in scale"),
            OperatorRow("SOFTMAX", 1, 0, 0, Level.RUNS),
        ),
        memory=MemoryFacts(49_152, "CONV_2D model/conv2d_1/Conv2D"),
        arena=arena(),
        measurements=(measurement(),),
        gates=(
            Gate("latency_p90_ms", 30.0, 0.334, "ms", True, "200 runs on local"),
            Gate("model_kib", 256.0, 96.9375, "KiB", True),
            Gate("energy_mj", 2.0, None, "mJ", None),
            Gate("accuracy_drop", 1.0, 0.14, "points", True, "5,000 evaluation samples"),
        ),
        import_check=ImportCheck("keras", "Keras 2.3 .h5, TensorFlow 2.21", 8.3e-7, 1.1e-6, 16, ("BatchNorm folded",)),
        provenance=(
            Fact("Source", "pretrainedResnet.h5, sha256 1f0c…"),
            Fact("Calibration", "cifar10 train, 150 samples, sha256 77ab…"),
            Fact("Versions", "edgekit 0.1.0, ai-edge-litert 2.3.0, litert-quantizer 0.11.0"),
        ),
    )


def empty() -> Report:
    """The least that a report can be."""
    return Report("tiny", TargetFacts("local", "This machine"), ModelFacts("tiny.tflite"), Size(100, 100))


def failing() -> Report:
    """A broken gate."""
    broken = Gate("model_kib", 64.0, 96.9375, "KiB", False)
    return dataclasses.replace(full(), gates=(broken, *full().gates))


def hostile() -> Report:
    """Every text of a full report replaced by markup."""
    return cast(Report, _replace_text(full()))


def _replace_text(value: object) -> object:
    if isinstance(value, str):
        return HOSTILE if value else value
    if isinstance(value, tuple):
        return tuple(_replace_text(v) for v in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.name not in {"key", "on", "use"}
        }
        return dataclasses.replace(value, **{k: _replace_text(v) for k, v in fields.items()})
    return value


def index() -> Index:
    """Three targets."""
    pico = dataclasses.replace(failing(), target=TargetFacts("pico-2", "Raspberry Pi Pico 2"), measurements=())
    return Index(
        "pretrainedResnet",
        (
            Entry(full(), "raspberry-pi-5/report.html"),
            Entry(pico, "pico-2/report.html"),
            Entry(empty(), "local/r.html"),
        ),
    )


def parts() -> tuple[PartFacts, ...]:
    """What a microcontroller's bundle holds beside the model."""
    return (
        PartFacts("tflm", "TensorFlow Lite Micro", (Fact("arena", "24 KiB at most"),)),
        PartFacts("c", "edgekit C", notes=("The bundle has no c/: No C is generated for <b>CUMSUM</b>.",)),
    )
