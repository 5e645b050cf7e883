"""The quantizer library used alone: its own recipes and its own calibration.

Usage: python -m bench.quantizer_library FLOAT.tflite SAMPLES.npz OUT.tflite [--bits 4] [--activations 8|16|32]
       [--algorithm MSE] [--full-range]

The float file has the signature and operator codes that the library needs, which old files lack. Without options: its
static int8 recipe. Convolutions and fully connected layers get `--bits` and `--algorithm` where the library has that
for them, else min/max; all else 8 bits, since it has nothing lower for depthwise convolutions in a static graph.
`--full-range` calibrates by minimum and maximum, where the library's way is a moving average.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from litert_quantizer import algorithm_manager, calibrator, quantizer
from litert_quantizer.qtyping import TFLOperationName
from litert_quantizer.utils import qsv_utils

_NARROW = (TFLOperationName.CONV_2D, TFLOperationName.FULLY_CONNECTED)
_FLOAT_BITS = 32


def main() -> None:
    """Calibrate, quantize, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "samples", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--bits", type=int, default=8)
    parser.add_argument("--activations", type=int, default=8)
    parser.add_argument("--algorithm", default="MIN_MAX_UNIFORM_QUANT")
    parser.add_argument("--full-range", action="store_true")
    asked = parser.parse_args()
    tool = quantizer.Quantizer(str(asked.model))
    algorithm = algorithm_manager.AlgorithmName[asked.algorithm]
    _configure(tool, ".*", TFLOperationName.ALL_SUPPORTED, 8, asked.activations)
    for operation in _NARROW:
        known = algorithm_manager.is_op_registered(algorithm, operation)
        used = algorithm if known else algorithm_manager.AlgorithmName.MIN_MAX_UNIFORM_QUANT
        _configure(tool, ".*", operation, asked.bits, asked.activations, used)
    static = asked.activations < _FLOAT_BITS
    ranges = _calibrated(tool, asked.model, asked.samples, asked.full_range) if static else None
    asked.out.write_bytes(bytes(tool.quantize(ranges, enable_progress_report=False).quantized_model))


def _configure(
    tool: quantizer.Quantizer,
    pattern: str,
    operation: TFLOperationName,
    bits: int,
    activations: int,
    algorithm: str = algorithm_manager.AlgorithmName.MIN_MAX_UNIFORM_QUANT,
) -> None:
    if activations < _FLOAT_BITS:
        tool.add_static_config(pattern, operation, activations, bits, algorithm_key=algorithm)
    else:
        tool.add_dynamic_config(pattern, operation, bits, algorithm_key=algorithm)


def _calibrated(tool: quantizer.Quantizer, model: Path, samples: Path, full_range: bool) -> dict[str, object]:
    key, signature = next(iter(Interpreter(str(model)).get_signature_list().items()))
    name = signature["inputs"][0]
    feeds = {key: [{name: sample[None]} for sample in np.load(samples)["x"]]}  # a list: an iterator gives no ranges
    if not full_range:
        return dict(tool.calibrate(feeds, num_threads=1))
    by_extremes = calibrator.Calibrator(str(model), 1, qsv_update_func=qsv_utils.min_max_update)
    by_extremes.calibrate(feeds, tool._recipe_manager)
    return dict(by_extremes.get_model_qsvs())


if __name__ == "__main__":
    main()
