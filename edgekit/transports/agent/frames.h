/* Frames on the line: 00 COBS(kind, sequence, session, payload, CRC-32) 00, little-endian. See ../frames.py. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#ifndef FRAME_PAYLOAD_BYTES
#define FRAME_PAYLOAD_BYTES 2048u
#endif
#if FRAME_PAYLOAD_BYTES < 256u || FRAME_PAYLOAD_BYTES > 32768u
#error "FRAME_PAYLOAD_BYTES is 256 to 32768"
#endif
#define FRAME_HEADER_BYTES 7u
#define FRAME_BODY_BYTES (FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES + 4u)
#define FRAME_STUFFED_BYTES (FRAME_BODY_BYTES + FRAME_BODY_BYTES / 254u + 1u)

struct frame {
  uint8_t kind;
  uint16_t sequence;
  uint32_t session;
  const uint8_t *payload;
  uint32_t size;
};

struct frame_decoder {
  uint8_t bytes[FRAME_STUFFED_BYTES];
  uint32_t used;
  bool overrun;
};

uint32_t read_u32(const uint8_t *at);
void write_u32(uint8_t *at, uint32_t value);

uint32_t frame_crc32(const uint8_t *data, uint32_t size);

/* Takes a byte. True once it ends a whole, undamaged frame, which is valid until the next byte. */
bool frame_feed(struct frame_decoder *decoder, uint8_t byte, struct frame *frame);

/* Completes `body` (header and `payload_bytes` of payload are in it; 4 bytes of room follow) and sends it. */
void frame_send(uint8_t *body, uint32_t payload_bytes, void (*put)(uint8_t));

/* Fills the header of a body. */
void frame_header(uint8_t *body, uint8_t kind, uint16_t sequence, uint32_t session);

#endif
