"""What a device class can do: its facts, its default budgets, and what its kernels support.

In: `targets/<name>.toml`, data only. Out: a frozen `Target`, and a verdict (runs, slow, cannot) for each operator of a
model. The one rule of the room: every fact has its source beside it, and a rule's docstring is the rule.
"""
