/* What the firmware uses of the C library, for a compiler that brings none. */
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Words where both ends are aligned alike; the compiler must not make a call of memcpy of it. */
__attribute__((no_builtin("memcpy"))) void *memcpy(void *to, const void *from, size_t size) {
  uint8_t *target = to;
  const uint8_t *source = from;
  if ((((uintptr_t)target | (uintptr_t)source) & 3u) == 0u) {
    for (; size >= 4u; size -= 4u) {
      *(uint32_t *)(void *)target = *(const uint32_t *)(const void *)source;
      target += 4;
      source += 4;
    }
  }
  for (; size > 0u; size--) {
    *target++ = *source++;
  }
  return to;
}

__attribute__((no_builtin("memmove"))) void *memmove(void *to, const void *from, size_t size) {
  uint8_t *target = to;
  const uint8_t *source = from;
  if ((uintptr_t)target <= (uintptr_t)source) {
    for (size_t i = 0; i < size; i++) {
      target[i] = source[i];
    }
    return to;
  }
  for (size_t i = size; i > 0u; i--) {
    target[i - 1u] = source[i - 1u];
  }
  return to;
}

__attribute__((no_builtin("memset"))) void *memset(void *to, int byte, size_t size) {
  uint8_t *target = to;
  for (size_t i = 0; i < size; i++) {
    target[i] = (uint8_t)byte;
  }
  return to;
}

int memcmp(const void *a, const void *b, size_t size) {
  const uint8_t *left = a;
  const uint8_t *right = b;
  for (size_t i = 0; i < size; i++) {
    if (left[i] != right[i]) {
      return left[i] < right[i] ? -1 : 1;
    }
  }
  return 0;
}

__attribute__((no_builtin("strlen"))) size_t strlen(const char *text) {
  size_t size = 0;
  while (text[size] != 0) {
    size++;
  }
  return size;
}

int strncmp(const char *a, const char *b, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (a[i] != b[i] || a[i] == 0) {
      return (int)(uint8_t)a[i] - (int)(uint8_t)b[i];
    }
  }
  return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }

char *strchr(const char *text, int wanted) {
  for (; *text != (char)wanted; text++) {
    if (*text == 0) {
      return 0;
    }
  }
  return (char *)(uintptr_t)text;
}

unsigned long strtoul(const char *text, char **end, int base) {
  unsigned long value = 0;
  while (*text == ' ') {
    text++;
  }
  for (; *text >= '0' && *text <= '9'; text++) {
    value = value * (unsigned long)base + (unsigned long)(*text - '0');
  }
  if (end != 0) {
    *end = (char *)(uintptr_t)text;
  }
  return value;
}

#if __ARM_ARCH >= 7 /* the agent's own needs; Cortex-M0+ has other instructions, and no agent */

__attribute__((naked)) int setjmp(jmp_buf home __attribute__((unused))) {
  __asm__ volatile(
      "mov r1, sp\n"
      "stmia r0!, {r4-r11}\n"
      "stmia r0!, {r1, lr}\n"
#if defined(__ARM_FP)
      "vstmia r0, {d8-d15}\n"
#endif
      "movs r0, #0\n"
      "bx lr\n");
}

__attribute__((naked)) void longjmp(jmp_buf home __attribute__((unused)), int value __attribute__((unused))) {
  __asm__ volatile(
      "ldmia r0!, {r4-r11}\n"
      "ldmia r0!, {r2, lr}\n"
#if defined(__ARM_FP)
      "vldmia r0, {d8-d15}\n"
#endif
      "mov sp, r2\n"
      "mov r0, r1\n"
      "bx lr\n");
}

#endif
