"""Microcontrollers: edgekit's C and TensorFlow Lite Micro on MLPerf Tiny's int8 models, counted on emulated boards.

Usage: python -m bench.mcu [MODEL …] [--core M4F …] [--for speed …] [--exact 1000] [--json FILE]

Each row: instructions of an inference (exact, QEMU), flash without the network's constants, RAM (arena and stack), and
beside each what TFLM with CMSIS-NN's kernels needs (bench/tflm_counts.csv, its best build for speed, its smallest for
size), as a ratio. `--exact N` instead runs N random inputs through the C on the board and compares every output byte
with LiteRT's reference kernels.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.mcu_exact import differing
from edgekit.bundle.read import open_bundle
from edgekit.codegen.call import Optimize
from edgekit.core.cache import Cache, default_cache_folder
from edgekit.core.progress import Silent
from edgekit.graph.codec import read
from edgekit.job import BuildRequest, Workshop
from edgekit.measure.check import check_bundle
from edgekit.measure.measurement import Firmware
from edgekit.measure.options import CheckOptions
from edgekit.pipeline import build
from edgekit.targets.load import load_target
from edgekit.transports.uri import parse_device
from tests.shared_data import FOLDER

MODELS = {
    "ic": "pretrainedResnet_quant.tflite",
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
    "ad": "ad01_int8.tflite",
    "sww": "str_ww_ref_model.tflite",
}


@dataclass(frozen=True, slots=True)
class Core:
    """A core: its target, the machine that has it, and the multiply-accumulates of its best instruction."""

    name: str
    target: str
    machine: str
    macs_per_instruction: int


CORES = (
    Core("M4F", "nucleo-l4r5zi", "mps2-an386", 2),
    Core("M7", "nucleo-h743zi", "mps2-an500", 2),
    Core("M55", "corstone-300", "mps3-an547", 16),
)
_LIMIT = {"M4F": 0.65, "M7": 0.65, "M55": 0.8}


@dataclass(frozen=True, slots=True)
class Tflm:
    """A row of TFLM's numbers."""

    build: str
    instructions: int
    code_bytes: int
    ram_bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one core, made for speed, size or RAM."""

    model: str
    core: str
    optimize: str
    macs: int
    instructions: int
    code_bytes: int
    constants_bytes: int
    arena_bytes: int
    stack_bytes: int
    tflm: Tflm
    instructions_per_mac: float
    limit_per_mac: float

    @property
    def ratios(self) -> tuple[float, float, float]:
        """Instructions, code and RAM against TFLM's."""
        ram = (self.arena_bytes + self.stack_bytes) / self.tflm.ram_bytes
        return self.instructions / self.tflm.instructions, self.code_bytes / self.tflm.code_bytes, ram


def tflm_rows(model: str, core: str) -> list[Tflm]:
    """TFLM with CMSIS-NN: its builds, the fastest first."""
    with (Path(__file__).parent / "tflm_counts.csv").open() as lines:
        found = [
            Tflm(
                r["build"], int(r["instructions"]), int(r["code_bytes"]), int(r["arena_bytes"]) + int(r["stack_bytes"])
            )
            for r in csv.DictReader(lines)
            if (r["model"], r["core"], r["kernels"]) == (model, core, "CMSIS-NN")
        ]
    return sorted(found, key=lambda row: row.instructions)


def samples(model: Path, folder: Path) -> Path:
    """Eight random inputs for a model of one int8 input."""
    (tensor,) = read(model.read_bytes()).graphs[0].inputs
    values = np.random.default_rng(0).integers(-128, 128, (8, *tensor.shape[1:]), np.int8)
    np.savez(folder / "samples.npz", x=values)
    return folder / "samples.npz"


