"""Exported program (already cleaned, see `importers.pt2`) -> model.onnx, and its outputs, in a process of its own."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from edgekit.core.errors import ModelError
from edgekit.importers.children import onnx_source as source
from edgekit.importers.selfcheck import Feed

SAMPLE_INPUTS = "model/data/sample_inputs/model.pt"


def main(request: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Export clean.pt2 to model.onnx; leaves feeds and PyTorch's outputs in the source's layout."""
    clean = folder / "clean.pt2"
    add_sample_inputs(clean)
    program = load(clean, request["what"])
    export(program, folder / "model.onnx", request["what"])
    model = source.read(folder / "model.onnx")
    inputs = source.fix_shapes(model, request["input_shapes"])
    feeds = source.make_feeds(model, inputs, source.read_arrays(request["samples"], folder))
    given = [{item.name: item.source(feed[item.name]) for item in inputs} for feed in feeds]
    return {
        "feeds": source.write_arrays("torch_feed", given, folder),
        "references": source.write_arrays("torch_reference", run(program, given), folder),
        "versions": {"torch": str(torch.__version__)},
    }


def add_sample_inputs(clean: Path) -> None:
    """Add the record that torch insists on, with zeros of the inputs' shapes: it only shows how a call looks."""
    with zipfile.ZipFile(clean, "a", zipfile.ZIP_STORED) as archive:
        module = json.loads(archive.read("model/models/model.json"))["graph_module"]
        data = io.BytesIO()
        torch.save((tuple(sample_inputs(module)), {}), data)
        archive.writestr(SAMPLE_INPUTS, data.getvalue())


def sample_inputs(module: Mapping[str, Any]) -> list[Any]:
    """A tensor of zeros for each tensor that the user gives; open sizes are as in the export, or 1."""
    specs = [spec["user_input"]["arg"] for spec in module["signature"]["input_specs"] if "user_input" in spec]
    names = [spec["as_tensor"]["name"] for spec in specs if "as_tensor" in spec]
    return [torch.zeros([_size(size) for size in module["graph"]["tensor_values"][name]["sizes"]]) for name in names]


def _size(size: Mapping[str, Any]) -> int:
    hint = (size.get("as_expr") or {}).get("hint") or {}
    return int(size.get("as_int", hint.get("as_int", 1)))


def load(clean: Path, what: str) -> Any:
    """The program. Raises ModelError."""
    try:
        return torch.export.load(str(clean))
    except Exception as error:  # the door to PyTorch, which raises whatever its parts raise
        raise ModelError(f"PyTorch cannot load {what}: {source.first_line(error)}") from error


def export(program: Any, target: Path, what: str) -> None:
    """Write the program as ONNX, with its open sizes open. Raises ModelError naming what has no ONNX form."""
    try:
        torch.onnx.export(program, (), str(target), dynamo=True, external_data=False, verbose=False)
    except Exception as error:  # the door to PyTorch, which raises whatever its parts raise
        raise ModelError(f"PyTorch cannot export {what} to ONNX: {source.first_line(error)}") from error


def run(program: Any, feeds: Sequence[Feed]) -> list[dict[str, Any]]:
    """PyTorch's outputs, by position."""
    module = program.module()
    found = []
    for feed in feeds:
        with torch.no_grad():
            result = module(*(torch.from_numpy(array.copy()) for array in feed.values()))
        leaves = [leaf for leaf in torch.utils._pytree.tree_leaves(result) if leaf is not None]
        found.append({str(at): leaf.numpy() for at, leaf in enumerate(leaves)})
    return found
