"""What the processes of the service show each other: which release each one serves."""

from __future__ import annotations

import mmap
from collections.abc import Mapping

_DIGEST_BYTES = 64  # SHA-256 in hexadecimal


class Board:
    """Shared memory with one place for each process; to be made before they are forked.

    Args:
        processes: how many.
        arranged: how the service is arranged and why, for /v1/status.
    """

    def __init__(self, processes: int, arranged: Mapping[str, object]) -> None:
        self.arranged = arranged
        self._processes = processes
        self._memory = mmap.mmap(-1, processes * _DIGEST_BYTES)

    def show(self, process: int, digest: str) -> None:
        """The process of this number serves the release `digest` from now on."""
        self._memory[process * _DIGEST_BYTES : (process + 1) * _DIGEST_BYTES] = digest.encode().ljust(_DIGEST_BYTES)

    def digests(self) -> list[str]:
        """What every process serves; empty for one that serves nothing yet."""
        places = range(0, self._processes * _DIGEST_BYTES, _DIGEST_BYTES)
        return [self._memory[i : i + _DIGEST_BYTES].rstrip(b" \0").decode() for i in places]
