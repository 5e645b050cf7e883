"""edgekit: from a trained model to a bundle that is checked and measured on the device that runs it.

Read `pipeline.py` first. Nothing here imports anything, so that `edgekit --help` stays fast.
"""

__version__ = "0.1.0"
