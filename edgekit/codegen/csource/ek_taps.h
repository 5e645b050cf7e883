/* Which taps of a window lie inside. */
#ifndef EK_TAPS_H
#define EK_TAPS_H

#include "ek.h"

/* How many of the taps at first, first + dilation, ... lie before `limit`. */
EK_BODY int32_t ek_taps_before(int32_t first, int32_t limit, int32_t dilation, int32_t kernel) {
    const int32_t distance = limit - first;
    return distance <= 0 ? 0 : ek_min(kernel, (distance + dilation - 1) / dilation);
}

#endif
