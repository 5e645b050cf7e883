"""A model as objects that reference objects: Model, Graph, Op, Signature; Tensor and what it holds are in `tensor`."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from edgekit.core.errors import ModelError
from edgekit.graph.attached import AttachedFile
from edgekit.graph.tensor import Buffer, Bytes, ExternalBuffer, Quantization, Tensor

__all__ = [
    "Buffer",
    "Bytes",
    "ExternalBuffer",
    "Graph",
    "Metadata",
    "Model",
    "Op",
    "OperatorCode",
    "Port",
    "Quantization",
    "Signature",
    "Tensor",
]

# Fields of which a file tells "empty" from "not there": an object lists in `absent` those not to be written when empty.
_ABSENT_IN_OPS = frozenset({"custom_options", "mutating_variable_inputs", "intermediates"})


@dataclass(eq=False, slots=True)
class Op:
    """One operator of a graph.

    Attributes:
        kind: the builtin operator's name ("CONV_2D"), "CUSTOM" for custom operators.
        custom_name: a custom operator's name; "" for builtin ones.
        options: the schema's options object (Conv2DOptionsT) or None; subgraph indices in it are stale, see
            `subgraphs`.
        options_type: the number of the options' type where the file names one and has no options.
        custom_options: a custom operator's option bytes.
        large_options: they stand behind the flatbuffer and are written there again.
        subgraphs: the graphs that a control-flow operator runs, in the order of its options' fields.
        stored_codes: (deprecated_builtin_code, builtin_code) where the file has not the usual pair; None writes the
            usual one.
    """

    kind: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: Any = None
    version: int = 1
    custom_name: str = ""
    custom_options: Bytes = b""
    subgraphs: list[Graph] = field(default_factory=list)
    intermediates: list[Tensor] = field(default_factory=list)
    mutating_variable_inputs: tuple[bool, ...] = ()
    options_type: int = 0
    custom_options_format: int = 0
    large_options: bool = False
    debug_metadata_index: int = -1
    stored_codes: tuple[int, int] | None = None
    absent: frozenset[str] = _ABSENT_IN_OPS

    def __repr__(self) -> str:
        return f"Op({self.label} '{self.name}')"

    @property
    def name(self) -> str:
        """The first output's name: its label in reports, exclusion lists and messages."""
        return self.outputs[0].name if self.outputs else self.label

    @property
    def label(self) -> str:
        """The kind, a custom operator's own name with it."""
        return f"CUSTOM:{self.custom_name}" if self.kind == "CUSTOM" else self.kind


@dataclass(eq=False, slots=True)
class Signature:
    """Names for a graph's inputs and outputs. It registers itself with its graph, so that edits keep it up to date."""

    key: str
    graph: Graph
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def __post_init__(self) -> None:
        self.graph.signatures.append(self)


@dataclass(eq=False, slots=True)
class Graph:
    """Operators in the order in which they run, and the tensors between them."""

    name: str = ""
    tensors: list[Tensor] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    debug_metadata_index: int = -1
    absent: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"Graph({self.name!r}, {len(self.ops)} ops)"

    def add_tensor(self, tensor: Tensor) -> Tensor:
        """Adds a tensor and returns it; one that is there already is left where it is."""
        if tensor not in self.tensors:
            self.tensors.append(tensor)
        return tensor

    def unique_name(self, wish: str) -> str:
        """`wish`, or `wish_1`, `wish_2`, … if a tensor has that name."""
        taken = {t.name for t in self.tensors}
        name, number = wish, 0
        while name in taken:
            number += 1
            name = f"{wish}_{number}"
        return name

    def producer(self, tensor: Tensor) -> Op | None:
        """The operator that computes a tensor; None for inputs, constants and variables."""
        return next((op for op in self.ops if tensor in op.outputs), None)

    def consumers(self, tensor: Tensor) -> list[Op]:
        """The operators that read a tensor, in graph order, each once."""
        return [op for op in self.ops if tensor in op.inputs]

    def producers(self) -> dict[Tensor, Op]:
        """Every computed tensor with its operator: a snapshot, for walks over a large graph."""
        return {t: op for op in self.ops for t in op.outputs}

    def readers(self) -> dict[Tensor, list[Op]]:
        """Every read tensor with its operators in graph order: a snapshot, for walks over a large graph."""
        found: dict[Tensor, list[Op]] = {}
        for op in self.ops:
            for tensor in dict.fromkeys(t for t in op.inputs if t is not None):
                found.setdefault(tensor, []).append(op)
        return found

    def insert(self, op: Op, *, after: Op | None) -> Op:
        """Puts an operator behind `after`, or first if that is None, and takes in its new outputs and constants.

        Raises:
            ModelError: it is there already, reads what is not computed before it, or computes what something else
            provides.
        """
        from edgekit.graph.edit import insert

        insert(self, op, after)
        return op

    def replace_uses(self, old: Tensor, new: Tensor, *, keep: Collection[Op] = ()) -> None:
        """Lets everything that reads `old` read `new`: operators, graph outputs and signatures.

        The operator that computes `new`, and those in `keep`, go on reading `old`.

        Raises:
            ModelError: `new` is not in the graph, or is computed after an operator that would read it.
        """
        from edgekit.graph.edit import replace_uses

        replace_uses(self, old, new, keep)

    def remove(self, op: Op) -> None:
        """Takes an operator out, with its outputs and the constants that only it read.

        Raises:
            ModelError: it is not in the graph, or one of its outputs is still used.
        """
        from edgekit.graph.edit import remove

        remove(self, op)

    def sweep(self) -> None:
        """Takes out every tensor that no operator, input, output or signature references."""
        from edgekit.graph.edit import sweep

        sweep(self)


