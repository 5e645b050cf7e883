"""Channel pruning: which channels belong together, which of them go, and the smaller dense model without them.

In: a float model, samples, a goal. Out: a model with fewer channels and the same interface. The rule of the room: what
is not understood stays, and the reason is said.
"""
