"""Datasets and the preprocessing that is declared with them.

In: folders with `dataset.toml`, `.npz`, folders of images or wavs, `.tsv`. Out: a `Dataset`, whose samples stream
one by one, and a `Binding` of it to a model's inputs.
The rule of the room: preprocessing is declared data and pure functions, so that a phone can do exactly the same.
"""
