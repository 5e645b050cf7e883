/* What the firmware uses of the C library, for a compiler that brings none. */
#ifndef FREESTANDING_STDLIB_H
#define FREESTANDING_STDLIB_H

#include <stddef.h>

/* Decimal digits only, after spaces. */
unsigned long strtoul(const char *text, char **end, int base);

#endif
