"""Smaller tables for the tokens of text models: fewer rows, shorter rows.

In: a float model and samples of token ids. Out: a float model with the same interface; ids mean what they meant. The
rule of the room: rows count by how often they are read and by what their readers make of them.
"""
