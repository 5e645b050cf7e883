"""Layers as two smaller ones: y = x W becomes y = (x A) B, where that takes fewer weights.

In: a float model and samples. Out: a float model with the same interface. The rule of the room: ranks are shared out by
what they do to the model's outputs, and a layer that saves nothing is left as it is.
"""
