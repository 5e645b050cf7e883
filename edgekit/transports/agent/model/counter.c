/* The core's own cycle counter, for boards that bring no other. It stands still where a core has none (Cortex-M0+).
 * Source: Armv7-M architecture reference manual (DDI 0403), C1.6.5 and C1.8.8. */
#include "counter.h"

#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define TRACE_CONTROL REGISTER(0xE000EDFCu) /* bit 24: the trace unit is on */
#define DWT_CONTROL REGISTER(0xE0001000u)   /* bit 0: count cycles */
#define DWT_CYCLES REGISTER(0xE0001004u)

__attribute__((weak)) void counter_start(void) {
  TRACE_CONTROL |= 1u << 24;
  DWT_CYCLES = 0;
  DWT_CONTROL |= 1u;
}

__attribute__((weak)) uint64_t counter_ticks(void) { return DWT_CYCLES; }

__attribute__((weak)) uint32_t counter_hz(void) { return BOARD_HZ; }
