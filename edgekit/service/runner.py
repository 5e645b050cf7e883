"""One interpreter of the runtime that the board has: LiteRT, or tflite-runtime on 32-bit and older systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import MissingError, ModelError

Array = NDArray[Any]


class Runner:
    """A loaded model. One thread at a time may run it; it lets go of Python's lock while it computes.

    Raises ModelError where the runtime refuses the model, MissingError where there is no runtime.
    """

    def __init__(self, model: bytes, threads: int) -> None:
        self.runs = 0
        try:
            self._interpreter = _interpreter_class()(model_content=model, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"the runtime cannot load the model: {' '.join(str(error).split())[:300]}") from error
        self._inputs = [int(d["index"]) for d in self._interpreter.get_input_details()]
        self._outputs = [int(d["index"]) for d in self._interpreter.get_output_details()]

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Stored outputs for stored inputs, in the model's order; nothing is remembered from earlier runs."""
        try:
            self._interpreter.reset_all_variables()
            for index, array in zip(self._inputs, inputs, strict=True):
                self._interpreter.set_tensor(index, array)
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"the runtime cannot run the model: {' '.join(str(error).split())[:300]}") from error
        self.runs += 1
        return [np.array(self._interpreter.get_tensor(index)) for index in self._outputs]


def _interpreter_class() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter
        except ImportError as error:
            raise MissingError("there is no ai-edge-litert and no tflite-runtime here") from error
    return Interpreter
