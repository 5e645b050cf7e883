"""What a build or a check found, for a person and for a program.

In: a `Report`, plain values only. Out: the same report as a terminal table, as JSON and as one HTML file that needs
no network.
The rule of the room: every view says the same with the same words, and text that comes from a model is never markup.
"""
