/* Operators of one operand of 8 bits: a table of all 256 results. */
#ifndef EK_TABLE_H
#define EK_TABLE_H

#include "ek.h"

typedef struct {
    int32_t count;        /* elements, or those of a row where rows are computed */
    const uint8_t *table; /* by the operand's bits */
} ek_table_8_params;

typedef ek_table_8_params ek_table_8_rows_params;

EK_SHARED void ek_table_8_run(const uint8_t *table, const void *in, void *out, int32_t count) {
    const uint8_t *from = (const uint8_t *)in;
    uint8_t *to = (uint8_t *)out;
    for (const uint8_t *end = from + count; from < end;) {
        *to++ = table[*from++];
    }
}

EK_SHARED void ek_table_8(const ek_table_8_params *p, const void *in, void *out) {
    ek_table_8_run(p->table, in, out, p->count);
}

EK_SHARED void ek_table_8_rows(const ek_table_8_params *p, const void *in, void *out, ek_rows rows) {
    ek_table_8_run(p->table, in, out, rows.out_count * p->count);
}

#endif
