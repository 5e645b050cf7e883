"""The training itself, in a process of its own: batches, losses, the best weights so far, and a state to go on from."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.distill.adam import Adam, rate_at
from edgekit.compress.distill.batches import Order, epoch_order, parts, split, vary
from edgekit.compress.distill.losses import distance, label_loss
from edgekit.compress.distill.lowered import Lowered, Values
from edgekit.compress.distill.options import Augment, DistillOptions
from edgekit.compress.distill.parameters import Role
from edgekit.compress.distill.prepare import Prepared
from edgekit.compress.distill.targets import Match, features_of, outputs_of
from edgekit.core.extras import require
from edgekit.graph.model import Model, Tensor

Array = npt.NDArray[Any]

STATE = "state.npz"
_SAVE_S, _SAVE_PART = 1.0, 0.05
"""Between two states at least so long, and so that keeping them takes no more than this part of the time."""
_BETTER, _NOISE = 1e-3, 1e-6
"""An epoch is better where its loss is lower by this part, and by more than float32 leaves of a loss of nothing."""
_TIMED = (3, 13)
"""The steps whose time says how many epochs the minutes allow."""


@dataclass(slots=True)
class Course:
    """Where a training stands, and how it went.

    Attributes:
        epoch, batch: what comes next.
        epochs: how many there will be.
        timed: whether the minutes have been looked at.
        train, held: mean loss of each epoch; `held` has that before the first one in front.
        best: the epoch with the least held-out loss, 0 for the start.
    """

    epochs: int
    epoch: int = 0
    batch: int = 0
    step: int = 0
    timed: bool = False
    total: float = 0.0
    best: int = 0
    train: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)

    def stops(self, patience: int) -> bool:
        """Whether there is nothing more to do."""
        return self.epoch >= self.epochs or self.epoch - self.best >= patience


class Training:
    """Trains `student` in `folder`, in which `Prepared` has put what it learns from."""

    def __init__(self, student: Model, teacher: Model, options: DistillOptions, folder: Path) -> None:
        self._tf: Any = require("tensorflow", "keras")
        self._options, self._folder = options, folder
        self._data = Prepared.open(folder)
        self._split = split(self._data.count, options.holdout, options.seed)
        self.student, self._teacher = Lowered(student), None
        self._outputs = outputs_of(student, teacher)
        self._features = features_of(student, teacher, self._outputs) if options.features else ()
        if self._features or options.mix or options.augment is not Augment.NONE:
            self._teacher = Lowered(teacher)
        self._levels = self._measure()
        self._adam = Adam(self._tf, self.student.variables)
        self._best = [v.numpy().copy() for v in self.student.variables]
        self.course = Course(options.epochs)
        self._next_save = 0.0
        self._step = self._tf.function(self._train, reduce_retracing=True)
        self._judge = self._tf.function(self._held_loss, reduce_retracing=True)

    def run(self) -> None:
        """Train to the end, from the kept state where there is one; the best weights are in place then."""
        if not self._restore():
            self.course.held.append(self._held())
            self._tell()
        while not self.course.stops(self._options.patience):
            self._epoch()
            self._end_of_epoch()
        for variable, value in zip(self.student.variables, self._best, strict=True):
            variable.assign(value)

    def _epoch(self) -> None:
        course, options = self.course, self._options
        batches = epoch_order(self._split.training, course.epoch, options.batch, options.seed)
        began = time.monotonic()
        while course.batch < len(batches):
            if course.step == _TIMED[0]:
                began = time.monotonic()
            course.total += self._one(batches[course.batch], course.epochs * len(batches))
            course.batch += 1
            course.step += 1
            if course.step >= _TIMED[1] and not course.timed:
                self._fit_time((time.monotonic() - began) / (_TIMED[1] - _TIMED[0]) * len(batches))
            self._keep()
        course.total /= len(batches)

    def _fit_time(self, epoch_s: float) -> None:
        """Fewer epochs where the minutes are not enough for all."""
        minutes = self._options.minutes
        self.course.timed = True
        if minutes is not None:
            self.course.epochs = max(1, min(self.course.epochs, int(minutes * 60 / epoch_s)))

    def _one(self, order: Order, steps: int) -> float:
        course, options = self.course, self._options
        feed = self._data.batch(order)
        varied = vary(feed, options.augment, options.mix, (options.seed, course.epoch, course.batch))
        rate = rate_at(course.step, steps, options.rate)
        wanted, labels = self._data.targets(order), self._data.labels_of(order)
        numbers = (np.float32(rate), np.float32(course.step + 1))
        return float(self._step(varied, wanted, labels, *numbers))

    def _end_of_epoch(self) -> None:
        course = self.course
        course.train.append(course.total)
        course.held.append(self._held())
        course.epoch, course.batch, course.total = course.epoch + 1, 0, 0.0
        least = course.held[course.best]
        if course.held[-1] < least - max(_BETTER * abs(least), _NOISE):
            course.best = course.epoch
            self._best = [v.numpy().copy() for v in self.student.variables]
        self._tell()

    def _train(self, feed: Mapping[str, Any], wanted: Sequence[Any], labels: Any, rate: Any, number: Any) -> Any:
        tf = self._tf
        taught = self._teacher(feed) if self._teacher is not None else None
        with tf.GradientTape() as tape:
            values = self.student(feed)
            loss = self._loss(values, wanted, taught) + self._labelled(values, labels) + self._decay()
        gradients = tape.gradient(loss, self.student.variables, unconnected_gradients="zero")
        self._adam.apply(gradients, rate, number)
        return loss

    def _loss(self, values: Values, wanted: Sequence[Any], taught: Values | None) -> Any:
        """Of a batch: from the kept outputs, or from what the teacher says to what was varied."""
        tf, options, mine, theirs = self._tf, self._options, self._tensors, self._taught
        varied = options.mix or options.augment is not Augment.NONE
        loss = 0.0
        for place, match in enumerate(self._outputs):
            target = taught[theirs(match)] if varied and taught is not None else wanted[place]
            level = self._levels[place]
            loss += distance(tf, match.kind, values[mine(match)], target, level, options.temperature)
        for place, match in enumerate(self._features, len(self._outputs)):
            assert taught is not None
            far = distance(tf, match.kind, values[mine(match)], taught[theirs(match)], self._levels[place], 1.0)
            loss += options.features / len(self._features) * far
        return loss

    def _labelled(self, values: Values, labels: Any) -> Any:
        """What the labels add to the loss, where there are any."""
        if labels is None:
            return 0.0
        return self._options.labels * label_loss(self._tf, self._scores(values), labels)

    def _decay(self) -> Any:
        """What weights cost because they are there: their mean square against what was usual at the start."""
        weights = [one for one in self.student.learned.values() if one.parameter.role is Role.WEIGHTS]
        if not self._options.decay or not weights:
            return 0.0
        squares = [self._tf.reduce_mean(self._tf.square(one.relative())) for one in weights]
        return self._options.decay * sum(squares) / len(squares)

    def _held_loss(self, feed: Mapping[str, Any], wanted: Sequence[Any], labels: Any) -> Any:
        tf, values = self._tf, self.student(feed)
        found = [
            distance(tf, match.kind, values[self._tensors(match)], target, level, self._options.temperature)
            for match, target, level in zip(self._outputs, wanted, self._levels, strict=False)
        ]
        return sum(found) + self._labelled(values, labels) + self._decay()

    def _held(self) -> float:
        """Mean loss of the held-out samples' outputs, with labels and decay, but without inner tensors."""
        held, total = self._split.held, 0.0
        for order in parts(held, self._options.batch):
            data = self._data
            total += len(order) * float(self._judge(data.batch(order), data.targets(order), data.labels_of(order)))
        return total / len(held)

    def _scores(self, values: Values) -> Any:
        scores = values[self._tensors(self._outputs[0])]
        return self._tf.reshape(scores, (self._tf.shape(scores)[0], -1))

    def _tensors(self, match: Match) -> Tensor:
        return self.student.model.main.tensors[match.student]

    def _taught(self, match: Match) -> Tensor:
        assert self._teacher is not None
        return self._teacher.model.main.tensors[match.teacher]

    def _measure(self) -> list[float]:
        """Make the variables, from what the first samples do in the student; the variance of what is wanted."""
        order = self._split.training[: self._options.batch]
        feed = self._data.batch(order)
        values = self.student(feed)
        made = [t for op in self.student.model.main.ops for t in op.outputs if values[t].dtype == self._tf.float32]
        spread = {t: float(np.std(np.asarray(values[t]))) for t in made}
        self.student.learn(spread, self._options.scales)
        levels = [float(np.var(target)) for target in self._data.targets(order)]
        if self._teacher is not None:
            taught = self._teacher(feed)
            levels += [float(np.var(np.asarray(taught[self._taught(match)]))) for match in self._features]
        return [max(level, 1e-9) for level in levels]

    def _tell(self) -> None:
        """A line for whoever watches."""
        course = self.course
        line = {"epoch": course.epoch, "epochs": course.epochs, "held": course.held[-1],
                "train": course.train[-1] if course.train else None}  # fmt: skip
        with (self._folder / "told.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _kept(self) -> list[Any]:
        return [*self.student.variables, *self._adam.moments]

    def _keep(self) -> None:
        """Save, if it is time."""
        began = time.monotonic()
        if began > self._next_save:
            self._save()
            took = time.monotonic() - began
            self._next_save = began + max(_SAVE_S, took / _SAVE_PART)

    def _save(self) -> None:
        """The whole state, array by array, in one file that is whole or absent."""
        staging = self._folder / f"{STATE}.new"
        with zipfile.ZipFile(staging, "w") as archive:
            _put(archive, "course", np.array(json.dumps(asdict(self.course))))
            for number, variable in enumerate(self._kept()):
                _put(archive, f"v{number}", variable.numpy())
            for number, value in enumerate(self._best):
                _put(archive, f"b{number}", value)
        staging.replace(self._folder / STATE)

    def _restore(self) -> bool:
        path = self._folder / STATE
        if not path.exists():
            return False
        with np.load(path) as file:
            self.course = Course(**json.loads(str(file["course"])))
            for number, variable in enumerate(self._kept()):
                variable.assign(file[f"v{number}"])
            self._best = [file[f"b{n}"] for n in range(len(self._best))]
        return True


def _put(archive: zipfile.ZipFile, name: str, array: Array) -> None:
    """One array as `numpy.load` finds it."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, np.asarray(array))
