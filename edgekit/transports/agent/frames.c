#include "frames.h"

#include <string.h>

uint32_t read_u32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void write_u32(uint8_t *at, uint32_t value) {
  for (uint32_t i = 0; i < 4u; i++) {
    at[i] = (uint8_t)(value >> (8u * i));
  }
}

/* Half a byte at a time: 64 bytes of table. Polynomial 0xEDB88320 (IEEE 802.3, reflected), as zlib's crc32. */
uint32_t frame_crc32(const uint8_t *data, uint32_t size) {
  static const uint32_t table[16] = {0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
                                     0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
                                     0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu};
  uint32_t crc = 0xFFFFFFFFu;
  for (uint32_t i = 0; i < size; i++) {
    crc ^= data[i];
    crc = crc >> 4 ^ table[crc & 15u];
    crc = crc >> 4 ^ table[crc & 15u];
  }
  return ~crc;
}

/* Takes the stuffing out in place. Gives the size, or 0 where the bytes are no encoding. */
static uint32_t unstuff(uint8_t *bytes, uint32_t used) {
  uint32_t from = 0, to = 0;
  while (from < used) {
    uint32_t code = bytes[from++];
    if (code == 0u || code - 1u > used - from) {
      return 0;
    }
    memmove(bytes + to, bytes + from, code - 1u);
    from += code - 1u;
    to += code - 1u;
    if (code != 0xFFu && from < used) {
      bytes[to++] = 0;
    }
  }
  return to;
}

static bool take(uint8_t *body, uint32_t size, struct frame *frame) {
  if (size < FRAME_HEADER_BYTES + 4u || size > FRAME_BODY_BYTES ||
      read_u32(body + size - 4u) != frame_crc32(body, size - 4u)) {
    return false;
  }
  frame->kind = body[0];
  frame->sequence = (uint16_t)(body[1] | body[2] << 8);
  frame->session = read_u32(body + 3);
  frame->payload = body + FRAME_HEADER_BYTES;
  frame->size = size - FRAME_HEADER_BYTES - 4u;
  return true;
}

bool frame_feed(struct frame_decoder *decoder, uint8_t byte, struct frame *frame) {
  if (byte != 0u) {
    if (decoder->used == FRAME_STUFFED_BYTES) {
      decoder->overrun = true;
    } else {
      decoder->bytes[decoder->used++] = byte;
    }
    return false;
  }
  uint32_t used = decoder->overrun ? 0u : decoder->used;
  decoder->used = 0;
  decoder->overrun = false;
  return take(decoder->bytes, unstuff(decoder->bytes, used), frame);
}

void frame_header(uint8_t *body, uint8_t kind, uint16_t sequence, uint32_t session) {
  body[0] = kind;
  body[1] = (uint8_t)sequence;
  body[2] = (uint8_t)(sequence >> 8);
  write_u32(body + 3, session);
}

/* The length of the block at `at`: bytes up to the next zero or the end, at most 254. */
static uint32_t block_bytes(const uint8_t *body, uint32_t at, uint32_t size) {
  uint32_t n = 0;
  while (at + n < size && body[at + n] != 0u && n < 254u) {
    n++;
  }
  return n;
}

void frame_send(uint8_t *body, uint32_t payload_bytes, void (*put)(uint8_t)) {
  uint32_t size = FRAME_HEADER_BYTES + payload_bytes;
  write_u32(body + size, frame_crc32(body, size));
  size += 4u;
  put(0);
  bool ended_by_zero = true; /* then a block must follow, an empty one too */
  for (uint32_t at = 0; at < size || ended_by_zero;) {
    uint32_t n = block_bytes(body, at, size);
    put((uint8_t)(n + 1u));
    for (uint32_t i = 0; i < n; i++) {
      put(body[at + i]);
    }
    at += n;
    ended_by_zero = n < 254u && at < size;
    at += ended_by_zero ? 1u : 0u;
  }
  put(0);
}
