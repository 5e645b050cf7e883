/* The agent of edgekit/transports/agent as a program of this machine: its line is memory (a library, for tests that
 * damage what goes over it) or the standard input (a program, for the sanitizers). */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "board.h"
#include "machine.h"

#define LINE_BYTES (1u << 20)

static uint8_t to_board[LINE_BYTES], from_board[LINE_BYTES], files[65536];
static uint32_t to_read, to_write, from_write;
static uint64_t now_us;
static jmp_buf home;
static int left_with;
static bool running;

void board_start(void) {}
void board_interrupt(void) {}

int board_read(void) { return to_read < to_write ? to_board[to_read++] : -1; }

void board_write(uint8_t byte) {
  if (from_write < LINE_BYTES) {
    from_board[from_write++] = byte;
  }
}

uint64_t machine_us(void) { return now_us; }

/* Nothing more comes before the test goes on: a program that waits for its host would wait for ever. */
void machine_idle(void) {
  now_us += 1000u;
  if (running && to_read == to_write) {
    machine_leave(-9);
  }
}

void machine_leave(int code) {
  left_with = code;
  longjmp(home, 1);
}

int machine_run(machine_program program, int argc, char **argv) {
  running = true;
  if (setjmp(home) == 0) {
    left_with = program(argc, argv);
  }
  running = false;
  return left_with;
}

struct machine_fault machine_last_fault(void) {
  static const struct machine_fault none;
  return none;
}

uint8_t *machine_store(uint32_t *size) {
  *size = sizeof files;
  return files;
}

/* wait MILLISECONDS: what the timer's interrupt says to a program when its host has been silent for so long. */
static int run_wait(int argc, char **argv) {
  uint32_t ms = 0;
  if (argc < 2 || sscanf(argv[1], "%u", &ms) != 1) {
    return 1;
  }
  now_us += (uint64_t)ms * 1000u;
  agent_number(AGENT_OUT, (uint32_t)-agent_tick());
  return 0;
}

static void answer_infer(const char *rest) {
  plain_text("m-infer-start-");
  plain_text(rest);
  plain_text("\r\n");
}

const struct program model_programs[] = {{"wait", run_wait}, {0, 0}};
const struct command model_commands[] = {{"infer", answer_infer, "N times"}, {0, 0, 0}};
const char model_name[] = "kws01";

void host_start(void) { agent_start(); }

/* Hands `size` bytes to the agent and lets it work. */
void host_feed(const uint8_t *data, uint32_t size) {
  to_read = to_write = 0;
  to_write = size < LINE_BYTES ? size : LINE_BYTES;
  memcpy(to_board, data, to_write);
  do {
    agent_step();
  } while (to_read < to_write);
}

/* What the agent has sent. */
uint32_t host_take(uint8_t *data, uint32_t most) {
  uint32_t size = from_write < most ? from_write : most;
  memcpy(data, from_board, size);
  from_write = 0;
  return size;
}

int main(void) {
  static uint8_t chunk[4096];
  host_start();
  for (size_t size = fread(chunk, 1, sizeof chunk, stdin); size > 0u; size = fread(chunk, 1, sizeof chunk, stdin)) {
    host_feed(chunk, (uint32_t)size);
    fwrite(from_board, 1, from_write, stdout);
    from_write = 0;
  }
  return 0;
}
