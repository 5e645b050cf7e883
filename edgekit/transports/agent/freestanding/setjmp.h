/* What the firmware uses of the C library, for a compiler that brings none: Cortex-M, registers that a call keeps. */
#ifndef FREESTANDING_SETJMP_H
#define FREESTANDING_SETJMP_H

#include <stdint.h>

typedef uint64_t jmp_buf[14]; /* r4 to r11, sp, lr, d8 to d15 */

int setjmp(jmp_buf home) __attribute__((returns_twice));
void longjmp(jmp_buf home, int value) __attribute__((noreturn));

#endif
