"""What every room uses: errors, registries, files, progress, child processes, units.

In: nothing of edgekit. Out: small tools without an opinion about models.
The rule of the room: standard library only, and nothing at module level that does work.
"""
