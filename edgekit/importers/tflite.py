"""TFLite files, also those without a signature and those of the first converter (TOCO)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.core.files import read_bytes, write_atomic
from edgekit.core.process import run_json
from edgekit.core.progress import Progress
from edgekit.importers.base import Imported, ImportOptions, accept
from edgekit.importers.conversion import Converter, child_call, report, write_samples
from edgekit.importers.sniff import head

if TYPE_CHECKING:
    from edgekit.graph.model import Model

_CONVERTER = Converter("tflite", "TFLite", "tflite_child.py", title="the LiteRT runtime")


class TfliteImporter:
    """Reads the graph, and lets the runtime prove itself on it in a child process, which a damaged file may crash."""

    def sniff(self, path: Path) -> bool:
        """A flatbuffer with the identifier TFL3."""
        return head(path)[4:8] == b"TFL3"

    def load(self, path: Path, options: ImportOptions, progress: Progress) -> Imported:
        """The model at `path`. Raises ModelError, also where the runtime refuses it or crashes on it."""
        from edgekit.graph.codec import write

        source = read_bytes(path)
        model, notes = accept(source, path)
        progress.start(f"try {path.name}", None)
        try:
            with tempfile.TemporaryDirectory(prefix="edgekit-import-") as name:
                folder = Path(name)
                write_atomic(folder / "source.tflite", source)
                write_atomic(folder / "model.tflite", write(model))
                request: dict[str, object] = {"samples": write_samples(options, folder)}
                result = run_json(child_call(_CONVERTER, options, folder), request, folder)
        finally:
            progress.finish()
        return Imported(model, report(_CONVERTER, path, result, (*notes, *_quantization_notes(model))))


def _quantization_notes(model: Model) -> tuple[str, ...]:
    """Says where the model is not a float one."""
    tensors = [op_input for graph in model.graphs for op in graph.ops for op_input in op.inputs if op_input is not None]
    low = [tensor for tensor in tensors if tensor.is_quantized]
    if not low:
        return ()
    if any(not tensor.is_constant for tensor in low):
        return ("the model is already quantized: weights and activations",)
    return ("the model is already quantized: weights only",)
