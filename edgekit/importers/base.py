"""What every importer takes and gives, and the steps that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgekit.core.errors import ModelError, UsageError
from edgekit.core.files import sha256_path
from edgekit.core.progress import Progress
from edgekit.core.units import GIB

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.graph.model import Model

    Feed = Mapping[str, NDArray[np.generic]]

_GIANT_BYTES = 2 * GIB
MAX_RELATIVE_DIFFERENCE = 1e-3
"""Largest difference from the source framework, of the output's range, that an import may show. Sums in another order
cost float32 1e-7 to 1e-5 on real models; a wrong padding, layout or weight costs 1e-2 and more."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import.

    Attributes:
        importer: its name, or None to go by the file's content.
        input_shapes: input name -> shape with batch; the name "" is the only input (see `parse_input_shape`).
        allow_unsafe: run code that the model file brings along (the flag --allow-unsafe).
        samples: inputs for the self check, each name -> array with batch dimension 1; none: random ones.
        timeout_s: limit for each child process.
        memory_bytes: limit for each child process, or None.
    """

    importer: str | None = None
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    allow_unsafe: bool = False
    samples: tuple[Feed, ...] = ()
    timeout_s: float = 900.0
    memory_bytes: int | None = None

    def key(self) -> dict[str, object]:
        """What the imported model depends on, JSON-able: for cache keys. Samples and limits are not in it."""
        shapes = {name: list(shape) for name, shape in sorted(self.input_shapes.items())}
        return {"importer": self.importer, "input_shapes": shapes, "allow_unsafe": self.allow_unsafe}


def parse_input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`"image=1,224,224,3"` -> ("image", (1, 224, 224, 3)); without a name it is "". Raises UsageError."""
    name, _, numbers = text.rpartition("=")
    try:
        shape = tuple(int(number) for number in numbers.replace("x", ",").split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise UsageError(f"--input-shape {text!r} is not a shape", "write it as NAME=1,224,224,3")
    return name.strip(), shape


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Where a model came from and how far it is from there.

    Attributes:
        importer: registry name.
        source_sha256: of the file, or of the folder's names and contents.
        source_framework: such as "Keras".
        versions: package -> version of all that took part.
        max_abs_difference: over all outputs, elements and samples; None where no source framework was run.
        max_rel_difference: the same, of each output's range.
        sample_count: how many samples the comparison saw.
        notes: what a person should know, one sentence each.
    """

    importer: str
    source_sha256: str
    source_framework: str
    versions: Mapping[str, str]
    max_abs_difference: float | None
    max_rel_difference: float | None
    sample_count: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Plain values for `json`."""
        return {
            "importer": self.importer,
            "source_sha256": self.source_sha256,
            "source_framework": self.source_framework,
            "versions": dict(sorted(self.versions.items())),
            "max_abs_difference": self.max_abs_difference,
            "max_rel_difference": self.max_rel_difference,
            "sample_count": self.sample_count,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> ImportReport:
        """The inverse of `to_json`. Raises KeyError and TypeError for anything else."""
        versions, notes = value["versions"], value["notes"]
        if not isinstance(versions, Mapping) or not isinstance(notes, list):
            raise TypeError("not an import report")
        return cls(
            importer=str(value["importer"]),
            source_sha256=str(value["source_sha256"]),
            source_framework=str(value["source_framework"]),
            versions={str(name): str(version) for name, version in versions.items()},
            max_abs_difference=_number(value["max_abs_difference"]),
            max_rel_difference=_number(value["max_rel_difference"]),
            sample_count=int(str(value["sample_count"])),
            notes=tuple(str(note) for note in notes),
        )


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported model: legal, with a signature, and with no operator that TFLite does not know."""

    model: Model
    report: ImportReport


class Importer(Protocol):
    """One kind of model file. Registered as a class without constructor arguments."""

    def sniff(self, path: Path) -> bool:
        """Whether the content at `path` is of this kind. Cheap, and raises only StorageError."""

    def load(self, path: Path, options: ImportOptions, progress: Progress) -> Imported:
        """The model at `path`. Raises ModelError, MissingError, UsageError."""


def accept(data: bytes, path: Path) -> tuple[Model, tuple[str, ...]]:
    """The legal model in the TFLite file `data`, imported from `path`, and notes on what was mended.

    Builtin codes and a signature are added where an old file lacks them. Raises ModelError; it names the operators that
    TFLite itself does not have.
    """
    from edgekit.graph.check import check
    from edgekit.graph.codec import read
    from edgekit.graph.repair import with_builtin_codes, with_signature

    source = read(data)
    refuse_custom_operators(source, path)
    model = with_signature(with_builtin_codes(source))
    check(model)
    refuse_giant_activations(model, path)
    notes = () if source.signatures else ("the file had no signature; one was made from its inputs and outputs",)
    return model, notes


def refuse_custom_operators(model: Model, path: Path) -> None:
    """Raises ModelError naming the custom and Flex operators of `model`, imported from `path`."""
    names = sorted({op.custom_name for graph in model.graphs for op in graph.ops if op.kind == "CUSTOM"})
    if not names:
        return
    flex = all(name.startswith("Flex") for name in names)
    owner = "TensorFlow itself" if flex else "an extra library"
    raise ModelError(
        f"{path} needs {', '.join(names)}, which no TFLite runtime has: the kernels are in {owner}",
        "rewrite that part of the model with plain operators and export it again",
    )


def refuse_giant_activations(model: Model, path: Path) -> None:
    """Raises ModelError for an activation that no device has room for, before a runtime here tries to make it."""
    for tensor in (tensor for graph in model.graphs for tensor in graph.tensors if not tensor.is_constant):
        if tensor.nbytes >= _GIANT_BYTES:
            raise ModelError(
                f"{path}: the activation '{tensor.name}' of shape {list(tensor.shape)} takes "
                f"{tensor.nbytes / GIB:.1f} GiB, and no device that edgekit builds for has room for it",
                "export the model with a smaller input, or fix a dynamic one with --input-shape",
            )


def source_sha256(path: Path) -> str:
    """The hash that reports and cache keys know the source model by. Raises StorageError."""
    return sha256_path(path)


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
