"""Model files of every kind become a graph.

In: a path and ImportOptions. Out: Imported: a checked graph.Model, and a report of how far it is from its source.
The rule of the room: foreign code (converters, source frameworks, runtimes on files that are not ours) runs in child
processes, and no code that a model file brings along is ever run.
"""
