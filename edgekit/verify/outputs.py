"""A float model's outputs, computed once and stored, so that ten targets cost one float pass."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import ModelError
from edgekit.core.progress import Progress, tracked
from edgekit.runtime.litert import Kernels, LiteRT, TensorInfo
from edgekit.verify.npz import write_npz

Array = NDArray[Any]


class Feed(Protocol):
    """One sample as the float model takes it."""

    @property
    def inputs(self) -> Mapping[str, Array]:
        """By input name, with batch dimension."""

    @property
    def label(self) -> Any:
        """A class number, an array, or None."""


@dataclass(frozen=True, slots=True, eq=False)
class FloatOutputs:
    """Outputs of all samples in order, float32 where the model's are.

    Attributes:
        kernels: which kernels computed them.
        arrays: output name -> shape (samples, *output shape with batch).
    """

    kernels: str
    arrays: Mapping[str, Array]

    @property
    def count(self) -> int:
        """How many samples."""
        return len(next(iter(self.arrays.values()), ()))

    def rows(self) -> Iterator[dict[str, Array]]:
        """Sample after sample, as `LiteRT.run_float` gives them."""
        for i in range(self.count):
            yield {name: array[i] for name, array in self.arrays.items()}

    def to_bytes(self) -> bytes:
        """As deterministic .npz; keeps the order of the outputs."""
        names = {f"{i}:{name}": array for i, (name, array) in enumerate(self.arrays.items())}
        return write_npz({"kernels": np.array(self.kernels), **names})

    @staticmethod
    def from_bytes(data: bytes) -> FloatOutputs:
        """The inverse of `to_bytes`. Raises ModelError for anything else."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                kernels = str(file["kernels"])
                arrays = {key.partition(":")[2]: file[key] for key in file.files if key != "kernels"}
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(f"stored float outputs are damaged: {error}") from error
        return FloatOutputs(kernels, arrays)


def float_outputs(
    model: bytes, feeds: Iterable[Feed], total: int | None, progress: Progress, kernels: Kernels = Kernels.XNNPACK
) -> FloatOutputs:
    """Run `feeds` through the float model and keep what comes out.

    Memory grows with the samples, by the outputs alone: right for scores, not for long runs of images.
    Raises ModelError where the runtime refuses.
    """
    runner = LiteRT(model, kernels=kernels)
    kept: dict[str, list[Array]] = {info.name: [] for info in runner.outputs}
    for feed in tracked(feeds, "float model", total, progress):
        for name, array in runner.run_float(fitted(feed.inputs, runner.inputs)).items():
            kept[name].append(array)
    return FloatOutputs(kernels.value, {name: np.stack(rows) if rows else np.zeros(0) for name, rows in kept.items()})


def fitted(inputs: Mapping[str, Array], wanted: tuple[TensorInfo, ...]) -> Mapping[str, Array]:
    """`inputs` under the names that a model uses: by name, or by position where no name is the same."""
    names = [info.name for info in wanted]
    if set(names) == set(inputs) or len(names) != len(inputs) or set(names) & set(inputs):
        return inputs
    return dict(zip(names, inputs.values(), strict=True))
