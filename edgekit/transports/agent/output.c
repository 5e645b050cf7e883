/* What a program has written and the host has not taken: records of stream, size (2 bytes) and bytes, in order. */
#include "output.h"

#include <string.h>

#include "agent.h"
#include "frames.h"

#define RECORD_HEADER_BYTES 3u
#define OUTPUT_BYTES (FRAME_PAYLOAD_BYTES - OUTPUT_BEFORE_BYTES)

static uint8_t output[OUTPUT_BYTES];
static uint32_t output_bytes;
static uint32_t record_at; /* the record that is being written; output_bytes where there is none */

void output_clear(void) { output_bytes = record_at = 0; }

uint32_t output_room(void) { return OUTPUT_BYTES - output_bytes; }

uint32_t output_take(uint8_t *to) {
  uint32_t size = output_bytes;
  memcpy(to, output, size);
  output_clear();
  return size;
}

char *decimal(uint32_t value, char digits[11]) {
  char *at = digits + 10;
  *at = 0;
  do {
    *--at = (char)('0' + value % 10u);
    value /= 10u;
  } while (value != 0u);
  return at;
}

static void put_record(enum agent_stream stream, const uint8_t *data, uint32_t size) {
  if (record_at == output_bytes || output[record_at] != (uint8_t)stream) {
    record_at = output_bytes;
    output[record_at] = (uint8_t)stream;
    output[record_at + 1u] = output[record_at + 2u] = 0;
    output_bytes += RECORD_HEADER_BYTES;
  }
  memcpy(output + output_bytes, data, size);
  output_bytes += size;
  uint32_t total = output_bytes - record_at - RECORD_HEADER_BYTES;
  output[record_at + 1u] = (uint8_t)total;
  output[record_at + 2u] = (uint8_t)(total >> 8);
}

void agent_write(enum agent_stream stream, const void *data, uint32_t size) {
  const uint8_t *from = data;
  agent_enter();
  while (size > 0u) {
    while (output_room() <= RECORD_HEADER_BYTES) {
      agent_wait();
    }
    uint32_t room = output_room() - RECORD_HEADER_BYTES;
    uint32_t part = size < room ? size : room;
    put_record(stream, from, part);
    from += part;
    size -= part;
  }
  agent_leave();
}

void agent_text(enum agent_stream stream, const char *text) { agent_write(stream, text, (uint32_t)strlen(text)); }

void agent_number(enum agent_stream stream, uint32_t value) {
  char digits[11];
  agent_text(stream, decimal(value, digits));
}

void agent_hex(enum agent_stream stream, const uint8_t *data, uint32_t size) {
  static const char digit[] = "0123456789abcdef";
  for (uint32_t i = 0; i < size; i++) {
    char pair[2] = {digit[data[i] >> 4], digit[data[i] & 15u]};
    agent_write(stream, pair, 2);
  }
}
