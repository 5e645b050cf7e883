"""Releases on a device: install, health check, switch, roll back.

In: a bundle and devices. Out: what each device runs now and what it ran before.
The rule of the room: a device is always on a release that passed its health check there.
"""
