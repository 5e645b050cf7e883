"""From a graph to C for microcontrollers.

In: a full-integer `graph.Model` that the target supports. Out: C sources with a static arena, as text.

The rule: what is generated computes bit for bit what the reference kernels compute. (Nothing is generated yet.)
"""
