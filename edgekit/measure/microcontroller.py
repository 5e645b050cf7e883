"""A bundle in a microcontroller's firmware: its golden samples run there, are counted, and judged here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import __version__
from edgekit.bundle.golden import by_name, in_graph_order
from edgekit.bundle.read import Bundle
from edgekit.codegen.call import Optimize, Settings
from edgekit.codegen.cores import build_of
from edgekit.codegen.footprint import build_least
from edgekit.codegen.generate import generate
from edgekit.core.errors import DeviceError
from edgekit.core.files import sha256_bytes
from edgekit.core.progress import Progress
from edgekit.core.toolchain import Core, find_toolchain
from edgekit.graph.codec import read
from edgekit.measure.evaluation import measure_task
from edgekit.measure.firmware_session import FirmwareAnswer, FirmwareSession, instructions
from edgekit.measure.measurement import (
    Conditions,
    Firmware,
    Health,
    Latency,
    Measurement,
    Placement,
    Profile,
    TaskAccuracy,
    summarise,
)
from edgekit.measure.options import CheckOptions
from edgekit.measure.parity import judge_parity
from edgekit.runtime.litert import Kernels
from edgekit.transports.firmware import machine_named
from edgekit.transports.framed import FramedTransport
from edgekit.transports.network_firmware import Network
from edgekit.transports.qemu import network_transport, qemu_version
from edgekit.transports.uri import DeviceUri

Array = NDArray[Any]
RUNTIME = "edgekit C"
COUNTED = "instructions are counted, not cycles: no flash wait state, cache or pipeline is in them"
_DIGITS = 16
_TIMED_RUNS = 100
_SOURCE = re.compile(r"c/(ek\w*\.[ch])")


def c_sources(bundle: Bundle, core: Core) -> Mapping[str, bytes]:
    """The C of the bundle, or, where it has none, what is generated from its model for `core`."""
    found = {match[1]: data for path, data in bundle.files.items() if (match := _SOURCE.fullmatch(path))}
    return found or generate(read(bundle.model_bytes), Settings(build_of(core))).files


def network_of(bundle: Bundle, core: Core) -> Network:
    """The bundle as a part of a firmware for `core`. Raises ModelError where there is no C for it."""
    name = bundle.manifest.name.rpartition(".")[0] or bundle.manifest.name
    made = bundle.manifest.details.get("c")
    wish = made.get("optimize") if isinstance(made, Mapping) else None
    level = (Optimize.SIZE if wish == Optimize.SIZE.value else Optimize.SPEED).level
    return network_named(name, bundle.model_bytes, c_sources(bundle, core), core, level)


def network_named(name: str, model: bytes, sources: Mapping[str, bytes], core: Core, level: str) -> Network:
    """A model's C as a part of a firmware."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:60]
    input_bytes = sum(tensor.nbytes for tensor in read(model).main.inputs)
    return Network(plain, sha256_bytes(model)[:_DIGITS], sources, input_bytes, core, level)


def measure_emulated(bundle: Bundle, device: DeviceUri, options: CheckOptions, progress: Progress) -> Measurement:
    """Build the firmware of a machine of QEMU, run the golden samples in it, and count.

    Raises DeviceError where the firmware fails or the machine ends, MissingError where a compiler or QEMU is missing,
    ModelError where there is no C for the model.
    """
    machine = machine_named(device.name)
    progress.start(f"check on {device}", 4 if options.profile else 3)
    try:
        network = network_of(bundle, machine.processor)
        built = build_least(network.files, machine.processor, network.optimize, find_toolchain())
        progress.advance()
        with network_transport(device, network) as transport:
            session = FirmwareSession(device, transport, options.timeout_s)
            facts = session.begin()
            answers = [session.infer(inputs) for inputs in _inputs(bundle)]
            progress.advance()
            task = _task(bundle, session, options, progress)
        counts = [instructions(answer, facts) for answer in answers]
        stack_bytes = max(answer.number("stack") for answer in answers)
        firmware = Firmware(
            instructions=max(counts),
            least_instructions=min(counts),
            setup_instructions=instructions(facts, facts, "setup"),
            footprint=built.footprint,
            stack_bytes=stack_bytes,
            ram_bytes=built.footprint.arena_bytes + built.footprint.static_bytes + stack_bytes,
            counted=COUNTED,
            layers=(),
        )
        if options.profile:
            with network_transport(device, replace(network, by_layer=True)) as transport:
                session = FirmwareSession(device, transport, options.timeout_s)
                layers = session.layers(_inputs(bundle)[0], facts.number("hz"))
            firmware = replace(firmware, layers=layers)
            progress.advance()
        conditions = _conditions(machine.processor.name, machine.name, f"emulated: QEMU {qemu_version()}")
        return replace(_measurement(bundle, device, answers, firmware, conditions), task=task)
    finally:
        progress.finish()


