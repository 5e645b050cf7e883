/* The MLPerf Tiny commands for a network: `db load N`, `db HH...`, `db print`, `infer N W`, `results`.
 * Source: mlcommons/tiny, benchmark/api (the commands and answers) and benchmark/runner (what is read of them). */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "ek_model.h"
#include "machine.h"
#include "network.h"

#define MOST_BYTES (4u * MODEL_INPUT_BYTES) /* floats, for a network that takes bytes */
#define WARMUPS 10u
#define SHOWN_PER_LINE 8u
#define DECIMALS 6u

static uint8_t buffer[MOST_BYTES];
static uint8_t inputs[MODEL_INPUT_BYTES];
static uint32_t wanted_bytes;
static uint32_t buffer_bytes;

static void line(const char *before, uint32_t value, const char *after) {
  plain_text(before);
  plain_number(value);
  plain_text(after);
  plain_text("\r\n");
}

/* ---- db ---- */

static int digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void db_load(const char *rest) {
  uint32_t size = (uint32_t)strtoul(rest, 0, 10);
  if (size == 0u || size > MOST_BYTES) {
    line("e-[Command 'db load' takes 1 to ", MOST_BYTES, " bytes]");
    return;
  }
  wanted_bytes = size;
  buffer_bytes = 0;
  line("m-[Expecting ", size, " bytes]");
}

static void db_digits(const char *text) {
  if (wanted_bytes == 0u || strlen(text) % 2u != 0u) {
    plain_text(wanted_bytes == 0u ? "e-[Command 'db load' must come first]\r\n" : "e-[Insufficent number of hex digits]\r\n");
    return;
  }
  for (; *text != 0 && buffer_bytes < wanted_bytes; text += 2) {
    int high = digit(text[0]), low = digit(text[1]);
    if (high < 0 || low < 0) {
      plain_text("e-[Invalid hex digit]\r\n");
      return;
    }
    buffer[buffer_bytes++] = (uint8_t)(high * 16 + low);
    if (buffer_bytes == wanted_bytes) {
      plain_text("m-load-done\r\n");
    }
  }
}

static void db_print(void) {
  static const char digits[] = "0123456789abcdef";
  for (uint32_t i = 0; i < buffer_bytes; i++) {
    char text[3] = {digits[buffer[i] >> 4], digits[buffer[i] & 15u], 0};
    plain_text(i % SHOWN_PER_LINE == 0u ? "m-buffer-" : "-");
    plain_text(text);
    plain_text(i % SHOWN_PER_LINE == SHOWN_PER_LINE - 1u || i + 1u == buffer_bytes ? "\r\n" : "");
  }
}

static void answer_db(const char *rest) {
  if (*rest == 0) {
    plain_text("e-[Command 'db' requires a subcommand]\r\n");
  } else if (strncmp(rest, "load", 4) == 0) {
    db_load(rest + 4);
  } else if (strcmp(rest, "print") == 0) {
    db_print();
  } else {
    db_digits(rest);
  }
}

/* ---- infer ---- */

static int32_t rounded(float value) { return (int32_t)(value < 0 ? value - 0.5f : value + 0.5f); }

static int8_t quantized(float value, const ek_tensor *tensor) {
  float stored = value / tensor->scale + (float)tensor->zero_point;
  return (int8_t)(stored < -128 ? -128 : stored > 127 ? 127 : rounded(stored));
}

/* From the buffer to the stored inputs. An int8 input may come as floats; and one whose real values are none below 0
 * (zero point -128) comes in unsigned bytes, as the benchmark's images do. Gives 0 where the size fits neither. */
static uint32_t take_buffer(void) {
  const ek_tensor *tensor = ek_model_input(0);
  uint32_t count = buffer_bytes / 4u;
  if (buffer_bytes == 4u * MODEL_INPUT_BYTES && tensor->type == EK_INT8) {
    for (uint32_t i = 0; i < count; i++) {
      float value;
      memcpy(&value, buffer + 4u * i, 4);
      inputs[i] = (uint8_t)quantized(value, tensor);
    }
    return 1;
  }
  uint8_t flip = tensor->type == EK_INT8 && tensor->zero_point == -128 ? 0x80u : 0u;
  for (uint32_t i = 0; i < MODEL_INPUT_BYTES; i++) {
    inputs[i] = buffer[i] ^ flip;
  }
  return buffer_bytes == MODEL_INPUT_BYTES ? 1u : 0u;
}

/* The inputs anew for each inference: the last one may have overwritten them. */
static void infer(uint32_t count) {
  for (; count > 0u; count--) {
    (void)network_load(inputs, MODEL_INPUT_BYTES);
    ek_model_run();
  }
}

static void lap(void) {
  line("m-lap-us-", (uint32_t)machine_us(), "");
}

static void real_number(float value) {
  static const uint32_t ones[] = {100000u, 10000u, 1000u, 100u, 10u, 1u};
  if (value < 0) {
    plain_text("-");
    value = -value;
  }
  uint32_t whole = value < 4e9f ? (uint32_t)value : 4000000000u;
  uint32_t part = (uint32_t)((value - (float)whole) * 1e6f);
  plain_number(whole);
  plain_text(".");
  for (uint32_t i = 0; i < DECIMALS; i++) {
    char text[2] = {(char)('0' + part / ones[i] % 10u), 0};
    plain_text(text);
  }
}

static float element(const ek_tensor *tensor, uint32_t index) {
  float value = 0;
  if (tensor->type == EK_FLOAT32) {
    memcpy(&value, (const uint8_t *)tensor->data + 4u * index, 4);
    return value;
  }
  int32_t stored = tensor->type == EK_INT8     ? ((const int8_t *)tensor->data)[index]
                   : tensor->type == EK_INT16  ? ((const int16_t *)tensor->data)[index]
                   : tensor->type == EK_INT32  ? ((const int32_t *)tensor->data)[index]
                                               : ((const uint8_t *)tensor->data)[index];
  return tensor->scale > 0 ? tensor->scale * (float)(stored - tensor->zero_point) : (float)stored;
}

static uint32_t element_bytes(const ek_tensor *tensor) {
  return tensor->type == EK_FLOAT32 || tensor->type == EK_INT32 ? 4u : tensor->type == EK_INT16 ? 2u : 1u;
}

static void answer_results(const char *rest) {
  (void)rest;
  const ek_tensor *tensor = ek_model_output(0);
  uint32_t count = tensor->bytes / element_bytes(tensor);
  plain_text("m-results-[");
  for (uint32_t i = 0; i < count; i++) {
    plain_text(i > 0u ? "," : "");
    real_number(element(tensor, i));
  }
  plain_text("]\r\n");
}

static void answer_infer(const char *rest) {
  char *end;
  uint32_t count = (uint32_t)strtoul(rest, &end, 10);
  uint32_t warmups = *end != 0 ? (uint32_t)strtoul(end, 0, 10) : WARMUPS;
  if (count == 0u || take_buffer() == 0u) {
    plain_text(count == 0u ? "e-[Inference iterations must be >0]\r\n" : "e-[The input has another size]\r\n");
    return;
  }
  network_ready();
  line("m-warmup-start-", warmups, "");
  infer(warmups);
  plain_text("m-warmup-done\r\n");
  line("m-infer-start-", count, "");
  lap();
  infer(count);
  lap();
  plain_text("m-infer-done\r\n");
  answer_results("");
}

const struct command model_commands[] = {
    {"db", answer_db, "load N, then HH..., N bytes in all; print"},
    {"infer", answer_infer, "N [W]: N inferences after W to warm up"},
    {"results", answer_results, "the outputs of the last inference"},
    {0, 0, 0},
};
