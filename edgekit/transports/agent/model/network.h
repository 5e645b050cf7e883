/* What the firmware's two ways to the network share. */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdint.h>

/* Puts all inputs, one after another, in their places. Gives 0 where `size` is not that of all of them. */
uint32_t network_load(const uint8_t *data, uint32_t size);

/* Sets the network to its beginning, the first time. */
void network_ready(void);

#endif
