/* A counter for measuring code. Where a board has a better one than the core's cycle counter, it defines these. */
#ifndef COUNTER_H
#define COUNTER_H

#include <stdint.h>

void counter_start(void);

/* Ticks since counter_start; may wrap at 2^32. */
uint64_t counter_ticks(void);

/* Ticks of a second. */
uint32_t counter_hz(void);

#endif
