"""Train the bundled demo model (`edgekit/demo/digits.tflite`) on the part of the digits that no dataset here holds.

    python -m bench.train_demo_model SKLEARN_DATA_FOLDER

Needs the extra `keras`. Seeded; on another machine or TensorFlow the last digits of the weights may differ.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from bench.make_calibration_data import Part, digits_split
from edgekit.core.files import write_atomic
from edgekit.core.progress import Silent
from edgekit.graph.codec import write
from edgekit.importers.base import ImportOptions
from edgekit.importers.registry import import_model

DEMO = Path(__file__).resolve().parents[1] / "edgekit" / "demo"
EPOCHS, BATCH, SEED = 60, 32, 7


def build():
    """A residual net of depthwise-separable blocks: 8x8x1 (values 0..16) -> 10 probabilities."""
    import keras
    from keras import layers

    image = keras.Input((8, 8, 1), name="image")
    x = layers.Rescaling(1 / 16)(image)
    x = _unit(layers.Conv2D(24, 3, padding="same", use_bias=False), x)
    for _ in range(2):
        x = layers.Add()([x, _separable(x, 24)])
    x = _separable(x, 48, stride=2)
    for _ in range(2):
        x = layers.Add()([x, _separable(x, 48)])
    x = _unit(layers.Conv2D(96, 1, use_bias=False), x)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(10, activation="softmax", name="digit")(x), name="digits")


def _unit(layer, x):
    from keras import layers

    return layers.ReLU(6.0)(layers.BatchNormalization()(layer(x)))


def _separable(x, channels: int, stride: int = 1):
    from keras import layers

    x = _unit(layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False), x)
    return _unit(layers.Conv2D(channels, 1, use_bias=False), x)


def shifted(part: Part) -> Part:
    """The images and each of them moved by one pixel in four directions, empty pixels filled in."""
    moves = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]
    padded = np.pad(part.x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = np.concatenate([padded[:, 1 + r : 9 + r, 1 + c : 9 + c] for r, c in moves])
    return Part(x, np.tile(part.y, len(moves)))


def train(part: Part):
    """The trained Keras model."""
    import keras

    keras.utils.set_random_seed(SEED)
    model, data = build(), shifted(part)
    steps = EPOCHS * -(-len(data.x) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(data.x.astype(np.float32), data.y, BATCH, EPOCHS, verbose=0, shuffle=True)
    return model


def to_tflite(path: Path) -> bytes:
    """The float TFLite model, through edgekit's own importer."""
    return write(import_model(path, ImportOptions(), Silent()).model)


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    split = digits_split(Path(sys.argv[1]))
    model = train(split.training)
    for name, part in (("training", split.training), ("evaluation", split.evaluation)):
        right = model.predict(part.x.astype(np.float32), verbose=0).argmax(axis=1) == part.y
        print(f"{name}: {right.sum()} of {len(right)}, {right.mean():.2%}")
    print(f"{model.count_params()} parameters")
    model.compile()
    DEMO.mkdir(exist_ok=True)
    model.save(DEMO / "digits.keras")
    write_atomic(DEMO / "digits.tflite", to_tflite(DEMO / "digits.keras"))


if __name__ == "__main__":
    main()
