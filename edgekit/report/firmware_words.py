"""The words for a network in a microcontroller's firmware, shared by all views."""

from __future__ import annotations

from edgekit.codegen.footprint import Footprint
from edgekit.measure.measurement import Firmware, LayerCount

_SMALL_SHARE = 0.001


def firmware_pairs(firmware: Firmware) -> list[tuple[str, str]]:
    """Labels and words, in the order in which they are shown."""
    rows = []
    if firmware.instructions is not None:
        rows.append(("instructions", f"{count_words(firmware)} an inference; {firmware.counted}"))
    if firmware.setup_instructions is not None:
        rows.append(("set-up", f"{firmware.setup_instructions:,} instructions, once"))
    if firmware.footprint is not None:
        rows.append(("flash", flash_words(firmware.footprint)))
    rows.append(("RAM", ram_words(firmware)))
    if firmware.footprint is not None:
        rows.append(("compiled", f"{firmware.footprint.compiler} {firmware.footprint.options}"))
    return rows


def count_words(firmware: Firmware) -> str:
    """Instructions of an inference; a range where samples differ."""
    most, least = firmware.instructions, firmware.least_instructions
    if most is None:
        return "not counted"
    return f"{most:,}" if least in (None, most) else f"{least:,} to {most:,}"


def flash_words(footprint: Footprint) -> str:
    """Flash, its code and constants apart."""
    parts = f"{footprint.code_bytes:,} B code, {footprint.constants_bytes:,} B weights and other constants"
    return f"{footprint.flash_bytes:,} B: {parts}"


def ram_words(firmware: Firmware) -> str:
    """RAM, by what it is for."""
    stack = f"{firmware.stack_bytes:,} B stack"
    if firmware.footprint is None:
        return f"{firmware.ram_bytes:,} B: {firmware.ram_bytes - firmware.stack_bytes:,} B arena, {stack}"
    footprint = firmware.footprint
    return (
        f"{firmware.ram_bytes:,} B: {footprint.arena_bytes:,} B arena, {footprint.static_bytes:,} B variables, {stack}"
    )


def most_counted(firmware: Firmware, limit: int) -> tuple[LayerCount, ...]:
    """The layers that take the most instructions, those first."""
    return tuple(sorted(firmware.layers, key=lambda layer: -layer.instructions)[:limit])


def between_words(firmware: Firmware) -> str:
    """What an inference takes beside its layers, such as moving rows that are streamed; empty for next to nothing."""
    rest = (firmware.instructions or 0) - sum(layer.instructions for layer in firmware.layers)
    if rest <= _SMALL_SHARE * (firmware.instructions or 0):
        return ""
    return f"{rest:,} instructions more move rows between layers and call them"
