"""Where each tensor lies in the arena, and in which order the calls run.

In: calls. Out: a Plan. The rule: what lives at the same time never overlaps, but where a call says how it may.
"""
