"""Channel pruning by Torch-Pruning of the small residual net, whose PyTorch module is rebuilt from its ONNX file.

Usage, in the environment of requirements/torch_pruning.txt:
    prune_by_torch_pruning.py MODEL.onnx TRAINING.npz OUT.onnx magnitude|taylor MACS none|labels|distil MINUTES

MACS is a share of the original's; the ratio of channels, the same for all layers, is searched for it. MINUTES of CPU of
fine-tuning on the training samples: on their labels, or on the original model's outputs (`distil`, no labels).
"""

from __future__ import annotations

import copy
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
import torch_pruning as tp
from torch import nn
from torch.nn import functional

_BATCH = 64
_RATE = 1e-3
_TAYLOR_BATCHES = 16
_TEMPERATURE = 2.0
_EQUAL = 1e-3  # of logits around 10: float32 sums in another order
_SHIFT = 4
_MULTIPLE = 2  # of channels: odd numbers are slow, and 4 or 8 miss the goal by far in layers this narrow


class Residual(nn.Module):
    """relu(x + b(relu(a(x))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(width, width, 3, padding=1)
        self.b = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.b(functional.relu(self.a(x))))


class SmallResidualNet(nn.Module):
    """The graph of cifar10_resnet_torch.onnx: images (n, 3, 32, 32) of 0..255 to 10 logits."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 3, 1, 1))
        self.register_buffer("std", torch.ones(1, 3, 1, 1))
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.l1, self.r1 = nn.Conv2d(16, 32, 3, stride=2, padding=1), Residual(32)
        self.l2, self.r2 = nn.Conv2d(32, 64, 3, stride=2, padding=1), Residual(64)
        self.l3, self.r3 = nn.Conv2d(64, 96, 3, padding=1), Residual(96)
        self.fc = nn.Linear(96, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.stem((image - self.mean) / self.std))
        x = self.r1(functional.relu(self.l1(x)))
        x = self.r2(functional.relu(self.l2(x)))
        x = self.r3(functional.max_pool2d(functional.relu(self.l3(x)), 2))
        return self.fc(x.mean(dim=(2, 3)))


def rebuilt(path: Path) -> SmallResidualNet:
    """The module with the file's weights. Raises ValueError where it does not compute what the file computes."""
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    net = SmallResidualNet()
    state = {}
    for name in net.state_dict():
        stem, _, kind = name.rpartition(".")
        stored = {"weight": f"{stem}.0.weight", "bias": f"{stem}.0.weight_bias"}.get(kind, name)
        state[name] = torch.from_numpy(arrays[name if name in arrays else stored].copy())
    net.load_state_dict(state)
    net.eval()
    image = np.random.default_rng(0).uniform(0, 255, (4, 3, 32, 32)).astype(np.float32)
    (wanted,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"image": image})
    with torch.no_grad():
        difference = float(np.abs(net(torch.from_numpy(image)).numpy() - wanted).max())
    if difference > _EQUAL:
        raise ValueError(f"the rebuilt module differs from the ONNX file by {difference:.2g}")
    return net


def pruned(net: nn.Module, ratio: float, importance: str, samples: Samples | None) -> nn.Module:
    """A copy without `ratio` of the channels of each layer; Taylor's importance needs labelled samples."""
    net = copy.deepcopy(net)
    measure: Any = tp.importance.GroupMagnitudeImportance(p=2)
    if importance == "taylor" and samples is not None:
        measure = tp.importance.GroupTaylorImportance()
        for x, y in samples.batches(_TAYLOR_BATCHES):
            functional.cross_entropy(net(x), y).backward()
    example = torch.zeros(1, 3, 32, 32)
    heads = [net.fc]
    tp.pruner.BasePruner(net, example, measure, pruning_ratio=ratio, round_to=_MULTIPLE, ignored_layers=heads).step()
    net.zero_grad()
    return net


def macs_of(net: nn.Module) -> float:
    """Multiply-accumulates of one image, as Torch-Pruning counts."""
    return float(tp.utils.count_ops_and_params(net, torch.zeros(1, 3, 32, 32))[0])


def ratio_for(net: nn.Module, share: float) -> float:
    """The smallest ratio, to 1/256, that leaves at most `share` of the MACs, whichever channels go."""
    low, high = 0, 256
    while high - low > 1:
        middle = (low + high) // 2
        fits = macs_of(pruned(net, middle / 256, "magnitude", None)) <= share * macs_of(net)
        low, high = (low, middle) if fits else (middle, high)
    return high / 256


class Samples:
    """Training images in random order, shifted by up to four pixels and mirrored; labels where there are some."""

    def __init__(self, path: Path) -> None:
        file = np.load(path)
        self._images = torch.from_numpy(file["x"].astype(np.uint8)).permute(0, 3, 1, 2).contiguous()
        self._labels = torch.from_numpy(file["y"].astype(np.int64))
        self._random = torch.Generator().manual_seed(0)

    def batches(self, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """`count` batches."""
        return [self.batch(augmented=False) for _ in range(count)]

    def batch(self, augmented: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
        """Images as float of 0..255, and labels."""
        chosen = torch.randint(0, len(self._images), (_BATCH,), generator=self._random)
        images = self._images[chosen].float()
        if augmented:
            down, right, mirrored = torch.randint(0, 2 * _SHIFT + 1, (3,), generator=self._random).tolist()
            padded = functional.pad(images, (_SHIFT,) * 4, mode="reflect")
            images = padded[:, :, down : down + 32, right : right + 32]
            images = images.flip(3) if mirrored % 2 else images
        return images, self._labels[chosen]


def tuned(net: nn.Module, teacher: nn.Module, samples: Samples, goal: str, minutes: float) -> int:
    """Train `net` in place for `minutes` of CPU, the rate falling as half a cosine; gives the number of steps."""
    optimizer = torch.optim.Adam(net.parameters(), _RATE)
    start, steps, share = time.process_time(), 0, 0.0
    while share < 1:
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 + math.cos(math.pi * share)) / 2
        x, y = samples.batch()
        loss = functional.cross_entropy(net(x), y) if goal == "labels" else _distance(net(x), teacher, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
        share = (time.process_time() - start) / (60 * minutes)
    return steps


def _distance(found: torch.Tensor, teacher: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of softened outputs: Hinton and others 2015, section 2."""
    with torch.no_grad():
        wanted = functional.softmax(teacher(x) / _TEMPERATURE, dim=1)
    found = functional.log_softmax(found / _TEMPERATURE, dim=1)
    return functional.kl_div(found, wanted, reduction="batchmean") * _TEMPERATURE**2


def main() -> None:
    """Rebuild, prune, tune, export."""
    source, training, out = (Path(word) for word in sys.argv[1:4])
    importance, share, goal, minutes = sys.argv[4], float(sys.argv[5]), sys.argv[6], float(sys.argv[7])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    original, samples = rebuilt(source), Samples(training)
    net = pruned(original, ratio_for(original, share), importance, samples)
    steps = tuned(net, original, samples, goal, minutes) if goal != "none" else 0
    net.eval()
    torch.onnx.export(
        net, (torch.zeros(2, 3, 32, 32),), out, dynamo=True, opset_version=18, external_data=False,
        dynamic_shapes={"image": {0: torch.export.Dim("batch")}}, input_names=["image"], output_names=["logits"],
    )  # fmt: skip
    data = "their labels" if goal == "labels" else "the original's outputs"
    told = f"{steps} steps of {_BATCH} images on {data} in {minutes:g} CPU minutes" if steps else "no training"
    print(f"\nnote: {told}")


if __name__ == "__main__":
    main()
