"""The step "distill": a compressed model learns from the original."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.compress.distill import prepare
from edgekit.compress.distill.follow import TOLD, followed
from edgekit.compress.distill.options import Augment, DistillOptions
from edgekit.compress.distill.parameters import parameters_of
from edgekit.compress.distill.plan import DistillPlan, Outcome
from edgekit.compress.distill.store import Stored, put, stored
from edgekit.compress.distill.table import require_rows
from edgekit.compress.distill.targets import Kind, features_of, outputs_of
from edgekit.compress.step import Aim, Change, Setting
from edgekit.core.errors import MissingError, ModelError, UsageError
from edgekit.core.extras import installed
from edgekit.core.files import sha256_bytes, write_atomic
from edgekit.core.process import JsonCall, run_json
from edgekit.graph.check import check
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.graph.ops import is_float

_QUIET = (("TF_CPP_MIN_LOG_LEVEL", "3"), ("CUDA_VISIBLE_DEVICES", "-1"))


@dataclass(frozen=True, slots=True)
class Distill:
    """Trains what of a model can learn against the original's outputs and inner tensors. See `DistillOptions`."""

    name: str = "distill"
    aim: Aim = Aim.CLOSER

    def options(self, mapping: Mapping[str, object]) -> DistillOptions:
        """Options from plain values. Raises UsageError."""
        return DistillOptions.from_mapping(mapping)

    def default_options(self) -> DistillOptions:
        """Thirty epochs over all calibration samples."""
        return DistillOptions()

    def requires(self, model: Model, options: DistillOptions, setting: Setting) -> None:
        """Samples, TensorFlow, something that can learn, and a row for every operator."""
        if setting.samples is None and setting.training is None:
            raise UsageError("distill needs samples to learn from, and there are none", "give --calibration")
        require_rows(model)
        teacher = teacher_of(model, setting)
        matches = outputs_of(model, teacher)
        compared = bool(options.features) and features_of(model, teacher, matches)
        if compared or options.mix or options.augment is not Augment.NONE:
            require_rows(teacher)
        if setting.training is not None and (len(matches) > 1 or matches[0].kind is Kind.CHANCES):
            raise UsageError("training samples are for models with one output, of scores of classes; this has others")
        if not parameters_of(model):
            raise ModelError("nothing in the model can learn: it has no constant weights that are float or integers")
        if not installed("tensorflow"):
            raise MissingError("distill needs the Python package tensorflow", "pip install 'edgekit[keras]'")

    def plan(self, model: Model, options: DistillOptions, setting: Setting) -> DistillPlan:
        """Train, in a child process. With a workspace an interrupted training goes on, and ends with the same bytes."""
        self.requires(model, options, setting)
        teacher = teacher_of(model, setting)
        matches = outputs_of(model, teacher)
        with _workplace(setting.workspace, _fingerprint(model, teacher, options, setting)) as folder:
            prepare.write(folder, teacher, matches, setting, options.samples)
            write_atomic(folder / "student.tflite", write(model))
            write_atomic(folder / "teacher.tflite", write(teacher))
            call = JsonCall("the training", Path(__file__).with_name("child.py"), env=_QUIET)
            with followed(folder, options.epochs, setting.progress):
                answer = run_json(call, {"options": options.to_json()}, folder)
            with np.load(folder / "learned.npz") as file:
                changes = stored(model, {name: file[name] for name in file.files})
            count = prepare.Prepared.open(folder).count
        outcome = _outcome(answer, count, len(features_of(model, teacher, matches)) if options.features else 0)
        return DistillPlan(options, outcome, changes, _changes(model, changes), _bytes(model))

    def apply(self, model: Model, plan: DistillPlan) -> Model:
        """A clone with what was learnt in place of its constants and scales."""
        result = model.clone()
        put(result, plan.stored)
        check(result)
        return result

    def read_plan(self, plain: Mapping[str, object]) -> DistillPlan:
        """The plan that `plain` stands for."""
        return DistillPlan.from_json(plain)


DISTILL = Distill()


def teacher_of(model: Model, setting: Setting) -> Model:
    """The model to learn from: the original, else the last float one, else the model at hand if it is float."""
    teacher = setting.original or setting.floating or model
    if not is_float(teacher):
        raise UsageError("there is no float model that a quantized one could learn from")
    return teacher


def _fingerprint(model: Model, teacher: Model, options: DistillOptions, setting: Setting) -> str:
    """Of what an unfinished training belongs to; that samples are the same ones is the workspace's to say."""
    counts = [s.count if s is not None else 0 for s in (setting.samples, setting.training)]
    told = json.dumps([sha256_bytes(write(model)), sha256_bytes(write(teacher)), options.to_json(), counts])
    return sha256_bytes(told.encode())


@contextlib.contextmanager
def _workplace(workspace: Path | None, fingerprint: str) -> Iterator[Path]:
    """A folder to work in: within the workspace it outlives an interruption."""
    if workspace is None:
        with tempfile.TemporaryDirectory(prefix="edgekit-distill-") as name:
            yield Path(name)
        return
    folder = workspace.resolve() / f"distill-{fingerprint[:16]}"  # the child works in it
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TOLD).unlink(missing_ok=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _outcome(answer: Mapping[str, Any], count: int, features: int) -> Outcome:
    train, held = tuple(answer["train"]), tuple(answer["held"])
    return Outcome(answer["epochs"], answer["best"], train, held, count, features)


def _changes(model: Model, changes: tuple[Stored, ...]) -> tuple[Change, ...]:
    """A row for every operator with constants that can learn."""
    changed = {one.index for one in changes}
    rows: dict[str, Change] = {}
    for p in parameters_of(model):
        what = "trained" if p.index in changed else "stays"
        if rows.get(p.op.name) is None or what == "trained":
            why = "" if what == "trained" else "no epoch made the held-out samples better"
            rows[p.op.name] = Change(p.op.name, p.op.kind, what, why)
    return tuple(rows.values())


def _bytes(model: Model) -> int:
    return sum(t.nbytes for t in set(model.main.tensors) if t.is_constant)
