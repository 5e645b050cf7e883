"""What runs on a board to keep its releases; packed into one file, which is pushed there.

Needs Python 3.8 (which does not evaluate annotations under the future import) and nothing else of edgekit; Ed25519
signatures need the package `cryptography` or the program `openssl`, 3.0 at least. Usage, in the folder of the uploads:

    python3 -I agent.pyz status|stage|activate|rollback|tidy|trust request.json
    python3 -I agent.pyz boot                                                      before the service starts

Everything is below ~/edgekit: `releases/NAME/` are whole and never changed, `current` and `previous` are links to them
that are replaced by rename, `staging/` is what is not whole yet, `state.json` is what was intended and what was done.
A switch is written down in `state.json` before it is made, and again after the release has proved healthy; whoever
comes next finishes what a power cut left between the two. No decision looks at the clock of the board.
"""
