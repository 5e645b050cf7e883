"""The inference service that a Linux board runs: the current release behind HTTP.

In: a folder of releases and requests. Out: predictions.
The one rule of the room: a request is answered by one whole release, and none is dropped while releases change.
"""
