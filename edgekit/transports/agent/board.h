/* What a board gives the agent. A new board is one file with these functions and a BOARD_NAME: see docs/microcontrollers.md. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#ifndef BOARD_NAME
#error "define BOARD_NAME as a string, BOARD_HZ as the core's clock and BOARD_EMULATED as what emulates it, or as an empty string"
#endif

/* Called once, before the others, with interrupts off: clocks, pins, the serial port. */
void board_start(void);

/* The next byte of the line, or -1 where none has come. Does not wait. Must not lose 64 bytes that come while nobody asks. */
int board_read(void);

/* Puts a byte on the line; waits while there is no room. */
void board_write(uint8_t byte);

/* Any external interrupt of the board. */
void board_interrupt(void);

#endif
