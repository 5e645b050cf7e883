"""A model as stable text, for people, golden files and differences: one operator a line, no clock, no address."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edgekit.graph.model import Graph, Model, Op, Quantization, Tensor


def dump(model: Model) -> str:
    """The model's text, ending in a newline: signatures, metadata, then each graph's inputs, operators and outputs."""
    lines = [f"model version {model.version}" + (f" '{_safe(model.description)}'" if model.description else "")]
    lines += [f"metadata '{_safe(m.name)}' {m.buffer.nbytes} bytes" for m in model.metadata]
    for signature in model.signatures:
        names = [f"{_safe(n)}={_safe(t.name)}" for n, t in signature.inputs.items()]
        results = [f"{_safe(n)}={_safe(t.name)}" for n, t in signature.outputs.items()]
        place = model.graphs.index(signature.graph)
        lines.append(
            f"signature '{_safe(signature.key)}' of graph {place}: ({', '.join(names)}) -> ({', '.join(results)})"
        )
    for place, graph in enumerate(model.graphs):
        lines += ["", *_graph(graph, place, model)]
    return "\n".join(lines) + "\n"


def op_line(op: Op) -> str:
    """One operator: kind, version, name, inputs and outputs."""
    inputs = ", ".join("-" if t is None else tensor_text(t) for t in op.inputs)
    outputs = ", ".join(tensor_text(t) for t in op.outputs)
    return f"{_safe(op.label)} v{op.version} '{_safe(op.name)}' ({inputs}) -> ({outputs}){_options(op)}"


def tensor_text(tensor: Tensor) -> str:
    """One tensor: name, type, shape, what it is, quantization."""
    shape = tensor.shape_signature if tensor.shape_signature is not None else tensor.shape
    sizes = "x".join("?" if d < 0 else str(d) for d in shape)
    marks = [
        word
        for word, on in (("const", tensor.is_constant), ("var", tensor.is_variable), ("sparse", tensor.sparsity))
        if on
    ]
    summary = quantization_text(tensor.quantization)
    return " ".join([_safe(tensor.name), f"{tensor.dtype.label}[{sizes}]", *marks, *([summary] if summary else [])])


def quantization_text(q: Quantization | None) -> str:
    """`{scale 0.1 zero -3}`, `{16 scales 0.1..0.2 axis 0}`, the name of other details, or nothing."""
    if q is None:
        return ""
    if q.details is not None:
        return f"{{{type(q.details).__name__.removesuffix('T')}}}"
    if not q.scale.size:
        return ""
    if q.is_per_channel:
        zero = f" zero {q.zero_point.min()}..{q.zero_point.max()}" if np.any(q.zero_point) else ""
        return f"{{{q.scale.size} scales {q.scale.min():.6g}..{q.scale.max():.6g} axis {q.axis}{zero}}}"
    zero = f" zero {q.zero_point[0]}" if q.zero_point.size else ""
    return f"{{scale {q.scale[0]:.6g}{zero}}}"


def _graph(graph: Graph, place: int, model: Model) -> list[str]:
    lines = [f"graph {place} '{_safe(graph.name)}': {len(graph.ops)} operators, {len(graph.tensors)} tensors"]
    lines += [f"  input {tensor_text(t)}" for t in graph.inputs]
    for op in graph.ops:
        calls = "".join(f" runs graph {model.graphs.index(g)}" for g in op.subgraphs)
        lines.append(f"  {op_line(op)}{calls}")
    return lines + [f"  output {_safe(t.name)}" for t in graph.outputs]


def _options(op: Op) -> str:
    """The options as name=value, without those that hold graphs, which are said in words."""
    shown = [
        f"{name}={_value(value)}" for name, value in _fields(op.options) if not name.lower().endswith(_GRAPH_ENDINGS)
    ]
    if len(op.custom_options):
        shown.append(f"custom_options={len(op.custom_options)} bytes")
    return f" {{{', '.join(shown)}}}" if shown else ""


_GRAPH_ENDINGS = ("subgraphindex", "subgraph", "subgraphindices", "calledcomputations")


def _fields(options: object) -> Iterable[tuple[str, object]]:
    return sorted(vars(options).items()) if options is not None else []


def _value(value: object) -> str:
    if isinstance(value, np.ndarray):
        return str(value.tolist())
    return _safe(value.decode("utf-8", "surrogateescape")) if isinstance(value, bytes) else str(value)


def _safe(text: str) -> str:
    """Control characters and bytes that are not UTF-8, escaped: a name must not break a line or a terminal."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in plain)
