"""Numbers with units, to and from text."""

from __future__ import annotations

import re

KIB = 1024
GIB = KIB**3
_FACTORS = {"B": 1, "KIB": KIB, "MIB": KIB**2, "GIB": KIB**3, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def parse_bytes(text: str) -> int:
    """Bytes in `text`, such as `"520 KiB"`, `"4 GiB"` or `"1048576 B"`. Raises ValueError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    if not match or match[2].upper() not in _FACTORS:
        raise ValueError(f"{text!r} is not a size such as '520 KiB' or '4 GiB'")
    return round(float(match[1]) * _FACTORS[match[2].upper()])


def format_bytes(count: int) -> str:
    """`count` bytes for a person: `"311 KiB"`, `"1.8 MiB"`; below 10 KiB exact."""
    if count < 10 * KIB:
        return f"{count:,} B"
    if count < 10 * KIB**2:
        return f"{count / KIB:,.0f} KiB"
    if count < 10 * KIB**3:
        return f"{count / KIB**2:,.1f} MiB"
    return f"{count / KIB**3:,.1f} GiB"


def format_count(count: int) -> str:
    """`count` things for a person: `"12.5 M"`, `"264 k"`, `"940"`."""
    for factor, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= factor:
            return f"{count / factor:.3g} {letter}"
    return str(count)


def format_us(latency_us: float) -> str:
    """A duration in microseconds for a person: `"812 µs"`, `"3.41 ms"`, `"1.20 s"`."""
    if latency_us < 1e3:
        return f"{latency_us:.3g} µs"
    if latency_us < 1e6:
        return f"{latency_us / 1e3:.3g} ms"
    return f"{latency_us / 1e6:.3g} s"
