/* What a processor gives the agent: time, rest, and programs that can be left at any point. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stdint.h>

typedef int (*machine_program)(int argc, char **argv);

/* Whether the last program ended by a fault, and where: the instruction's address and, for memory, the one it used. */
struct machine_fault {
  bool happened;
  uint32_t instruction;
  uint32_t address;
};

/* Microseconds since the start. */
uint64_t machine_us(void);

/* Rests until something has happened, at most some milliseconds. */
void machine_idle(void);

/* Runs a program on its own stack. Returns its exit code; the negative number of a signal where a fault ended it. */
int machine_run(machine_program program, int argc, char **argv);

/* Ends the running program at once, from within it: machine_run returns `code`. */
void machine_leave(int code);

/* The fault of the last program. */
struct machine_fault machine_last_fault(void);

/* Memory for files, from the linker script. */
uint8_t *machine_store(uint32_t *size);

#endif
