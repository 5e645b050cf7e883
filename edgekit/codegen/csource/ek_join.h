/* CONCATENATION and PACK, SPLIT, SPLIT_V and UNPACK, where they are more than views. */
#ifndef EK_JOIN_H
#define EK_JOIN_H

#include "ek.h"

typedef struct {
    int32_t outer;            /* how often each part has its turn */
    int32_t count;            /* parts */
    int32_t bytes[16];        /* of each in a turn */
    int32_t are_constant;     /* a bit for each part, lowest first: those are in flash, one after the other */
    const uint8_t *constants;
} ek_join_params;

typedef ek_join_params ek_join_1_params, ek_join_2_params, ek_join_3_params, ek_join_4_params;
typedef ek_join_params ek_join_5_params, ek_join_6_params, ek_join_7_params, ek_join_8_params;
typedef ek_join_params ek_part_1_params, ek_part_2_params, ek_part_3_params, ek_part_4_params;
typedef ek_join_params ek_part_5_params, ek_part_6_params, ek_part_7_params, ek_part_8_params;

EK_SHARED void ek_join(const ek_join_params *p, const void *const *parts, void *out) {
    uint8_t *to = (uint8_t *)out;
    for (int32_t turn = 0; turn < p->outer; turn++) {
        const uint8_t *constant = p->constants;
        int32_t next = 0;
        for (int32_t i = 0; i < p->count; i++) {
            const int32_t is_constant = (p->are_constant >> i) & 1;
            const uint8_t *part = is_constant ? constant : (const uint8_t *)parts[next++];
            memcpy(to, part + turn * p->bytes[i], (uint32_t)p->bytes[i]);
            to += p->bytes[i];
            if (is_constant) {
                constant += p->outer * p->bytes[i];
            }
        }
    }
}

EK_SHARED void ek_part(const ek_join_params *p, const void *in, void *const *parts) {
    const uint8_t *from = (const uint8_t *)in;
    for (int32_t turn = 0; turn < p->outer; turn++) {
        for (int32_t i = 0; i < p->count; i++) {
            memcpy((uint8_t *)parts[i] + turn * p->bytes[i], from, (uint32_t)p->bytes[i]);
            from += p->bytes[i];
        }
    }
}

#define EK_JOIN(function, parameters, ...)                                                                            \
    EK_SHARED void function parameters {                                                                              \
        const void *const parts[] = {__VA_ARGS__};                                                                    \
        ek_join(p, parts, out);                                                                                       \
    }
#define EK_PART(function, parameters, ...)                                                                            \
    EK_SHARED void function parameters {                                                                              \
        void *const parts[] = {__VA_ARGS__};                                                                          \
        ek_part(p, in, parts);                                                                                        \
    }
#define EK_P const ek_join_params *p
#define EK_IN(letter) const void *letter
#define EK_OUT(letter) void *letter

EK_JOIN(ek_join_1, (EK_P, EK_IN(a), void *out), a)
EK_JOIN(ek_join_2, (EK_P, EK_IN(a), EK_IN(b), void *out), a, b)
EK_JOIN(ek_join_3, (EK_P, EK_IN(a), EK_IN(b), EK_IN(c), void *out), a, b, c)
EK_JOIN(ek_join_4, (EK_P, EK_IN(a), EK_IN(b), EK_IN(c), EK_IN(d), void *out), a, b, c, d)
EK_JOIN(ek_join_5, (EK_P, EK_IN(a), EK_IN(b), EK_IN(c), EK_IN(d), EK_IN(e), void *out), a, b, c, d, e)
EK_JOIN(ek_join_6, (EK_P, EK_IN(a), EK_IN(b), EK_IN(c), EK_IN(d), EK_IN(e), EK_IN(f), void *out), a, b, c, d, e, f)
EK_JOIN(ek_join_7, (EK_P, EK_IN(a), EK_IN(b), EK_IN(c), EK_IN(d), EK_IN(e), EK_IN(f), EK_IN(g), void *out), a, b, c, d,
        e, f, g)
EK_JOIN(ek_join_8, (EK_P, EK_IN(a), EK_IN(b), EK_IN(c), EK_IN(d), EK_IN(e), EK_IN(f), EK_IN(g), EK_IN(h), void *out), a,
        b, c, d, e, f, g, h)

EK_PART(ek_part_1, (EK_P, const void *in, EK_OUT(a)), a)
EK_PART(ek_part_2, (EK_P, const void *in, EK_OUT(a), EK_OUT(b)), a, b)
EK_PART(ek_part_3, (EK_P, const void *in, EK_OUT(a), EK_OUT(b), EK_OUT(c)), a, b, c)
EK_PART(ek_part_4, (EK_P, const void *in, EK_OUT(a), EK_OUT(b), EK_OUT(c), EK_OUT(d)), a, b, c, d)
EK_PART(ek_part_5, (EK_P, const void *in, EK_OUT(a), EK_OUT(b), EK_OUT(c), EK_OUT(d), EK_OUT(e)), a, b, c, d, e)
EK_PART(ek_part_6, (EK_P, const void *in, EK_OUT(a), EK_OUT(b), EK_OUT(c), EK_OUT(d), EK_OUT(e), EK_OUT(f)), a, b, c, d,
        e, f)
EK_PART(ek_part_7,
        (EK_P, const void *in, EK_OUT(a), EK_OUT(b), EK_OUT(c), EK_OUT(d), EK_OUT(e), EK_OUT(f), EK_OUT(g)), a, b, c, d,
        e, f, g)
EK_PART(ek_part_8,
        (EK_P, const void *in, EK_OUT(a), EK_OUT(b), EK_OUT(c), EK_OUT(d), EK_OUT(e), EK_OUT(f), EK_OUT(g), EK_OUT(h)),
        a, b, c, d, e, f, g, h)

#endif
