/* The MLPerf Tiny commands in plain text: `name%`, `timestamp%`, `profile%`, `help%` and what a model's firmware adds.
 * Source: the serial protocol of the MLPerf Tiny runner: a command ends with '%' and has at most 80 characters; answers
 * are lines that begin with m- or e-, the last of them m-ready. */
#include <string.h>

#include "agent.h"
#include "board.h"
#include "machine.h"

#define COMMAND_BYTES 80u

static char line[COMMAND_BYTES + 1u];
static uint32_t line_bytes;
static uint32_t since_zero = 2u; /* bytes since a zero byte, at most 2 */
static bool in_frame;

void plain_text(const char *text) {
  for (; *text != 0; text++) {
    board_write((uint8_t)*text);
  }
}

void plain_number(uint32_t value) {
  char digits[11];
  plain_text(decimal(value, digits));
}

static void answer_name(const char *rest) {
  (void)rest;
  plain_text("m-name-dut-[" BOARD_NAME "]\r\n");
}

static void answer_timestamp(const char *rest) {
  (void)rest;
  plain_text("m-lap-us-");
  plain_number((uint32_t)machine_us());
  plain_text("\r\n");
}

static void answer_profile(const char *rest) {
  (void)rest;
  const char *model = model_name;
  plain_text("m-profile-[edgekit agent ");
  plain_number(AGENT_VERSION);
  plain_text("]\r\nm-model-[");
  plain_text(model != 0 ? model : "none");
  plain_text("]\r\n");
}

static void help_table(const struct command *table) {
  for (; table != 0 && table->name != 0; table++) {
    plain_text(table->name);
    plain_text(": ");
    plain_text(table->help);
    plain_text("\r\n");
  }
}

static void answer_help(const char *rest) {
  (void)rest;
  help_table(agent_commands);
  help_table(model_commands);
}

const struct command agent_commands[] = {
    {"name", answer_name, "the name of the board"},
    {"timestamp", answer_timestamp, "the time since the start in microseconds"},
    {"profile", answer_profile, "the firmware and its model"},
    {"help", answer_help, "this list"},
    {0, 0, 0},
};

static bool answer_from(const struct command *table, const char *name, const char *rest) {
  for (; table != 0 && table->name != 0; table++) {
    if (strcmp(table->name, name) == 0) {
      table->answer(rest);
      return true;
    }
  }
  return false;
}

static void on_command(void) {
  char *space = strchr(line, ' ');
  const char *rest = "";
  if (space != 0) {
    *space = 0;
    rest = space + 1;
  }
  if (!answer_from(model_commands, line, rest) && !answer_from(agent_commands, line, rest)) {
    plain_text("e-[Unknown command: ");
    plain_text(line);
    plain_text("]\r\n");
  }
  plain_text("m-ready\r\n");
}

/* A frame's second byte is its kind, which is no text: what comes up to the next zero byte is no command. */
static bool belongs_to_frame(uint8_t byte) {
  if (byte == 0u) {
    since_zero = 0;
    in_frame = false;
    return true;
  }
  if (since_zero < 2u) {
    since_zero++;
    in_frame = in_frame || byte >= 0x80u;
  }
  return in_frame;
}

void plain_feed(uint8_t byte) {
  bool text = byte >= ' ' && byte < 0x7Fu;
  if (belongs_to_frame(byte) || !text || (byte != '%' && line_bytes == COMMAND_BYTES)) {
    line_bytes = 0;
    return;
  }
  if (byte != '%') {
    line[line_bytes++] = (char)byte;
    return;
  }
  line[line_bytes] = 0;
  if (line_bytes > 0u) {
    line_bytes = 0;
    on_command();
  }
}