def counted(name: str, core: Core, optimize: Optimize) -> Row:
    """Build a bundle and check it, as a person would."""
    model = FOLDER / "models" / "mlperf_tiny" / MODELS[name]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        request = BuildRequest(
            model,
            (load_target(core.target),),
            folder / "out",
            recipe="float32",  # the file is quantized already
            calibration=samples(model, folder),
            optimize=optimize,
        )
        (result,) = build(request, Workshop(Cache(default_cache_folder()), Silent()))
        bundle = open_bundle(result.folder)
        measured = check_bundle(bundle, parse_device(f"qemu:{core.machine}"), CheckOptions(), Silent())
    if not measured.parity.passed or measured.firmware is None:
        raise SystemExit(f"{name} on {core.name}: {measured.parity}")
    return _row(name, core, optimize, measured.firmware, macs_of(model))


def macs_of(model: Path) -> int:
    """Multiply-accumulates of an inference."""
    from edgekit.codegen.call import Settings
    from edgekit.codegen.generate import generate

    return generate(read(model.read_bytes()), Settings()).macs


def _row(name: str, core: Core, optimize: Optimize, firmware: Firmware, macs: int) -> Row:
    footprint = firmware.footprint
    assert footprint is not None and firmware.instructions is not None
    builds = tflm_rows(name, core.name)
    tflm = builds[0] if optimize is not Optimize.SIZE else min(builds, key=lambda row: row.code_bytes)
    return Row(
        model=name,
        core=core.name,
        optimize=optimize.value,
        macs=macs,
        instructions=firmware.instructions,
        code_bytes=footprint.code_bytes,
        constants_bytes=footprint.constants_bytes,
        arena_bytes=footprint.arena_bytes,
        stack_bytes=firmware.stack_bytes,
        tflm=tflm,
        instructions_per_mac=firmware.instructions / macs,
        limit_per_mac=1 / core.macs_per_instruction,
    )


_HEAD = (
    "model core for   instructions        TFLM ratio   code B    TFLM ratio   arena B stack TFLM RAM ratio  "
    "constants B   /MAC limit"
)


def show(row: Row) -> str:
    """A row of the table."""
    speed, code, ram = row.ratios
    return (
        f"{row.model:5} {row.core:4} {row.optimize:5} {row.instructions:12,} {row.tflm.instructions:11,} {speed:5.2f}  "
        f"{row.code_bytes:7,} {row.tflm.code_bytes:7,} {code:5.2f}  {row.arena_bytes:8,} {row.stack_bytes:5} "
        f"{row.tflm.ram_bytes:8,} {ram:5.2f}  {row.constants_bytes:11,}  {row.instructions_per_mac:5.2f} "
        f"{row.limit_per_mac:5.2f}"
    )


def count_all(names: list[str], cores: list[Core], goals: list[Optimize]) -> list[Row]:
    """The table, printed row by row."""
    print(_HEAD)
    rows = []
    for name in names:
        for core in cores:
            for optimize in goals:
                rows.append(counted(name, core, optimize))
                print(show(rows[-1]), flush=True)
    for row in rows:
        speed, code, ram = row.ratios
        limit = _LIMIT[row.core]
        if row.optimize == "speed" and (speed > limit or code > 1 / 3 or ram > 0.7):
            print(f"missed: {row.model} on {row.core}: {speed:.2f} of {limit}, code {code:.2f}, RAM {ram:.2f}")
    return rows


def main() -> None:
    """Print the table, or how many outputs differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[])
    parser.add_argument("--core", action="append", choices=[core.name for core in CORES])
    parser.add_argument("--for", dest="goals", action="append", choices=[goal.value for goal in Optimize])
    parser.add_argument("--exact", type=int, metavar="N")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    names = options.models or list(MODELS)
    cores = [core for core in CORES if not options.core or core.name in options.core]
    if options.exact:
        for name in names:
            model = (FOLDER / "models" / "mlperf_tiny" / MODELS[name]).read_bytes()
            for core in cores:
                print(
                    f"{name:5} {core.name:4} {differing(model, core.target, core.machine, options.exact)}", flush=True
                )
        return
    rows = count_all(names, cores, [goal for goal in Optimize if not options.goals or goal.value in options.goals])
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
