"""The TensorFlow Lite converter's own post-training quantization of a Keras model, as its guide says.

Usage: python -m bench.tflite_converter MODEL SAMPLES.npz OUT.tflite [float16|dynamic|int8|16x8]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.importers.children import keras_child


def main() -> None:
    """Convert, to full int8 where nothing else is said, with the samples (n, *shape) as representative dataset."""
    path, samples, out = Path(sys.argv[1]), np.load(sys.argv[2])["x"], Path(sys.argv[3])
    scheme = sys.argv[4] if len(sys.argv) > 4 else "int8"
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = keras_child.load(path, keras_child.read_config(path), folder, safe=True)
        ports, _ = keras_child.fix_ports(model, {})
        keras_child.export(model, ports, folder / "saved")
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved"))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        _configure(converter, scheme, samples, tf)
        out.write_bytes(converter.convert())


def _configure(converter: Any, scheme: str, samples: np.ndarray, tf: Any) -> None:
    """Source: ai.google.dev/edge/litert, "Post-training quantization", one guide for each scheme."""

    def representative() -> Iterator[list[np.ndarray]]:
        for sample in samples:
            yield [sample[None]]

    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif scheme == "16x8":
        converter.representative_dataset = representative
        only = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [only]
    elif scheme == "int8":
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_output_type = tf.int8
        if samples.dtype.kind == "f":
            converter.inference_input_type = tf.int8
    elif scheme != "dynamic":
        raise SystemExit(f"{scheme} is none of float16, dynamic, int8, 16x8")


if __name__ == "__main__":
    main()
