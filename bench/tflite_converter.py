"""The TensorFlow Lite converter's own post-training quantization of a Keras model, as its guide says.

Usage: python -m bench.tflite_converter MODEL SAMPLES.npz OUT.tflite
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgekit.importers.children import keras_child


def main() -> None:
    """Convert to full int8, with the samples (n, *shape) as representative dataset."""
    path, samples, out = Path(sys.argv[1]), np.load(sys.argv[2])["x"], Path(sys.argv[3])
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = keras_child.load(path, keras_child.read_config(path), folder, safe=True)
        ports, _ = keras_child.fix_ports(model, {})
        keras_child.export(model, ports, folder / "saved")
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved"))

        def representative() -> Iterator[list[np.ndarray]]:
            for sample in samples:
                yield [sample[None]]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if samples.dtype.kind == "f":
            converter.inference_input_type = converter.inference_output_type = tf.int8
        else:
            converter.inference_output_type = tf.int8
        out.write_bytes(converter.convert())


if __name__ == "__main__":
    main()