def measure_on_port(
    bundle: Bundle, device: DeviceUri, transport: FramedTransport, options: CheckOptions, progress: Progress
) -> Measurement:
    """Run the golden samples on a board whose firmware has the bundle's network, and time it by its own counter.

    Raises DeviceError where the firmware has none, has another one, fails, or is gone.
    """
    progress.start(f"check on {device}", 2)
    try:
        session = FirmwareSession(device, transport, options.timeout_s)
        session.require(sha256_bytes(bundle.model_bytes)[:_DIGITS])
        facts, inputs = session.begin(), _inputs(bundle)
        answers = [session.infer(one) for one in inputs]
        progress.advance()
        latency = _latency(session.infer(inputs[0], options.runs or _TIMED_RUNS), facts)
        progress.advance()
        task = _task(bundle, session, options, progress)
        stack_bytes = max(answer.number("stack") for answer in answers)
        firmware = Firmware(None, None, None, None, stack_bytes, facts.number("arena") + stack_bytes, "", ())
        board = transport.board
        conditions = _conditions("", board.name, f"emulated: {board.emulated}" if board.emulated else "")
        return replace(_measurement(bundle, device, answers, firmware, conditions), latency=latency, task=task)
    finally:
        progress.finish()


def _task(bundle: Bundle, session: FirmwareSession, options: CheckOptions, progress: Progress) -> TaskAccuracy | None:
    """The task's accuracy with outputs of the board, one sample after the other."""
    if options.evaluation is None:
        return None
    model = read(bundle.model_bytes)
    places = [next(i for i, port in enumerate(model.inputs()) if port.tensor is t) for t in model.main.inputs]

    def run(arrays: tuple[Array, ...]) -> Mapping[str, Array]:
        """Samples as the manifest's ports are ordered, stored values."""
        given = [b"".join(np.ascontiguousarray(arrays[i][n]).tobytes() for i in places) for n in range(len(arrays[0]))]
        return _outputs(bundle, [session.infer(inputs) for inputs in given])

    return measure_task(bundle, options.evaluation, run, progress)


def _latency(answer: FirmwareAnswer, facts: FirmwareAnswer) -> Latency | None:
    """Times by the board's counter; None where it stands still, as on a core without one."""
    empty, hz = facts.ticks("empty")[0], facts.number("hz")
    times = [(ticks - empty) * 1e6 / max(hz, 1) for ticks in answer.ticks("ticks")]
    return summarise(times, 0) if min(times) > 0 else None


def _inputs(bundle: Bundle) -> list[bytes]:
    """All inputs of each golden sample, one after another in the graph's order."""
    model, golden = read(bundle.model_bytes), bundle.golden
    if golden is None:  # cannot be: `check_bundle` has looked
        raise DeviceError(f"{bundle.folder}: there are no golden samples")
    arrays = in_graph_order(model.main.inputs, model.inputs(), golden.inputs)
    return [b"".join(np.ascontiguousarray(array[i]).tobytes() for array in arrays) for i in range(golden.count)]


def _measurement(
    bundle: Bundle, device: DeviceUri, answers: list[FirmwareAnswer], firmware: Firmware, conditions: Conditions
) -> Measurement:
    """The answers, judged, with what was counted."""
    model, golden, spec = read(bundle.model_bytes), bundle.golden, bundle.manifest.golden
    if golden is None or spec is None:  # cannot be: `check_bundle` has looked
        raise DeviceError(f"{bundle.folder}: there are no golden samples")
    found = _outputs(bundle, answers)
    return Measurement(
        device=str(device),
        target=bundle.manifest.target.name,
        model_sha256=sha256_bytes(bundle.model_bytes),
        latency=None,
        init_us=None,
        first_inference_us=None,
        memory=None,
        profile=Profile((), ""),
        parity=judge_parity(golden.outputs, found, spec.bounds, Kernels.REFERENCE.value),
        conditions=conditions,
        placement=Placement("", 0, len(model.main.ops), (), RUNTIME),
        firmware=firmware,
    )


def _outputs(bundle: Bundle, answers: list[FirmwareAnswer]) -> dict[str, Array]:
    """The outputs of several inferences by name, (samples, *shape)."""
    model = read(bundle.model_bytes)
    tensors = model.main.outputs
    wanted = [(np.dtype(tensor.dtype.numpy), tuple(tensor.shape)) for tensor in tensors]
    rows = [answer.arrays(wanted) for answer in answers]
    stacked = tuple(np.stack([row[i] for row in rows]) for i in range(len(tensors)))
    return by_name(tensors, model.outputs(), stacked)


def _conditions(core: str, board: str, emulated: str) -> Conditions:
    return Conditions(
        cpu=core,
        machine=board,
        system="none",
        cores=1,
        governor="",
        threads=1,
        kernels=Kernels.REFERENCE.value,
        runtime=RUNTIME,
        runtime_version=__version__,
        python="",
        taken_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        board=board,
        emulated=emulated,
        before=Health(),
        after=Health(),
    )
