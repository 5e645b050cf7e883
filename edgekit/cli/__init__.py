"""The command line: one file a command.

In: what a person or a CI job types. Out: tables, progress, files, exit codes.
The rule of the room: the only place that prints and exits, and it imports what it needs when a command runs.
"""
