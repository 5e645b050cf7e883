/* The output of programs on its way to the host, for agent.c. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdint.h>

#define OUTPUT_BEFORE_BYTES 5u /* what an answer holds before it: state, exit code */

void output_clear(void);
uint32_t output_room(void);

/* Moves all of it to `to`, which has room for a payload less OUTPUT_BEFORE_BYTES; gives the size. */
uint32_t output_take(uint8_t *to);

/* From agent.c. Between the first two the timer's interrupt leaves the agent alone. */
void agent_enter(void);
void agent_leave(void);
void agent_wait(void);

#endif
