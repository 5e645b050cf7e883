"""The bundled demo model does what its card says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

import edgekit
from edgekit.core.resources import data_folder
from edgekit.data.dataset import open_dataset
from edgekit.data.feed import ModelInput, bind

DEMO = Path(edgekit.__file__).parent / "demo"


def test_accuracy_is_that_of_the_card() -> None:
    interpreter = Interpreter(str(DEMO / "digits.tflite"))
    runner = interpreter.get_signature_runner()
    details = runner.get_input_details()["image"]
    dataset = open_dataset(data_folder("calibration_data") / "digits-test")
    binding = bind(dataset, [ModelInput("image", tuple(details["shape"]), np.dtype(details["dtype"]))])
    right = sum(int(runner(**feed.inputs)["digit"].argmax()) == feed.label for feed in binding.feeds())
    told = re.search(r"\((\d+) of 600\)", (DEMO / "README.md").read_text())
    assert told is not None
    assert abs(right - int(told[1])) <= 1  # another processor may round one undecided digit the other way


def test_it_is_small() -> None:
    assert all(path.stat().st_size < 300_000 for path in DEMO.iterdir() if path.is_file())
