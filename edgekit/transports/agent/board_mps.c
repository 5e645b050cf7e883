/* The MPS2 and MPS3 boards of QEMU: a CMSDK UART whose received bytes an interrupt puts into a ring.
 * Source: Arm CMSDK technical reference (DDI 0479), 4.3; UART_BASE and UART_IRQ come from the command line. */
#include "board.h"

#define UART(offset) (*(volatile uint32_t *)(UART_BASE + (offset)))
#define UART_DATA UART(0x0u)
#define UART_STATE UART(0x4u)   /* bit 0: transmit buffer full, bit 1: receive buffer full */
#define UART_CONTROL UART(0x8u) /* bit 0: transmit, bit 1: receive, bit 3: interrupt when received */
#define UART_CLEAR UART(0xCu)
#define UART_DIVIDER UART(0x10u)
#define NVIC_ENABLE(n) (*(volatile uint32_t *)(0xE000E100u + 4u * (n)))

#define RING_BYTES 4096u

static volatile uint8_t ring[RING_BYTES];
static volatile uint32_t ring_in;
static volatile uint32_t ring_out;

void board_start(void) {
  UART_DIVIDER = 16u;
  UART_CONTROL = 1u | 2u | 8u;
  NVIC_ENABLE(UART_IRQ / 32u) = 1u << (UART_IRQ % 32u);
}

int board_read(void) {
  uint32_t at = ring_out;
  if (at == ring_in) {
    return -1;
  }
  uint8_t byte = ring[at % RING_BYTES];
  ring_out = at + 1u;
  return byte;
}

void board_write(uint8_t byte) {
  while (UART_STATE & 1u) {
  }
  UART_DATA = byte;
}

void board_interrupt(void) {
  UART_CLEAR = 2u; /* first: a byte that comes while we read must raise it again */
  while (UART_STATE & 2u) {
    uint8_t byte = (uint8_t)UART_DATA;
    if (ring_in - ring_out < RING_BYTES) {
      ring[ring_in % RING_BYTES] = byte;
      ring_in = ring_in + 1u;
    }
  }
}
