"""The models of the benchmarks: where each comes from, and how Keras loads it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHARED = Path(os.environ.get("EDGEKIT_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


@dataclass(frozen=True, slots=True)
class BenchModel:
    """A model by name: a file below the shared data, or a builder of keras.applications with random weights.

    Small models get more samples, or what they cost could not be told from noise.
    """

    name: str
    file: str = ""
    builder: str = ""
    samples: int = 1000

    @property
    def available(self) -> bool:
        """Whether it can be loaded here."""
        return bool(self.builder) or (SHARED / self.file).exists()


MODELS = (
    BenchModel("MobileNetV2", builder="MobileNetV2", samples=100),
    BenchModel("ResNet50", builder="ResNet50", samples=100),
    BenchModel("resnet8", file="models/mlperf_tiny/pretrainedResnet.h5"),
    BenchModel("vww96", file="models/mlperf_tiny/vww_96_noopt.h5"),
    BenchModel("kws", file="models/mlperf_tiny/kws_ref_model_rebuilt.keras"),
    BenchModel("ad01", file="models/mlperf_tiny/ad01_noopt.h5"),
)


def load_keras(model: BenchModel) -> Any:
    """The Keras model; random weights are the same each time."""
    import keras

    if model.builder:
        keras.utils.set_random_seed(0)
        return getattr(keras.applications, model.builder)(weights=None)

    class DepthwiseConv2D(keras.layers.DepthwiseConv2D):  # type: ignore[misc]
        """Keras 2 wrote `groups`, which Keras 3 refuses."""

        def __init__(self, *args: Any, groups: int = 1, **others: Any) -> None:
            super().__init__(*args, **others)

    found = {"DepthwiseConv2D": DepthwiseConv2D}
    return keras.models.load_model(SHARED / model.file, custom_objects=found, compile=False)
