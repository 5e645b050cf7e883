"""How close a result is to the float model, and where it departs.

In: two models as bytes and samples that fit the float one. Out: a `Verification` (task metric of both, their paired
difference, agreement, SQNR) and a `Comparison` (the error layer by layer), both JSON-able.

The rule: no number leaves this room without the count of samples and the interval that belong to it.
"""
