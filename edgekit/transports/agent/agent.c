#include "agent.h"

#include <string.h>

#include "board.h"
#include "frames.h"
#include "machine.h"
#include "output.h"
#include "store.h"

enum kind {
  HELLO = 0x81,
  BEGIN = 0x82,
  DATA = 0x83,
  END = 0x84,
  STAT = 0x85,
  READ = 0x86,
  RUN = 0x87,
  POLL = 0x88,
  KILL = 0x89,
  BYE = 0x8A,
  DONE = 0xC0,
  REFUSED = 0xC1,
  NO_SESSION = 0xC2
};

enum state { IDLE, WANTED, RUNNING, ENDED };

#define SIGNAL_KILL 9
#define WORDS_MAX 64u
#ifndef HOST_GONE_US
#define HOST_GONE_US 30000000u /* a program whose host has been silent for so long is ended */
#endif

static struct frame_decoder decoder;
static uint32_t session; /* 0: none */
static uint16_t sequence;
static uint8_t answer[FRAME_BODY_BYTES];
static uint32_t answer_bytes;
static uint64_t heard_us;

static volatile enum state state;
static volatile bool inside; /* the agent is at work: the timer's interrupt leaves it alone */
static volatile bool kill_wanted;
static int32_t exit_code;
static machine_program wanted;
static char words[FRAME_PAYLOAD_BYTES + 1u];
static char *argv[WORDS_MAX + 1u];
static int argc;

void agent_enter(void) {
  inside = true;
  __asm__ volatile("" ::: "memory");
}

void agent_leave(void) {
  __asm__ volatile("" ::: "memory");
  inside = false;
}

/* ---- answers ---- */

static void say(const char *text) {
  size_t size = strlen(text), room = FRAME_PAYLOAD_BYTES - answer_bytes;
  size = size < room ? size : room;
  memcpy(answer + FRAME_HEADER_BYTES + answer_bytes, text, size);
  answer_bytes += (uint32_t)size;
}

static void say_number(const char *key, uint32_t value) {
  char digits[11];
  say(key);
  say(decimal(value, digits));
  say("\n");
}

static void say_u32(uint32_t value) {
  write_u32(answer + FRAME_HEADER_BYTES + answer_bytes, value);
  answer_bytes += 4u;
}

static uint8_t refuse(const char *sentence) {
  answer_bytes = 0;
  say(sentence);
  return REFUSED;
}

static uint8_t done_or(const char *wrong) { return wrong == 0 ? DONE : refuse(wrong); }

static void forget(void) {
  store_clear();
  output_clear();
  if (state == RUNNING) {
    kill_wanted = true;
  } else {
    state = IDLE;
  }
}

static uint8_t on_hello(void) {
  say("board=" BOARD_NAME "\nemulated=" BOARD_EMULATED "\n");
  say_number("version=", AGENT_VERSION);
  say_number("payload=", FRAME_PAYLOAD_BYTES);
  say_number("store=", store_free_bytes());
  return DONE;
}

/* The text that ends the payload, from `at`; it is copied because the payload has no final zero. */
static const char *name_from(const struct frame *frame, uint32_t at) {
  static char name[FRAME_PAYLOAD_BYTES + 1u];
  uint32_t size = frame->size > at ? frame->size - at : 0u;
  memcpy(name, frame->payload + at, size);
  name[size] = 0;
  return name;
}

static uint8_t on_stat(const struct frame *frame) {
  const struct file *file = store_find(name_from(frame, 0));
  if (file == 0) {
    return refuse("there is no such file");
  }
  say_u32(file->size);
  return DONE;
}

static uint8_t on_read(const struct frame *frame) {
  const struct file *file = store_find(name_from(frame, 6));
  if (file == 0 || frame->size < 6u) {
    return refuse("there is no such file");
  }
  uint32_t offset = read_u32(frame->payload), size = (uint32_t)(frame->payload[4] | frame->payload[5] << 8);
  if (offset > file->size || size > file->size - offset || size > FRAME_PAYLOAD_BYTES) {
    return refuse("the piece is not within the file");
  }
  memcpy(answer + FRAME_HEADER_BYTES, file->data + offset, size);
  answer_bytes = size;
  return DONE;
}

static const struct program *find_program(const struct program *table, const char *name) {
  for (; table != 0 && table->name != 0; table++) {
    if (strcmp(table->name, name) == 0) {
      return table;
    }
  }
  return 0;
}

static void say_programs(const struct program *table) {
  for (; table != 0 && table->name != 0; table++) {
    say(" ");
    say(table->name);
  }
}

static uint8_t on_run(const struct frame *frame) {
  memcpy(words, frame->payload, frame->size);
  words[frame->size] = 0;
  argc = 0;
  for (uint32_t at = 0; at < frame->size; at += (uint32_t)strlen(words + at) + 1u) {
    if (argc == (int)WORDS_MAX) {
      return refuse("it has too many words for this board");
    }
    argv[argc++] = words + at;
  }
  argv[argc] = 0;
  const char *name = argc > 0 ? argv[0] : "";
  const struct program *program = find_program(model_programs, name);
  program = program != 0 ? program : find_program(agent_programs, name);
  if (program == 0) {
    refuse("this firmware has no such program, but:");
    say_programs(model_programs);
    say_programs(agent_programs);
    return REFUSED;
  }
  wanted = program->main;
  output_clear();
  kill_wanted = false;
  state = WANTED;
  return DONE;
}

