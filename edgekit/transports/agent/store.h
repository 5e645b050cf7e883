/* Files in memory: whole or absent. Each is one piece; a file that is on its way has no name yet. */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stdint.h>

#ifndef STORE_FILES
#define STORE_FILES 32u
#endif
#define STORE_NAME_BYTES 256u

struct file {
  char name[STORE_NAME_BYTES];
  const uint8_t *data;
  uint32_t size;
};

void store_start(uint8_t *memory, uint32_t size);
void store_clear(void);
uint32_t store_free_bytes(void);

/* The file of that name, or 0. The standard input of the next program is the file "". */
const struct file *store_find(const char *name);
void store_remove(const char *name);

/* A new file: begin, write all of it, end with its SHA-256; only then it has its name. Each gives 0 or a sentence on
 * what is wrong, and then nothing of the file is left. */
const char *store_begin(const char *name, uint32_t size);
const char *store_write(uint32_t offset, const uint8_t *data, uint32_t size);
const char *store_end(const uint8_t digest[32]);

#endif
