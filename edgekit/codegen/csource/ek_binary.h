/* Operators of two operands, element by element, either of them repeated along some axes. */
#ifndef EK_BINARY_H
#define EK_BINARY_H

#include "ek.h"

/* The output's axes, outermost first, and how many elements each operand moves along them: 0 where it is repeated. */
typedef struct {
    int32_t count; /* elements of the output, or of one of its rows where it is computed by rows */
    int32_t sizes[4];
    int32_t a_steps[4];
    int32_t b_steps[4];
} ek_pairs;

/* The functions of an operator whose elements `function_one(p, a, b)` computes:
 *   function            operands of the output's shape
 *   function_rows       some rows of the same
 *   function_broadcast  operands that are repeated
 *   function_constant   the same, b in flash
 * `function_params` has the members `pairs` and `constant`. */
#define EK_BINARY(function, in_type, out_type)                                                                        \
    typedef function##_params function##_rows_params;                                                                 \
    typedef function##_params function##_broadcast_params;                                                            \
    typedef function##_params function##_constant_params;                                                             \
    EK_SHARED void function##_run(const function##_params *p, const in_type *a, const in_type *b, out_type *out,      \
                                  int32_t count) {                                                                    \
        for (const out_type *end = out + count; out < end; out++) {                                                   \
            *out = (out_type)function##_one(p, *a++, *b++);                                                           \
        }                                                                                                             \
    }                                                                                                                 \
    EK_SHARED void function(const function##_params *p, const in_type *a, const in_type *b, out_type *out) {          \
        function##_run(p, a, b, out, p->pairs.count);                                                                 \
    }                                                                                                                 \
    EK_SHARED void function##_rows(const function##_params *p, const in_type *a, const in_type *b, out_type *out,     \
                                   ek_rows rows) {                                                                    \
        function##_run(p, a, b, out, rows.out_count * p->pairs.count);                                                \
    }                                                                                                                 \
    EK_SHARED void function##_broadcast(const function##_params *p, const in_type *a, const in_type *b,               \
                                        out_type *out) {                                                              \
        const ek_pairs *s = &p->pairs;                                                                                \
        for (int32_t i = 0; i < s->sizes[0]; i++) {                                                                   \
            for (int32_t j = 0; j < s->sizes[1]; j++) {                                                               \
                for (int32_t k = 0; k < s->sizes[2]; k++) {                                                           \
                    int32_t at_a = i * s->a_steps[0] + j * s->a_steps[1] + k * s->a_steps[2];                         \
                    int32_t at_b = i * s->b_steps[0] + j * s->b_steps[1] + k * s->b_steps[2];                         \
                    for (int32_t l = 0; l < s->sizes[3]; l++) {                                                       \
                        *out++ = (out_type)function##_one(p, a[at_a], b[at_b]);                                       \
                        at_a += s->a_steps[3];                                                                        \
                        at_b += s->b_steps[3];                                                                        \
                    }                                                                                                 \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
    }                                                                                                                 \
    EK_SHARED void function##_constant(const function##_params *p, const in_type *a, out_type *out) {                 \
        function##_broadcast(p, a, p->constant, out);                                                                 \
    }

#endif