static uint8_t on_poll(void) {
  bool ended = state == ENDED;
  answer[FRAME_HEADER_BYTES] = ended ? 1u : state == IDLE ? 2u : 0u;
  answer_bytes = 1;
  say_u32((uint32_t)exit_code);
  answer_bytes += output_take(answer + FRAME_HEADER_BYTES + answer_bytes);
  if (ended) {
    state = IDLE;
  }
  return DONE;
}

static uint8_t on_kill(void) {
  if (state == RUNNING) {
    kill_wanted = true;
  } else {
    state = IDLE;
  }
  store_remove("");
  return DONE;
}

static uint8_t handle_files(const struct frame *frame) {
  switch (frame->kind) {
    case BEGIN:
      return frame->size < 4u ? refuse("no size") : done_or(store_begin(name_from(frame, 4), read_u32(frame->payload)));
    case DATA:
      return frame->size < 4u
                 ? refuse("no offset")
                 : done_or(store_write(read_u32(frame->payload), frame->payload + 4, frame->size - 4u));
    case END:
      return frame->size != 32u ? refuse("no SHA-256") : done_or(store_end(frame->payload));
    case STAT:
      return on_stat(frame);
    case READ:
      return on_read(frame);
    default:
      return refuse("this firmware does not know the request");
  }
}

static uint8_t handle(const struct frame *frame) {
  switch (frame->kind) {
    case HELLO:
      return on_hello();
    case POLL:
      return on_poll();
    case KILL:
      return on_kill();
    case BYE:
      forget();
      return DONE;
    default:
      break;
  }
  if (state != IDLE) {
    return refuse("a program is running");
  }
  return frame->kind == RUN ? on_run(frame) : handle_files(frame);
}

static void send_no_session(const struct frame *frame) {
  uint8_t body[FRAME_HEADER_BYTES + 4u];
  frame_header(body, NO_SESSION, frame->sequence, frame->session);
  frame_send(body, 0, board_write);
}

static void on_frame(const struct frame *frame) {
  if ((frame->kind & 0xC0u) != 0x80u || frame->session == 0u) {
    return;
  }
  if (frame->kind == HELLO && frame->session != session) {
    forget();
    session = frame->session;
    sequence = (uint16_t)(frame->sequence - 1u);
  }
  if (frame->session != session) {
    send_no_session(frame);
    return;
  }
  heard_us = machine_us();
  if (frame->sequence == (uint16_t)(sequence + 1u)) {
    sequence = frame->sequence;
    answer_bytes = 0;
    frame_header(answer, handle(frame), sequence, session);
  } else if (frame->sequence != sequence) {
    return;
  }
  frame_send(answer, answer_bytes, board_write);
}

/* ---- the line ---- */

static bool take_bytes(void) {
  struct frame frame;
  bool any = false;
  while (!kill_wanted) { /* what follows a kill waits until the program has gone */
    int byte = board_read();
    if (byte < 0) {
      break;
    }
    any = true;
    if (frame_feed(&decoder, (uint8_t)byte, &frame)) {
      on_frame(&frame);
    }
    if (state == IDLE) {
      plain_feed((uint8_t)byte);
    }
  }
  return any;
}

static bool host_gone(void) {
  uint64_t now = machine_us();
  return now > heard_us && now - heard_us > HOST_GONE_US;
}

int agent_tick(void) {
  if (inside) {
    return 0;
  }
  agent_enter();
  take_bytes();
  bool end = kill_wanted || host_gone();
  agent_leave();
  return end ? -SIGNAL_KILL : 0;
}

/* ---- programs ---- */

/* For a program that waits for the host: lets the agent work, and leaves the program when it is killed. */
void agent_wait(void) {
  if (!take_bytes()) {
    machine_idle();
  }
  if (kill_wanted || host_gone()) {
    machine_leave(-SIGNAL_KILL);
  }
}

static void write_hex(uint32_t value) {
  uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
  agent_text(AGENT_ERR, "0x");
  agent_hex(AGENT_ERR, bytes, 4);
}

static void report_fault(void) {
  struct machine_fault fault = machine_last_fault();
  if (!fault.happened || output_room() < 64u) {
    return; /* no room: waiting for it is the program's, and that has gone */
  }
  agent_text(AGENT_ERR, "fault at ");
  write_hex(fault.instruction);
  agent_text(AGENT_ERR, ", address ");
  write_hex(fault.address);
  agent_text(AGENT_ERR, "\n");
}

static void execute(void) {
  heard_us = machine_us();
  state = RUNNING;
  agent_leave();
  exit_code = machine_run(wanted, argc, argv);
  report_fault();
  agent_enter();
  store_remove("");
  if (kill_wanted) {
    output_clear();
  }
  state = kill_wanted ? IDLE : ENDED;
  kill_wanted = false;
}

void agent_start(void) {
  uint32_t size;
  uint8_t *memory = machine_store(&size);
  store_start(memory, size);
  agent_enter();
  plain_text("\r\nm-init-done\r\nm-ready\r\n");
}

void agent_step(void) {
  if (!take_bytes()) {
    machine_idle();
  }
  if (state == WANTED) {
    execute();
  }
}
