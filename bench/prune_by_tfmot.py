"""Magnitude pruning by tensorflow-model-optimization, as its guide says: zeros in a file that stays dense.

Usage, in the environment of requirements/tfmot.txt: prune_by_tfmot.py MODEL.h5 TRAINING.npz OUT.tflite SPARSITY MINUTES

MINUTES of CPU on labelled samples, with the schedule PolynomialDecay; 0 prunes at once (ConstantSparsity) and trains
nothing. Without Keras 3, whose files Keras 2 cannot read.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf
from tensorflow_model_optimization.sparsity import keras as sparsity

_RAMP_STEPS = 200
_BATCH = 32
_RATE = 3e-4
_REPORTED = 1e-12


def main() -> None:
    """Prune, train for the time given, convert to a float .tflite."""
    path, samples, out = Path(sys.argv[1]), np.load(sys.argv[2]), Path(sys.argv[3])
    share, minutes = float(sys.argv[4]), float(sys.argv[5])
    if not h5py.is_hdf5(path):
        raise SystemExit("tfmot needs Keras 2, and this file is of Keras 3")
    if minutes and "y" not in samples:
        raise SystemExit("there are no labels to train with")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(0)
    model = tf.keras.models.load_model(path, compile=False)
    steps = train(model, samples, share, minutes)
    stripped = steps.model
    out.write_bytes(convert(stripped))
    print(f"note: {_told(stripped, minutes, steps.count)}")


class Steps:
    """A model without tfmot's wrappers, and how many steps it was trained."""

    def __init__(self, model: Any, count: int) -> None:
        self.model = model
        self.count = count


def train(model: Any, samples: Any, share: float, minutes: float) -> Steps:
    """Until the schedule has ended at least; without minutes two steps at a rate of 0, which set the masks."""
    if minutes:
        schedule = sparsity.PolynomialDecay(0.0, share, 0, _RAMP_STEPS, frequency=10)
    else:
        schedule = sparsity.ConstantSparsity(share, 0, frequency=1)
        for layer in model.layers:  # so that no step moves the statistics of batch normalization
            layer.trainable = not isinstance(layer, tf.keras.layers.BatchNormalization)
    pruned = sparsity.prune_low_magnitude(model, pruning_schedule=schedule)
    pruned.compile(tf.keras.optimizers.legacy.Adam(_RATE if minutes else 0.0), _loss(samples))
    update = sparsity.UpdatePruningStep()
    update.set_model(pruned)
    update.on_train_begin()
    x, y = samples["x"], samples["y"] if "y" in samples else samples["x"]
    rng, end, count = np.random.default_rng(0), time.process_time() + 60 * minutes, 0
    while count < (_RAMP_STEPS if minutes else 2) or time.process_time() < end:
        chosen = rng.integers(0, len(x), _BATCH)
        update.on_train_batch_begin(count)
        pruned.train_on_batch(x[chosen], y[chosen])
        count += 1
    update.on_epoch_end(0)
    return Steps(sparsity.strip_pruning(pruned), count)


def _loss(samples: Any) -> str:
    return "sparse_categorical_crossentropy" if "y" in samples else "mse"


def convert(model: Any) -> bytes:
    """A float .tflite with a batch of 1."""
    spec = tf.TensorSpec([1, *model.inputs[0].shape[1:]], model.inputs[0].dtype)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    return bytes(converter.convert())


def _told(model: Any, minutes: float, count: int) -> str:
    kernels = [w.numpy() for w in model.weights if w.shape.rank and w.shape.rank > 1]
    zeros = sum(int((np.abs(k) < _REPORTED).sum()) for k in kernels)
    words = f"{100 * zeros / sum(k.size for k in kernels):.0f} % of the kernels' weights are zero"
    return f"{words}, {count} steps on labels in {minutes:g} CPU minutes" if minutes else f"{words}, no training"


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, json.JSONDecodeError) as error:
        raise SystemExit(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}") from error
