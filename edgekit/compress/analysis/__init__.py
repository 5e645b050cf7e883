"""What each layer with weights would cost and save if it alone had fewer bits or fewer channels.

In: a float model, samples without labels, a target. Out: an `Analysis`, plain values. The rule of the room: effects are
simulated in float, one changed layer at a time, and only what lies behind that layer is run.
"""
