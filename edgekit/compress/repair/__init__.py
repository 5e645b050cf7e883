"""Mending what quantization broke, layer by layer, in closed form and without training.

In: a quantized model, the float model that it was made of, samples. Out: the same graph with other integers, scales
and biases. The rule of the room: a layer is changed only where the change makes its output error smaller.
"""
