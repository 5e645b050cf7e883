"""The quantizer library used alone: its static int8 recipe and its default calibration.

Usage: python -m bench.quantizer_library FLOAT.tflite SAMPLES.npz OUT.tflite
The float file has the signature and operator codes that the library needs, which old files lack.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from litert_quantizer import quantizer, recipe


def main() -> None:
    """Calibrate with the library's defaults, quantize, write."""
    model, samples, out = Path(sys.argv[1]), np.load(sys.argv[2])["x"], Path(sys.argv[3])
    key, signature = next(iter(Interpreter(str(model)).get_signature_list().items()))
    name = signature["inputs"][0]
    tool = quantizer.Quantizer(str(model), recipe.static_wi8_ai8())
    ranges = tool.calibrate({key: [{name: sample[None]} for sample in samples]})
    out.write_bytes(bytes(tool.quantize(ranges, enable_progress_report=False).quantized_model))


if __name__ == "__main__":
    main()
