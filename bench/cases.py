"""The models and datasets that benchmarks use: found beside the project, described here, never part of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FOLDER = Path(os.environ.get("EDGEKIT_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")

Writer = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Case:
    """A trained model with its samples; `write_*` fill a folder with a dataset.toml and its arrays.

    `write_unlabelled` gives more samples than calibration needs, for what learns from the original model, and
    `write_training` the same with labels; None where there are no more. No sample of the evaluation is in any of them.
    """

    name: str
    model: str
    metric: str
    write_calibration: Writer
    write_evaluation: Writer
    note: str = ""
    write_unlabelled: Writer | None = None
    write_training: Writer | None = None

    @property
    def path(self) -> Path:
        """The model file or folder."""
        return FOLDER / self.model


def _described(folder: Path, source: str, text: str) -> None:
    """`folder`/dataset.toml with `text`, and the array file `source` beside it under its own name."""
    path = FOLDER / source
    try:
        os.link(path, folder / path.name)
    except OSError:
        shutil.copy(path, folder / path.name)
    (folder / "dataset.toml").write_text(f"schema = 1\n{text}")


def _arrays(folder: Path, toml: str, **arrays: np.ndarray) -> None:
    np.savez(folder / "samples.npz", **arrays)
    (folder / "dataset.toml").write_text(f"schema = 1\n{toml}")


def _cifar(part: str, count: int | None, labelled: bool) -> Writer:
    select = f"[select]\nrange = [0, {count}]\n" if count else ""
    label = f'[label]\narray = "{part}_labels"\nnames_array = "class_names"\n' if labelled else ""
    metric = 'metric = "top1"\n' if labelled else ""
    cast = '  { op = "cast", dtype = "float32" },\n'
    text = (
        f'{metric}[[input]]\nname = "x"\nfile = "cifar10_jpeg.npz"\njpeg = "{part}_jpeg"\noffsets = "{part}_offsets"\n'
        f"preprocessing = [\n{cast}]\n{label}{select}"
    )
    return lambda folder: _described(folder, "cifar10/cifar10_jpeg.npz", text)


def _vww(prefix: str, labelled: bool) -> Writer:
    label = '[label]\narray = "labels"\nnames_array = "class_names"\n' if labelled else ""
    metric = 'metric = "top1"\n' if labelled else ""
    text = (
        f'{metric}[[input]]\nname = "x"\nfile = "vww_coco128_96.npz"\njpeg = "jpeg"\noffsets = "offsets"\n'
        f'preprocessing = [{{ op = "scale", factor = {1 / 255!r} }}]\n{label}'
        f'[select]\narray = "name"\nstarts_with = "{prefix}"\n'
    )
    return lambda folder: _described(folder, "vww/vww_coco128_96.npz", text)


def _fsdd(test: bool, count: int | None = None, labelled: bool = False) -> Writer:
    def write(folder: Path) -> None:
        data = np.load(FOLDER / "speech/fsdd_mfcc49x10_idx0-44.npz")
        chosen = np.flatnonzero(data["is_test"] == test)
        chosen = chosen[:: len(chosen) // count][:count] if count else chosen
        label = 'metric = "top1"\n[label]\narray = "y"\n' if labelled else ""
        head, _, tail = label.partition("[label]")
        toml = f'{head}[[input]]\nname = "x"\nfile = "samples.npz"\narray = "x"\n' + (f"[label]{tail}" if tail else "")
        _arrays(folder, toml, x=data["x"][chosen].astype(np.float32), y=data["y"][chosen].astype(np.int64))

    return write


def _sst2(part: str, count: int | None, labelled: bool) -> Writer:
    def write(folder: Path) -> None:
        data = np.load(FOLDER / "text/sst2_token_ids.npz")
        x, y = data[f"{part}_x"].astype(np.int32), data[f"{part}_y"].astype(np.int64)
        if part != "test":  # three of the training sentences are the same tokens as one of the test's
            others = {row.tobytes() for row in data["test_x"].astype(np.int32)}
            apart = np.array([row.tobytes() not in others for row in x])
            x, y = x[apart], y[apart]
        step = max(1, len(x) // count) if count else 1
        toml = ('metric = "top1"\n' if labelled else "") + '[[input]]\nname = "x"\nfile = "samples.npz"\narray = "x"\n'
        _arrays(folder, toml + ('[label]\narray = "y"\n' if labelled else ""), x=x[::step][:count], y=y[::step][:count])

    return write


def _imagenet(calibration: bool) -> Writer:
    def write(folder: Path) -> None:
        path = FOLDER / "imagenet1k_sample/imagenet1k_sample_q75.npz"
        data = np.load(path)
        fifth = np.arange(1000) % 5 == 0
        labels = data["labels"].astype(np.int64) + 1  # output 0 is background
        np.savez(folder / "chosen.npz", chosen=fifth if calibration else ~fifth, labels=labels)
        text = (
            '[[input]]\nname = "x"\nfile = "imagenet1k_sample_q75.npz"\njpeg = "jpeg"\noffsets = "offsets"\n'
            f'preprocessing = [{{ op = "scale", factor = {1 / 127.5!r}, offset = -1.0 }}]\n'
            + ("" if calibration else '[label]\nfile = "chosen.npz"\narray = "labels"\n')
            + '[select]\nfile = "chosen.npz"\narray = "chosen"\n'
        )
        head = "" if calibration else 'metric = "top1"\n'
        _described(folder, "imagenet1k_sample/imagenet1k_sample_q75.npz", head + text)

    return write


def _ad01(odd: bool) -> Writer:
    def write(folder: Path) -> None:
        clip = np.fromfile(FOLDER / "models/mlperf_tiny/ad01_normal_id_01_00000000_hist_librosa.bin", "<f4")
        frames = clip.reshape(200, 128)
        windows = np.stack([frames[i : i + 5].reshape(640) for i in range(196)])[int(odd) :: 2]
        toml = ('metric = "rmse"\n' if odd else "") + '[[input]]\nname = "x"\nfile = "samples.npz"\narray = "x"\n'
        _arrays(folder, toml + ('[label]\narray = "x"\n' if odd else ""), x=windows)

    return write


def _str_ww(labelled: bool) -> Writer:
    def write(folder: Path) -> None:
        data = np.load(FOLDER / "models/mlperf_tiny/str_ww_calibration_samples.npz")
        toml = ('metric = "top1"\n' if labelled else "") + '[[input]]\nname = "x"\nfile = "samples.npz"\narray = "x"\n'
        arrays = {"x": data["specs"].astype(np.float32), "y": data["labels"].astype(np.int64)}
        _arrays(folder, toml + ('[label]\narray = "y"\n' if labelled else ""), **arrays)

    return write


CIFAR = (_cifar("train", 200, False), _cifar("test", None, True))
CIFAR_MORE = (_cifar("train", None, False), _cifar("train", None, True))
FSDD = (_fsdd(False, 200), _fsdd(True, labelled=True))
FSDD_MORE = (_fsdd(False), _fsdd(False, labelled=True))
CASES = (
    Case("resnet8", "models/mlperf_tiny/pretrainedResnet.h5", "top1", *CIFAR, "", *CIFAR_MORE),
    Case("vww", "models/mlperf_tiny/vww_96_noopt.h5", "top1", _vww("train2017", False), _vww("val2017", True),
         write_training=_vww("train2017", True)),
    Case("kws", "models/mlperf_tiny/kws_ref_model_rebuilt.keras", "agreement", _fsdd(False, 200), _fsdd(True),
         "no labelled keywords here: spoken digits, agreement with float", _fsdd(False)),
    Case("ad01", "models/mlperf_tiny/ad01_noopt.h5", "rmse", _ad01(False), _ad01(True),
         "one clip: even windows calibrate, odd ones verify; reconstruction error, lower is better"),
    Case("str_ww", "models/mlperf_tiny/str_ww_ref_model_noopt.h5", "top1", _str_ww(False), _str_ww(True),
         "the 45 samples that calibrate also verify"),
    Case("fsdd_dscnn", "models/own/fsdd_dscnn.keras", "top1", *FSDD, "", *FSDD_MORE),
    Case("sst2_encoder", "models/own/sst2_encoder.keras", "top1", _sst2("train", 200, False),
         _sst2("test", None, True), "", _sst2("train", None, False), _sst2("train", None, True)),
    Case("cifar_mnv2", "models/own/cifar10_mobilenetv2_small.keras", "top1", *CIFAR, "", *CIFAR_MORE),
    Case("cifar_resnet_onnx", "models/own/cifar10_resnet_torch.onnx", "top1", *CIFAR, "", *CIFAR_MORE),
    Case("mobilenet_v1_025", "models/mobilenet_v1_025/mobilenet_v1_0.25_224_1_default_1.tflite", "top1",
         _imagenet(True), _imagenet(False), "plain quantization breaks it; its repair is a step of its own"),
)  # fmt: skip
