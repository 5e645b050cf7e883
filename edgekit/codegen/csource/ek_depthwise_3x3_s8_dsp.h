/* DEPTHWISE_CONV_2D on int8 with 3 x 3 kernels and strides of 1 for the DSP extension.
 *
 * Of each output row, a tile at a time, and each four channels the input is turned into columns first: for each channel
 * a word with the upper two rows, and a word with the third. Then each channel goes over its columns, its weights in
 * registers, two outputs at a time. */
#ifndef EK_DEPTHWISE_3X3_S8_DSP_H
#define EK_DEPTHWISE_3X3_S8_DSP_H

#include "ek_dsp.h"

enum {
    EK_COLUMN = 8, /* words: two for each of four channels */
    EK_CHANNEL = 10
};

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t tile; /* outputs of a row that are computed together, two at least */
    int32_t input_zero_point, low, high;
    const int32_t *weights; /* [channels][10]: for each column two words of weights, doubled, as the inputs are; then
                               twice the bias, mantissa, addend, exponent */
} ek_depthwise_3x3_s8_dsp_params;

/* Three rows of four channels: where they begin, and how far it is to the next pixel and to the next channels. */
typedef struct {
    const int8_t *row[3];
    int32_t pixel[3], group[3];
} ek_depthwise_rows;

/* `count` pixels as columns. Returns where the next one goes. */
static inline int32_t *ek_depthwise_columns_s8_dsp(const ek_depthwise_rows *rows, int32_t count, int32_t less,
                                                   int32_t *to) {
    const int8_t *top = rows->row[0];
    const int8_t *middle = rows->row[1];
    const int8_t *bottom = rows->row[2];
    for (;;) {
        const int32_t x = ek_load(top), y = ek_load(middle), z = ek_load(bottom);
        const int32_t x02 = ek_sxtab16(less, x), y02 = ek_sxtab16(less, y), z02 = ek_sxtab16(less, z);
        to[0] = ek_low_halves(x02, y02);
        to[1] = z02;
        to[4] = ek_high_halves(x02, y02);
        to[5] = z02;
        const int32_t x13 = ek_sxtab16_odd(less, x), y13 = ek_sxtab16_odd(less, y), z13 = ek_sxtab16_odd(less, z);
        to[2] = ek_low_halves(x13, y13);
        to[3] = z13;
        to[6] = ek_high_halves(x13, y13);
        to[7] = z13;
        to += EK_COLUMN;
        count--;
        if (count == 0) {
            return to;
        }
        top += rows->pixel[0];
        middle += rows->pixel[1];
        bottom += rows->pixel[2];
    }
}

/* Columns of nothing. */
static inline int32_t *ek_depthwise_blank_s8_dsp(int32_t count, int32_t *to) {
    for (; count > 0; count--, to += EK_COLUMN) {
        to[0] = to[1] = to[2] = to[3] = 0;
        to[4] = to[5] = to[6] = to[7] = 0;
    }
    return to;
}

/* Two outputs, `apart` bytes from each other, of a channel from four columns; then on by two, until column is end. */
#if defined(EK_HAS_DSP_ASSEMBLY)
#define EK_LOOP_PAIRS                                                                                              \
    __asm__ volatile(                                                                                              \
        "1:\n\tldr %[a], [%[k], #24]\n\tldrd %[s], %[t], [%[x], #32]\n\t"                                           \
        "smlad %[b], %[s], %[l0], %[a]\n\tsmlad %[b], %[t], %[l1], %[b]\n\t"                                       \
        "smlad %[a], %[s], %[m0], %[a]\n\tsmlad %[a], %[t], %[m1], %[a]\n\tldrd %[s], %[t], [%[x], #64]\n\t"        \
        "smlad %[a], %[s], %[r0], %[a]\n\tsmlad %[a], %[t], %[r1], %[a]\n\t"                                       \
        "smlad %[b], %[s], %[m0], %[b]\n\tsmlad %[b], %[t], %[m1], %[b]\n\tldrd %[s], %[t], [%[x], #96]\n\t"        \
        "smlad %[b], %[s], %[r0], %[b]\n\tsmlad %[b], %[t], %[r1], %[b]\n\tldrd %[s], %[t], [%[x]], #64\n\t"        \
        "smlad %[a], %[s], %[l0], %[a]\n\tsmlad %[a], %[t], %[l1], %[a]\n\tldrd %[s], %[t], [%[k], #28]\n\t"        \
        "add %[t], %[t], %[a], asr #31\n\tsmmlar %[a], %[a], %[s], %[t]\n\tldr %[t], [%[k], #32]\n\t"             \
        "add %[t], %[t], %[b], asr #31\n\tsmmlar %[b], %[b], %[s], %[t]\n\tldr %[s], [%[k], #36]\n\t"             \
        "asr %[a], %[a], %[s]\n\tasr %[b], %[b], %[s]\n\tssat %[a], #8, %[a]\n\tssat %[b], #8, %[b]\n\t"           \
        "strb %[b], [%[out], %[apart]]\n\tstrb %[a], [%[out]]\n\tadd %[out], %[out], %[apart], lsl #1\n\t"        \
        "ldr %[s], %[end]\n\tcmp %[s], %[x]\n\tbne 1b"                                                             \
        : [x] "+r"(column), [out] "+r"(out), [a] "=&r"(a), [b] "=&r"(b), [s] "=&r"(s), [t] "=&r"(t)                \
        : [k] "r"(channel), [apart] "r"(apart), [l0] "r"(channel[0]), [l1] "r"(channel[1]), [m0] "r"(channel[2]),  \
          [m1] "r"(channel[3]), [r0] "r"(channel[4]), [r1] "r"(channel[5]), [end] "m"(end)                         \
        : "cc", "memory")
