"""The kernel library: the headers that a network's calls need, as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files

from edgekit.codegen.call import Call

_INCLUDE = re.compile(r'^\s*#\s*include "([^"]+)"', re.MULTILINE)


def library_files(calls: Iterable[Call], streams: bool = False) -> Mapping[str, bytes]:
    """Name -> content of every header that the calls use, or their taking turns, and that those include."""
    folder = files("edgekit.codegen") / "csource"
    found: dict[str, bytes] = {}
    wanted = ["ek.h", *(["ek_stream.h"] if streams else []), *dict.fromkeys(call.header for call in calls)]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = (folder / name).read_bytes()
            wanted += _INCLUDE.findall(found[name].decode())
    return dict(sorted(found.items()))
