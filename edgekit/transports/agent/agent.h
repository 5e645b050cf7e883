/* The agent: answers the host's frames, keeps its files, runs the firmware's programs, and answers MLPerf Tiny commands
 * in plain text. A firmware with a model adds its own programs and commands: `model_programs`, `model_commands`. */
#ifndef AGENT_H
#define AGENT_H

#include <stdbool.h>
#include <stdint.h>

#define AGENT_VERSION 1u

/* A program: its exit code is 0 to 255. */
struct program {
  const char *name;
  int (*main)(int argc, char **argv);
};

/* A plain command `name REST%`. It prints whole lines with plain_text. */
struct command {
  const char *name;
  void (*answer)(const char *rest);
  const char *help;
};

/* Both end with an entry whose name is 0. */
extern const struct program agent_programs[];
extern const struct command agent_commands[];
extern const struct program model_programs[] __attribute__((weak));
extern const struct command model_commands[] __attribute__((weak));

/* The name of the model in this firmware, for `profile%`. */
extern const char model_name[] __attribute__((weak));

/* For main: once, then for ever. */
void agent_start(void);
void agent_step(void);

/* For the timer's interrupt while a program runs. Gives the code to end the program with, 0 to let it run on. */
int agent_tick(void);

/* For programs. Output waits until the host has taken what was before it. */
enum agent_stream { AGENT_OUT = 1, AGENT_ERR = 2 };
void agent_write(enum agent_stream stream, const void *data, uint32_t size);
void agent_text(enum agent_stream stream, const char *text);
void agent_number(enum agent_stream stream, uint32_t value);
void agent_hex(enum agent_stream stream, const uint8_t *data, uint32_t size);

/* For commands. */
void plain_feed(uint8_t byte);
void plain_text(const char *text);
void plain_number(uint32_t value);

/* Decimal digits of `value`, ended by 0; gives their start within `digits`. */
char *decimal(uint32_t value, char digits[11]);

#endif
