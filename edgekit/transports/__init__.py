"""How bytes and commands reach a device, with a time limit on everything.

In: a device's URI, such as `local`. Out: an opened `Transport`: push, pull, run, stream. The one rule of the room:
every read has a timeout, every write is complete or an error, and nothing reaches a shell unquoted.
"""
