"""Runs samples through a model on a device, each once. A file of its own: it is copied to the device.

    python evaluate_worker.py request.json

Uses `worker.py`, which is copied beside it, to load the model and to run the samples, so that both do it alike. The
request is that of `worker.py`, whose `golden` names the samples here. Python 3.8, numpy and a runtime.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path


def main(request_path: str) -> None:
    """Write the outputs and how many samples there were."""
    folder = Path(request_path).resolve().parent
    sys.path.insert(0, str(folder))
    worker = importlib.import_module("worker")
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    samples = worker._golden_inputs(folder / request["golden"])
    interpreter = worker._interpreter(worker._runtime(), request, folder)
    interpreter.allocate_tensors()
    worker._golden_run(interpreter, samples, folder / request["outputs"])
    (folder / request["result"]).write_text(json.dumps({"sample_count": len(samples[0])}), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (RuntimeError, ValueError, OSError, KeyError, ImportError, MemoryError) as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        sys.exit(1)
