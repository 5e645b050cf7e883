"""Changes a model so that it becomes smaller and faster: one technique a file.

In: a model, options, samples without labels. Out: another model, and the plan that says what was done and why.
The rule of the room: a step plans first, and the plan is data; applying it decides nothing and works on a clone.
"""
