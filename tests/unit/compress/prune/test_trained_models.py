"""Pruning of trained models; skipped where they are not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edgekit.compress.prune.step import PRUNE_CHANNELS
from edgekit.compress.step import Setting
from edgekit.data.dataset import open_dataset
from edgekit.data.feed import Binding, bind
from edgekit.graph.codec import read, write
from edgekit.graph.cost import model_macs, weight_bytes
from edgekit.graph.model import Model
from edgekit.job import CalibrationSamples, model_inputs
from edgekit.runtime.litert import LiteRT
from tests.shared_data import shared


@dataclass(frozen=True)
class Trained:
    model: Model
    calibration: Binding
    evaluation: Binding


def images(folder: Path, source: str, model: Model, text: str) -> Binding:
    folder.mkdir()
    (folder / Path(source).name).symlink_to(shared(source))
    (folder / "dataset.toml").write_text(f"schema = 1\n{text}")
    return bind(open_dataset(folder), model_inputs(model))


@pytest.fixture
def resnet8(tmp_path: Path) -> Trained:
    model = read(shared("models/mlperf_tiny/pretrainedResnet.tflite").read_bytes())

    def part(name: str, count: int) -> Binding:
        text = (
            f'metric = "top1"\n[[input]]\nname = "x"\nfile = "cifar10_jpeg.npz"\njpeg = "{name}_jpeg"\n'
            f'offsets = "{name}_offsets"\npreprocessing = [{{ op = "cast", dtype = "float32" }}]\n'
            f'[label]\narray = "{name}_labels"\nnames_array = "class_names"\n[select]\nrange = [0, {count}]\n'
        )
        return images(tmp_path / name, "cifar10/cifar10_jpeg.npz", model, text)

    return Trained(model, part("train", 40), part("test", 300))


@pytest.fixture
def vww(tmp_path: Path) -> Trained:
    model = read(shared("models/mlperf_tiny/vww_96_float.tflite").read_bytes())

    def part(name: str, start: str) -> Binding:
        text = (
            f'[[input]]\nname = "x"\nfile = "vww_coco128_96.npz"\njpeg = "jpeg"\noffsets = "offsets"\n'
            f'preprocessing = [{{ op = "scale", factor = {1 / 255!r} }}]\n'
            f'[select]\narray = "name"\nstarts_with = "{start}"\n'
        )
        return images(tmp_path / name, "vww/vww_coco128_96.npz", model, text)

    return Trained(model, part("calibration", "train2017"), part("evaluation", "val2017"))


def scores(model: Model, binding: Binding) -> np.ndarray:
    runtime = LiteRT(write(model))
    return np.concatenate([next(iter(runtime.run_float(f.inputs).values())) for f in binding.feeds()])


def test_a_quarter_of_resnet8_goes_without_training(resnet8: Trained) -> None:
    """With 40 images. Float has 75 %; L1 norms alone leave 20 to 30 %, a plain refit 64 (FACTS of the project), so 60 %
    tells whether elimination, allocation and refit work; 300 images are good for +-6 points."""
    options = PRUNE_CHANNELS.options({"macs": 0.75, "importance": "least-squares"})
    plan = PRUNE_CHANNELS.plan(resnet8.model, options, Setting(samples=CalibrationSamples(resnet8.calibration)))
    result = PRUNE_CHANNELS.apply(resnet8.model, plan)
    assert model_macs(result) <= 0.75 * model_macs(resnet8.model)
    labels = np.array([f.label for f in resnet8.evaluation.feeds()])
    accuracy = (scores(result, resnet8.evaluation).argmax(axis=-1) == labels).mean()
    assert accuracy > 0.60


def test_most_of_visual_wake_words_is_dead(vww: Trained) -> None:
    """224 and 234 of the 256 outputs of the last two convolutions do nothing, and hundreds before them."""
    plan = PRUNE_CHANNELS.plan(
        vww.model, PRUNE_CHANNELS.default_options(), Setting(samples=CalibrationSamples(vww.calibration))
    )
    result = PRUNE_CHANNELS.apply(vww.model, plan)
    dead = [cut.dead for cut in plan.cuts if cut.units == 256]
    assert dead[0] >= 224
    assert dead[1] >= 234
    assert weight_bytes(result) < 0.2 * weight_bytes(vww.model)
    assert model_macs(result) < 0.55 * model_macs(vww.model)
    # Images that no step has seen. The same sums in another order: a few roundings of float32 on probabilities.
    np.testing.assert_allclose(scores(result, vww.evaluation), scores(vww.model, vww.evaluation), rtol=0, atol=1e-5)
