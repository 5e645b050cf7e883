/* The programs that every firmware has, under the names of their relatives on a desktop. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "frames.h"
#include "machine.h"
#include "sha256.h"
#include "store.h"

static uint32_t number(int argc, char **argv, int index, uint32_t otherwise) {
  return argc > index ? (uint32_t)strtoul(argv[index], 0, 10) : otherwise;
}

static int no_file(const char *program, const char *name) {
  agent_text(AGENT_ERR, program);
  agent_text(AGENT_ERR, ": ");
  agent_text(AGENT_ERR, name);
  agent_text(AGENT_ERR, ": there is no such file\n");
  return 1;
}

/* The file argv[1], or without one the standard input. */
static const struct file *operand(int argc, char **argv) {
  static const struct file nothing;
  const struct file *file = store_find(argc > 1 ? argv[1] : "");
  return file == 0 && argc < 2 ? &nothing : file;
}

static int run_true(int argc, char **argv) {
  (void)argc;
  (void)argv;
  return 0;
}

static int run_exit(int argc, char **argv) { return (int)(number(argc, argv, 1, 0) & 255u); }

static int run_echo(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    agent_text(AGENT_OUT, argv[i]);
    agent_text(AGENT_OUT, i + 1 < argc ? " " : "");
  }
  agent_text(AGENT_OUT, "\n");
  return 0;
}

/* Each word as <word>, one after another. */
static int run_arguments(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    agent_text(AGENT_OUT, "<");
    agent_text(AGENT_OUT, argv[i]);
    agent_text(AGENT_OUT, ">");
  }
  return 0;
}

static int run_cat(int argc, char **argv) {
  const struct file *file = operand(argc, argv);
  if (file == 0) {
    return no_file("cat", argv[1]);
  }
  agent_write(AGENT_OUT, file->data, file->size);
  return 0;
}

static int run_sha256sum(int argc, char **argv) {
  const struct file *file = operand(argc, argv);
  struct sha256 hash;
  uint8_t digest[32];
  if (file == 0) {
    return no_file("sha256sum", argv[1]);
  }
  sha256_start(&hash);
  sha256_add(&hash, file->data, file->size);
  sha256_end(&hash, digest);
  agent_hex(AGENT_OUT, digest, sizeof digest);
  agent_text(AGENT_OUT, "\n");
  return 0;
}

static int run_crc32(int argc, char **argv) {
  const struct file *file = operand(argc, argv);
  if (file == 0) {
    return no_file("crc32", argv[1]);
  }
  agent_number(AGENT_OUT, frame_crc32(file->data, file->size));
  agent_text(AGENT_OUT, "\n");
  return 0;
}

/* test -e FILE */
static int run_test(int argc, char **argv) {
  return argc == 3 && strcmp(argv[1], "-e") == 0 && store_find(argv[2]) != 0 ? 0 : 1;
}

/* put STREAM TEXT STREAM TEXT ...: stream 1 is stdout, 2 is stderr */
static int run_put(int argc, char **argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    agent_text(strcmp(argv[i], "2") == 0 ? AGENT_ERR : AGENT_OUT, argv[i + 1]);
  }
  return 0;
}

static void fill(enum agent_stream stream, char byte, uint32_t size) {
  char block[256];
  memset(block, byte, sizeof block);
  while (size > 0u) {
    uint32_t part = size < sizeof block ? size : (uint32_t)sizeof block;
    agent_write(stream, block, part);
    size -= part;
  }
}

/* much OUT ERR: so many bytes of x and of y */
static int run_much(int argc, char **argv) {
  fill(AGENT_OUT, 'x', number(argc, argv, 1, 0));
  fill(AGENT_ERR, 'y', number(argc, argv, 2, 0));
  return 0;
}

static int run_sleep(int argc, char **argv) {
  uint64_t end = machine_us() + (uint64_t)number(argc, argv, 1, 0) * 1000000u;
  while (machine_us() < end) {
    machine_idle();
  }
  return 0;
}

/* say SECONDS TEXT...: the lines, then sleeps */
static int run_say(int argc, char **argv) {
  for (int i = 2; i < argc; i++) {
    agent_text(AGENT_OUT, argv[i]);
    agent_text(AGENT_OUT, "\n");
  }
  return run_sleep(argc, argv);
}

/* die NUMBER: ends as by that signal */
static int run_die(int argc, char **argv) {
  machine_leave(-(int)(number(argc, argv, 1, 6) & 127u));
  return 0;
}

/* Computes for ever and asks for nothing. */
static int run_spin(int argc, char **argv) {
  (void)argv;
  volatile uint32_t turns = 0;
  while (argc >= 0) {
    turns = turns + 1u;
  }
  return 0;
}

static uint32_t overflow(uint32_t depth) {
  volatile uint32_t frame[32];
  frame[0] = depth;
  return depth == 0xFFFFFFFFu ? 0u : overflow(depth + 1u) + frame[0];
}

/* fault memory|illegal|stack */
static int run_fault(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "memory";
  if (strcmp(how, "illegal") == 0) {
    __builtin_trap();
  }
  if (strcmp(how, "stack") == 0) {
    return (int)overflow(0);
  }
  *(volatile uint32_t *)(uintptr_t)0xF0000000u = 1u;
  return 0;
}

const struct program agent_programs[] = {
    {"true", run_true},   {"exit", run_exit}, {"echo", run_echo},           {"arguments", run_arguments},
    {"cat", run_cat},     {"test", run_test}, {"sha256sum", run_sha256sum}, {"crc32", run_crc32},
    {"put", run_put},     {"much", run_much}, {"sleep", run_sleep},         {"say", run_say},
    {"spin", run_spin},   {"die", run_die},   {"fault", run_fault},         {0, 0},
};
