"""Emulated devices on loopback that speak the real protocols, for trying things without a board.

In: the name of a device class. Out: a running device with a URI, ended by its process id.
The one rule of the room: nothing of the host changes, and every number taken here is labelled as emulated.
"""
