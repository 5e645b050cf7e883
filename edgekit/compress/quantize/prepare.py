"""A clone that litert-quantizer can read: unique short names, builtin codes, a signature."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.graph.model import Model, Tensor
from edgekit.graph.repair import with_builtin_codes, with_signature


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A model whose tensors are called t0, t1, …, and what each was called before.

    The library tells operators and tensors apart by name, matches names against patterns, and refuses equal ones; the
    short names differ, need no escaping, and come back to the original ones in `restore`.
    """

    model: Model
    original: dict[str, str]
    had_signature: bool

    def short(self) -> dict[str, str]:
        """Short names by original ones."""
        return {original: short for short, original in self.original.items()}


def prepare(model: Model) -> Prepared:
    """A clone of `model` in the form that the library needs."""
    clone = with_builtin_codes(with_signature(with_unique_names(model)))
    original: dict[str, str] = {}
    number = 0
    for graph in clone.graphs:
        for tensor in graph.tensors:
            short = f"t{number}"
            original[short] = tensor.name
            tensor.name = short
            number += 1
    return Prepared(clone, original, bool(model.signatures))


def with_unique_names(model: Model) -> Model:
    """`model` itself if its tensors' names differ, else a clone in which they do; the interface comes first."""
    names = [t.name for graph in model.graphs for t in graph.tensors]
    if len(set(names)) == len(names):
        return model
    clone = model.clone()
    taken: set[str] = set()
    done: set[int] = set()
    for graph in clone.graphs:
        for tensor in (*graph.inputs, *graph.outputs, *graph.tensors):
            if id(tensor) not in done:
                tensor.name = _unlike(tensor.name, taken)
                taken.add(tensor.name)
                done.add(id(tensor))
    return clone


def restore(quantized: Model, prepared: Prepared) -> None:
    """Give the tensors their names back, in place; those that were added are named after what they stand for.

    The signature goes again where the source had none; attached files, which the library drops, come back.
    """
    quantized.attached = prepared.model.attached
    for graph in quantized.graphs:
        interface = [*graph.inputs, *graph.outputs]
        ends = {id(tensor) for tensor in interface}
        names: dict[int, str] = {}
        taken: set[str] = set()
        for tensor in (*interface, *graph.tensors):  # the interface first: it keeps its names, without additions
            if id(tensor) not in names:
                wish = _original(tensor, prepared.original, plain=id(tensor) in ends)
                names[id(tensor)] = _unlike(wish, taken)
                taken.add(names[id(tensor)])
        for tensor in graph.tensors:
            tensor.name = names[id(tensor)]
    if not prepared.had_signature:
        _drop_signatures(quantized)


def _drop_signatures(model: Model) -> None:
    for signature in model.signatures:
        registered = getattr(signature.graph, "signatures", None)
        if registered is not None:
            registered.remove(signature)
    model.signatures = []


def _original(tensor: Tensor, names: dict[str, str], plain: bool) -> str:
    """The name of the tensor that `t5`, or `t5_quantized`, was made of; unless `plain`, with what was added."""
    short, _, added = tensor.name.partition("_")
    if short not in names:
        return tensor.name
    return f"{names[short]}_{added}" if added and not plain else names[short]


def _unlike(wish: str, taken: set[str]) -> str:
    """`wish`, or with a number behind it if it is taken."""
    name, number = wish, 1
    while name in taken:
        number += 1
        name = f"{wish}_{number}"
    return name
