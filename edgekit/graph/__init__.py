"""What a model is: a TFLite graph as editable objects, and bytes both ways.

In: the bytes of a .tflite file. Out: objects that reference objects, the same bytes again, and what can be said of a
graph that does not run: legality (`check`), MACs and memory (`cost`), text (`text`), and what each operator is (`ops`).
The rule of the room: nothing that is read is lost and nothing changes behind its owner's back. Integer indices exist
only in `reader` and `writer`; an edit is validated before it happens; `repair` holds the changes one asks for by name.
"""
