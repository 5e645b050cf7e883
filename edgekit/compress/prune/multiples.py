"""Which counts of channels a target's kernels like."""

from __future__ import annotations

from edgekit.targets.target import Isa, Kind, Target


def liked_multiple(target: Target | None) -> int:
    """Channels are computed in tiles of so many; a tile that is not full costs as much as a full one.

    Float and int8 kernels of XNNPACK make 8 output channels at a time on NEON and 16 with AVX-512; 8 lets both fill
    at least half a tile (source: XNNPACK src/configs/gemm-config.c, the `nr` of its GEMM and IGEMM). CMSIS-NN takes
    4 channels at a time where there is MVE or DSP (source: CMSIS-NN Source/NNSupportFunctions/
    arm_nn_mat_mult_nt_t_s8.c); ESP-NN 8 where the S3's vector unit computes (source: esp-nn, src/convolution).
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
