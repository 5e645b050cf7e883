"""Which counts of channels a target's kernels like."""

from __future__ import annotations

from edgekit.targets.target import Isa, Kind, Target


def liked_multiple(target: Target | None) -> int:
    """Channels are computed in tiles of so many; a tile that is not full costs as much as a full one.

    Kernels of XNNPACK make 8 output channels at a time on NEON and 16 with AVX-512, which 8 fills at least half
    (source: XNNPACK src/configs/gemm-config.c, `nr`). CMSIS-NN reads 4 inputs at a time with DSP, in words
    (source: CMSIS-NN arm_nn_mat_mult_nt_t_s8.c). ESP-NN's assembly for the S3 takes multiples of 8 (source: esp-nn
    src/convolution, esp_nn_conv_s8_mult8_1x1_esp32s3.S).
    """
    if target is None or target.kind is not Kind.MCU:
        return 8
    return 8 if target.cpu.has(Isa.PIE) else 4


def multiple_for(units: int, liked: int) -> int:
    """The multiple for a group of `units`: the liked one, but not more than an eighth of the units, nor less than 4.

    A group of 16 channels cut in eights could only keep all or half of itself.
    """
    coarsest = 4
    while coarsest * 2 <= min(liked, units // 8):
        coarsest *= 2
    return min(liked, coarsest)
