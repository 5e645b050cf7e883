"""The pipeline's stage that asks, before anything is flashed, whether the network fits its microcontroller."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from edgekit.bundle.golden import Golden, in_graph_order
from edgekit.bundle.mcu import FOLDER, sources
from edgekit.bundle.packed import Part
from edgekit.codegen.cores import core_of
from edgekit.core.files import sha256_bytes
from edgekit.core.records import from_record, to_record
from edgekit.core.toolchain import Family, command_of, toolchain
from edgekit.graph.model import Model
from edgekit.job import Artifact, Job
from edgekit.measure.fit import Fit, FitJob, fit
from edgekit.targets.target import Kind
from edgekit.transports.qemu import PROGRAM


def fit_stage(job: Job, result: Artifact, golden: Golden | None, parts: tuple[Part, ...]) -> Fit | None:
    """What the C of `parts` takes of the target; None for what is no microcontroller, or where there is no C."""
    part = next((part for part in parts if part.folder == FOLDER and part.files), None)
    if job.target.kind is not Kind.MCU or part is None or part.picture is None:
        return None
    wanted = FitJob(
        name=job.source.name,
        model=result.data,
        target=job.target,
        sources=sources(parts),
        layers=part.layers,
        picture=part.picture,
        inputs=_inputs(result.model, golden),
        level=job.request.optimize.level,
    )

    def make(folder: Path) -> None:
        (folder / "fit.json").write_text(json.dumps(to_record(fit(wanted))))

    folder = job.workshop.cache.get("fit", _key(wanted), make)
    return from_record(Fit, json.loads((folder / "fit.json").read_text()), "the fit")


def fit_part(job: Job, found: Fit) -> Part:
    """The same for the report."""
    return Part("", f"Flash, RAM and time on {job.target.title}", facts=found.facts(), notes=found.notes)


def _key(wanted: FitJob) -> dict[str, object]:
    compilers = [toolchain(family) for family in Family if command_of(family)]
    return {
        "sources": {name: sha256_bytes(data) for name, data in sorted(wanted.sources.items())},
        "core": repr(core_of(wanted.target)),
        "clock": repr(wanted.target.cpu.cores),
        "level": wanted.level,
        "layers": list(wanted.layers),
        "inputs": sha256_bytes(wanted.inputs),
        "tools": [compiler.title for compiler in compilers if compiler] + [shutil.which(PROGRAM)],
    }


def _inputs(model: Model, golden: Golden | None) -> bytes:
    """One golden sample, all inputs one after another in the graph's order; zeros where there is none."""
    if golden is None:
        return bytes(sum(tensor.nbytes for tensor in model.main.inputs))
    arrays = in_graph_order(model.main.inputs, model.inputs(), golden.inputs)
    return b"".join(np.ascontiguousarray(array[0]).tobytes() for array in arrays)
