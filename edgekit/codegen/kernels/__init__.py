"""How each operator is computed: one file a family, with its C in `csource`.

In: an operator and the settings. Out: a Call. The rule: every weight is laid out, and every number that can be known is
computed, here and not on the board.
"""
