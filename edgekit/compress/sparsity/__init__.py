"""Weights that are zero, where somebody gains by it: kernels that skip them, or a download that packs them.

In: a float model and samples. Out: a float model with the same interface. The rule of the room: zeros are no gain in
themselves; what neither kernels nor the packed size show is left as it was, and the plan says why.
"""
