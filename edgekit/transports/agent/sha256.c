#include "sha256.h"

#include <string.h>

/* FIPS 180-4, 4.2.2: the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t ROUND[64] = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u,
    0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf174u,
    0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau,
    0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u, 0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u,
    0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu, 0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u,
    0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u,
    0x19a4c116u, 0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u};

static uint32_t right(uint32_t x, uint32_t n) { return x >> n | x << (32u - n); }

static void mix(uint32_t state[8], const uint8_t block[64]) {
  uint32_t w[64], v[8];
  for (uint32_t i = 0; i < 16u; i++) {
    const uint8_t *b = block + 4u * i;
    w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | (uint32_t)b[3];
  }
  for (uint32_t i = 16; i < 64u; i++) {
    uint32_t a = w[i - 15u], b = w[i - 2u];
    w[i] = (right(b, 17) ^ right(b, 19) ^ b >> 10) + w[i - 7u] + (right(a, 7) ^ right(a, 18) ^ a >> 3) + w[i - 16u];
  }
  memcpy(v, state, sizeof v);
  for (uint32_t i = 0; i < 64u; i++) {
    uint32_t choose = (v[4] & v[5]) ^ (~v[4] & v[6]);
    uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    uint32_t one = v[7] + (right(v[4], 6) ^ right(v[4], 11) ^ right(v[4], 25)) + choose + ROUND[i] + w[i];
    uint32_t two = (right(v[0], 2) ^ right(v[0], 13) ^ right(v[0], 22)) + majority;
    memmove(v + 1, v, 7u * sizeof v[0]);
    v[4] += one;
    v[0] = one + two;
  }
  for (uint32_t i = 0; i < 8u; i++) {
    state[i] += v[i];
  }
}

void sha256_start(struct sha256 *hash) {
  static const uint32_t first[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                    0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};
  memcpy(hash->state, first, sizeof first);
  hash->total_bytes = 0;
}

void sha256_add(struct sha256 *hash, const uint8_t *data, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) {
    uint32_t at = (uint32_t)(hash->total_bytes & 63u);
    hash->block[at] = data[i];
    hash->total_bytes++;
    if (at == 63u) {
      mix(hash->state, hash->block);
    }
  }
}

void sha256_end(struct sha256 *hash, uint8_t digest[32]) {
  static const uint8_t one = 0x80, zero = 0;
  uint64_t bits = hash->total_bytes * 8u;
  uint8_t length[8];
  sha256_add(hash, &one, 1);
  while ((hash->total_bytes & 63u) != 56u) {
    sha256_add(hash, &zero, 1);
  }
  for (uint32_t i = 0; i < 8u; i++) {
    length[i] = (uint8_t)(bits >> (56u - 8u * i));
  }
  sha256_add(hash, length, 8);
  for (uint32_t i = 0; i < 32u; i++) {
    digest[i] = (uint8_t)(hash->state[i / 4u] >> (24u - 8u * (i % 4u)));
  }
}
