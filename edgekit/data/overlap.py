"""Whether two datasets have a sample in common: what is learnt from may not be among what judges."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgekit.data.feed import Binding

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Overlap:
    """Samples that are in both: how many, and where one of them is in each."""

    count: int
    first: str
    second: str


def overlap(first: Binding, second: Binding) -> Overlap | None:
    """Samples of `first` that are in `second` too, as a model gets them; None where there is none.

    Only a hash of each sample of `second` is kept: 100,000 samples take some 20 MB.
    """
    places = dict(_digests(second))
    shared = [(place, places[digest]) for digest, place in _digests(first) if digest in places]
    return Overlap(len(shared), *shared[0]) if shared else None


def _digests(binding: Binding) -> Iterator[tuple[bytes, str]]:
    """A hash of the bytes of each sample after preprocessing, and where the sample comes from."""
    for place, feed in binding.placed_feeds():
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        for name in sorted(feed.inputs):
            array = np.ascontiguousarray(feed.inputs[name])
            digest.update(f"{name}{array.shape}{array.dtype.str}".encode())
            digest.update(array.tobytes())
        yield digest.digest(), place
