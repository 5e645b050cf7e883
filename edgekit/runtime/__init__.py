"""Runs a graph on this machine.

In: the bytes of a TFLite model and arrays by input name. Out: arrays by output name, on request those of
every intermediate tensor. The rule of the room: what the runtime refuses becomes a ModelError at this door
and names the operator.
"""
