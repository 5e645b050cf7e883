"""A bundle on a device, as numbers.

In: a bundle, a device and how often to run it. Out: a `Measurement` with the conditions under which it was taken,
and gates: each limit of a budget next to the number that it is held against.
The rule of the room: a number that was not measured is never shown as kept, and a wrong answer fails however fast.
"""