@dataclass(eq=False, slots=True)
class Metadata:
    """A named piece of bytes that travels with the model."""

    name: str
    buffer: Buffer


@dataclass(frozen=True, slots=True)
class OperatorCode:
    """A row of the file's operator table; `unused` rows are written again, used ones follow the operators."""

    deprecated_code: int
    builtin_code: int
    custom_name: str | None
    version: int
    unused: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output as a caller names it: by its signature's name if there is a signature, else by its
    tensor's."""

    name: str
    tensor: Tensor


@dataclass(eq=False, slots=True)
class Model:
    """All that is in a .tflite file.

    Attributes:
        graphs: the first is the one that runs; the others are called by control-flow operators or by signatures.
        buffers: those of the file in their order, the empty sentinel first; new ones need not be entered.
        operator_codes: the file's operator table, for its order.
        metadata_buffers: the legacy metadata_buffer field.
        attached: files behind the flatbuffer, such as labels.
    """

    graphs: list[Graph] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    description: str = ""
    version: int = 3
    metadata: list[Metadata] = field(default_factory=list)
    metadata_buffers: list[Buffer] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    operator_codes: list[OperatorCode] = field(default_factory=list)
    external_groups: list[str] = field(default_factory=list)
    external_buffers: list[ExternalBuffer] = field(default_factory=list)
    attached: tuple[AttachedFile, ...] = ()
    absent: frozenset[str] = frozenset(
        {"signatures", "metadata", "metadata_buffers", "external_groups", "external_buffers"}
    )

    @property
    def main(self) -> Graph:
        """The graph that runs.

        Raises:
            ModelError: there is none.
        """
        if not self.graphs:
            raise ModelError("The model has no graph.")
        return self.graphs[0]

    @property
    def default_signature(self) -> Signature | None:
        """The signature of the main graph that a runtime takes by default: "serving_default", else the first."""
        mine = [s for s in self.signatures if s.graph is self.main]
        return next((s for s in mine if s.key == "serving_default"), mine[0] if mine else None)

    def ops(self) -> Iterator[Op]:
        """The operators of all graphs."""
        return (op for graph in self.graphs for op in graph.ops)

    def inputs(self) -> list[Port]:
        """What a caller feeds, in the graph's order."""
        signature = self.default_signature
        return _ports(self.main.inputs, signature.inputs if signature else {})

    def outputs(self) -> list[Port]:
        """What a caller gets, in the graph's order."""
        signature = self.default_signature
        return _ports(self.main.outputs, signature.outputs if signature else {})

    def clone(self) -> Model:
        """A copy whose every object can be edited alone; the immutable bytes of buffers are shared."""
        return copy.deepcopy(self)


def _ports(tensors: list[Tensor], names: dict[str, Tensor]) -> list[Port]:
    """A tensor with two names in the signature is two ports; one without any has its own."""
    ports = []
    for tensor in tensors:
        called = [name for name, named in names.items() if named is tensor]
        ports += [Port(name, tensor) for name in called or [tensor.name]]
    return ports
