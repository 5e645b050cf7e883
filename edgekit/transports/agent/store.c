#include "store.h"

#include <string.h>

#include "sha256.h"

struct coming {
  bool open;
  char name[STORE_NAME_BYTES];
  uint8_t *data;
  uint32_t size;
  uint32_t have;
};

static uint8_t *memory;
static uint32_t memory_size;
static struct file files[STORE_FILES]; /* in the order of their data, without gaps */
static uint32_t file_count;
static struct coming coming;

void store_start(uint8_t *start, uint32_t size) {
  memory = start;
  memory_size = size;
  store_clear();
}

void store_clear(void) {
  file_count = 0;
  coming.open = false;
}

static uint8_t *end_of_files(void) {
  if (file_count == 0u) {
    return memory;
  }
  uint8_t *last = memory + (files[file_count - 1u].data - memory);
  return last + files[file_count - 1u].size;
}

uint32_t store_free_bytes(void) { return memory_size - (uint32_t)(end_of_files() - memory); }

const struct file *store_find(const char *name) {
  for (uint32_t i = 0; i < file_count; i++) {
    if (strcmp(files[i].name, name) == 0) {
      return &files[i];
    }
  }
  return 0;
}

/* What lies behind the removed file moves down, the coming one too. */
void store_remove(const char *name) {
  const struct file *file = store_find(name);
  if (file == 0) {
    return;
  }
  uint32_t index = (uint32_t)(file - files), gap = file->size;
  uint8_t *to = memory + (file->data - memory);
  uint8_t *end = coming.open ? coming.data + coming.have : end_of_files();
  memmove(to, to + gap, (size_t)(end - to) - gap);
  file_count--;
  for (uint32_t i = index; i < file_count; i++) {
    files[i] = files[i + 1u];
    files[i].data -= gap;
  }
  if (coming.open) {
    coming.data -= gap;
  }
}

/* Whether `above` is a folder on the way to `name`. */
static bool leads_to(const char *above, const char *name) {
  size_t size = strlen(above);
  return size > 0u && strncmp(above, name, size) == 0 && name[size] == '/';
}

static const char *refuse_name(const char *name) {
  for (uint32_t i = 0; i < file_count; i++) {
    if (leads_to(files[i].name, name)) {
      return "a part of its path is a file";
    }
    if (leads_to(name, files[i].name)) {
      return "it is a folder";
    }
  }
  if (file_count == STORE_FILES && store_find(name) == 0) {
    return "the store of this board is full: it holds no more files";
  }
  return strlen(name) < STORE_NAME_BYTES ? 0 : "the name is too long for this board";
}

const char *store_begin(const char *name, uint32_t size) {
  coming.open = false;
  const char *wrong = refuse_name(name);
  if (wrong != 0) {
    return wrong;
  }
  if (size > store_free_bytes()) {
    return "the store of this board has no room for it";
  }
  memcpy(coming.name, name, strlen(name) + 1u);
  coming.data = end_of_files();
  coming.size = size;
  coming.have = 0;
  coming.open = true;
  return 0;
}

const char *store_write(uint32_t offset, const uint8_t *data, uint32_t size) {
  if (!coming.open || offset != coming.have || size > coming.size - coming.have) {
    coming.open = false;
    return "the pieces do not follow one another";
  }
  memcpy(coming.data + coming.have, data, size);
  coming.have += size;
  return 0;
}

const char *store_end(const uint8_t digest[32]) {
  struct sha256 hash;
  uint8_t mine[32];
  if (!coming.open || coming.have != coming.size) {
    coming.open = false;
    return "it did not come whole";
  }
  sha256_start(&hash);
  sha256_add(&hash, coming.data, coming.size); /* as the memory gives it back, not as it came */
  sha256_end(&hash, mine);
  if (memcmp(mine, digest, sizeof mine) != 0) {
    coming.open = false;
    return "its SHA-256 differs from what was sent";
  }
  store_remove(coming.name);
  struct file *file = &files[file_count++];
  memcpy(file->name, coming.name, sizeof file->name);
  file->data = coming.data;
  file->size = coming.size;
  coming.open = false;
  return 0;
}
