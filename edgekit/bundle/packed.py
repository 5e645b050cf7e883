"""What a packer gets and gives: the parts of a bundle beside `model.tflite`, each a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.bundle.golden import Array, Golden, in_graph_order
from edgekit.codegen.call import Optimize, Rounding
from edgekit.codegen.plan.picture import ArenaPicture
from edgekit.core.errors import EdgekitError
from edgekit.core.records import JsonObject
from edgekit.graph.model import Model
from edgekit.targets.target import Target


@dataclass(frozen=True, slots=True, eq=False)
class PackJob:
    """What a packer packs.

    Attributes:
        name: what the model is called.
        data: the bytes of `model`.
        golden: samples with the outputs that must come of them; None without any.
    """

    name: str
    model: Model
    data: bytes
    target: Target
    optimize: Optimize = Optimize.SPEED
    rounding: Rounding = Rounding.LITERT
    golden: Golden | None = None

    @property
    def inputs(self) -> tuple[Array, ...]:
        """The golden inputs in the graph's order, each (samples, *shape); empty without any."""
        return in_graph_order(self.model.main.inputs, self.model.inputs(), self.golden.inputs) if self.golden else ()

    @property
    def outputs(self) -> tuple[Array, ...]:
        """The golden outputs, likewise."""
        return in_graph_order(self.model.main.outputs, self.model.outputs(), self.golden.outputs) if self.golden else ()


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One folder of a bundle.

    Attributes:
        folder: its name.
        title: what it is, in a few words.
        files: path in the bundle -> content; empty where the part cannot be made.
        record: its numbers, for the manifest's details.
        facts: the same for people, label and words.
        notes: what is missing or must be known, a sentence each.
        layers: `CONV_2D the/name` of each layer of the generated C, in the order in which they run.
        picture: the arena of the generated C over time, for the report to draw.
        error: why the part is not there, where the target is little without it: the bundle is kept, the build fails.
    """

    folder: str
    title: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    record: JsonObject = field(default_factory=dict)
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    picture: ArenaPicture | None = None
    error: EdgekitError | None = None


def in_folder(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with `folder` before their names."""
    return {f"{folder}/{name}": data for name, data in files.items()}


def sentence(error: EdgekitError) -> str:
    """An error in one line, its hint behind it."""
    return f"{error.message}: {error.hint}" if error.hint else error.message
