/* The counters of the MPS2 and MPS3 boards of QEMU, which run on virtual time and so count instructions under -icount.
 * Source: Arm CMSDK (DDI 0479), 4.4, and AN386, FPGA system registers; SSE-300 (101773), system counter. */
#include "counter.h"

#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

uint32_t counter_hz(void) { return BOARD_HZ; }

#ifdef SYSTEM_COUNTER_BASE

void counter_start(void) { REGISTER(SYSTEM_COUNTER_BASE) = 1u; }

uint64_t counter_ticks(void) {
  uint32_t high, low;
  do {
    high = REGISTER(SYSTEM_COUNTER_BASE + 12u);
    low = REGISTER(SYSTEM_COUNTER_BASE + 8u);
  } while (high != REGISTER(SYSTEM_COUNTER_BASE + 12u));
  return (uint64_t)high << 32 | low;
}

#else

#define TIMER_CONTROL REGISTER(0x40000000u)
#define TIMER_VALUE REGISTER(0x40000004u)
#define TIMER_RELOAD REGISTER(0x40000008u)
#define HUNDREDTHS REGISTER(0x40028014u) /* counts at 100 Hz from the start */
#define TICKS_OF_HUNDREDTH (BOARD_HZ / 100u)

static uint32_t hundredths_at_start;

void counter_start(void) {
  TIMER_CONTROL = 0;
  TIMER_RELOAD = 0xFFFFFFFFu;
  TIMER_VALUE = 0xFFFFFFFFu;
  TIMER_CONTROL = 1u;
  hundredths_at_start = HUNDREDTHS;
}

/* The timer wraps after 172 s of virtual time; the slow counter tells how often it has. */
uint64_t counter_ticks(void) {
  uint32_t fine = 0xFFFFFFFFu - TIMER_VALUE;
  uint64_t coarse = (uint64_t)(HUNDREDTHS - hundredths_at_start) * TICKS_OF_HUNDREDTH;
  uint64_t wraps = (coarse + 0x80000000u - fine) >> 32;
  return wraps << 32 | fine;
}

#endif
