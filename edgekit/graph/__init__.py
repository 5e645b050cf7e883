"""What a model is: a TFLite graph as editable objects, and bytes both ways.

In: the bytes of a .tflite file. Out: objects that reference objects, the same bytes again, and what can be said of a
graph without running it: legality, MACs, memory, text.
The rule of the room: nothing that is read is lost, and integer indices exist only in `codec.py`.
"""
