"""From a graph to C for microcontrollers.

In: a `graph.Model` of one graph with static shapes. Out: C99 sources with weights in flash and one static arena.

The rule: what is generated computes bit for bit what the reference kernels compute.
"""
