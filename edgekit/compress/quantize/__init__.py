"""Fewer bits for weights and activations, through litert-quantizer with edgekit's own ranges.

In: a float model, options, ranges. Out: a quantized model with the same interface. The rule of the room: what the
library leaves undone is found and said; a model never claims bits that it does not have.
"""