#else
static inline void ek_depthwise_pair_s8_dsp(const int32_t *channel, const int32_t *column, int8_t *out, int32_t apart) {
    int32_t a = channel[6], b = channel[6];
    for (int32_t i = 0; i < 3; i++, column += EK_COLUMN) {
        a = ek_smlad(column[1], channel[2 * i + 1], ek_smlad(column[0], channel[2 * i], a));
        b = ek_smlad(column[EK_COLUMN], channel[2 * i], b);
        b = ek_smlad(column[EK_COLUMN + 1], channel[2 * i + 1], b);
    }
    out[apart] = ek_scaled_s8_dsp(b, channel[7], channel[8], channel[9]);
    out[0] = ek_scaled_s8_dsp(a, channel[7], channel[8], channel[9]);
}
#endif

/* `pairs` times two outputs, `apart` bytes from each other, of one channel. */
EK_SHARED void ek_depthwise_channel_s8_dsp(const int32_t *channel, const int32_t *column, int32_t pairs, int8_t *out,
                                           int32_t apart) {
    const int32_t *const end = column + 2 * EK_COLUMN * pairs;
#if defined(EK_HAS_DSP_ASSEMBLY)
    int32_t a, b, s, t;
    EK_LOOP_PAIRS;
#else
    for (; column != end; column += 2 * EK_COLUMN, out += 2 * apart) {
        ek_depthwise_pair_s8_dsp(channel, column, out, apart);
    }
#endif
}

/* `count` outputs, two at least, of four channels. */
static inline void ek_depthwise_tile_s8_dsp(const int32_t *channel, const int32_t *columns, int32_t count, int32_t step,
                                            int8_t *out) {
    const int32_t odd = count & 1;
    for (int32_t i = 0; i < 4; i++, channel += EK_CHANNEL, columns += 2, out++) {
        if (odd != 0) { /* the second one twice */
            ek_depthwise_channel_s8_dsp(channel, columns, 1, out, step);
        }
        ek_depthwise_channel_s8_dsp(channel, columns + EK_COLUMN * odd, count / 2, out + step * odd, step);
    }
}

/* The outputs from column x on, `count` of them, of the output row whose first input row is `row`. */
static inline void ek_depthwise_part_s8_dsp(const ek_depthwise_3x3_s8_dsp_params *p, const int8_t *in, ek_rows rows,
                                            int32_t row, int32_t x, int32_t count, int8_t *out, int32_t *columns) {
    const int32_t channels = p->in_channels;
    const uint32_t zero = (uint32_t)p->input_zero_point & 0xFFu;
    const uint32_t less = (uint32_t)(-p->input_zero_point) & 0xFFFFu;
    const int32_t outside = (int32_t)(zero | zero << 8 | zero << 16 | zero << 24);
    const int32_t first = ek_max(0, x - p->pad_left);
    const int32_t last = ek_min(p->in_width, x - p->pad_left + count + 2);
    ek_depthwise_rows source;
    for (int32_t i = 0; i < 3; i++) {
        const int is_inside = row + i >= 0 && row + i < p->in_height;
        const int32_t pixel = (row + i - rows.in_first) * p->in_width + first;
        source.row[i] = is_inside ? in + pixel * channels : (const int8_t *)&outside;
        source.pixel[i] = is_inside ? channels : 0;
        source.group[i] = is_inside ? 4 : 0;
    }
    for (int32_t channel = 0; channel < channels; channel += 4) {
        int32_t *to = ek_depthwise_blank_s8_dsp(first - (x - p->pad_left), columns);
        to = ek_depthwise_columns_s8_dsp(&source, last - first, (int32_t)(less << 16 | less), to);
        (void)ek_depthwise_blank_s8_dsp(x - p->pad_left + count + 2 - last, to);
        ek_depthwise_tile_s8_dsp(p->weights + channel * EK_CHANNEL, columns, count, channels, out + channel);
        if (channel + 4 < channels) {
            for (int32_t i = 0; i < 3; i++) {
                source.row[i] += source.group[i];
            }
        }
    }
}

/* scratch: columns of a tile and two more. */
EK_SHARED void ek_depthwise_3x3_s8_dsp(const ek_depthwise_3x3_s8_dsp_params *p, const int8_t *in, int8_t *out,
                                       ek_rows rows, void *scratch) {
    const int32_t pixels = rows.out_count * p->out_width;
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        for (int32_t x = 0; x < p->out_width; x += p->tile) {
            const int32_t count = ek_min(p->tile, p->out_width - x);
            const int32_t pixel = (y - rows.out_first) * p->out_width + x;
            ek_depthwise_part_s8_dsp(p, in, rows, y - p->pad_top, x, count, out + pixel * p->in_channels,
                                     (int32_t *)scratch);
        }
    }
    if (p->low > -128 || p->high < 127) {
        ek_clamp_s8(out, pixels * p->in_channels, p->low, p->high);
    }
}

#endif
