/* What a board gives the agent. A new board is one file with these functions: see docs/microcontrollers.md. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#ifndef BOARD_NAME
#error "define BOARD_NAME (a string), BOARD_HZ (of the core) and BOARD_EMULATED (what emulates it, or an empty string)"
#endif

/* Called once, before the others, with interrupts off: clocks, pins, the serial port. */
void board_start(void);

/* The next byte of the line, or -1 where none has come. Does not wait. Keeps 64 bytes or more that come unasked. */
int board_read(void);

/* Puts a byte on the line; waits while there is no room. */
void board_write(uint8_t byte);

/* Any external interrupt of the board. */
void board_interrupt(void);

#endif
