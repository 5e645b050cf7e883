/* Firmware of QEMU's mps3-an547 (Cortex-M55) for tests: runs generated networks on embedded inputs and says for each
 * how many output bytes differ and how many instructions a run took. */
#include <stdint.h>
#include <string.h>

#include "cases.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define UART 0x59303000u
#define CPACR REGISTER(0xE000ED88u)
#define COUNTER_CONTROL REGISTER(0x58100000u)
#define COUNTER_LOW REGISTER(0x58100008u)

static void put(const char *text) {
    for (; *text != '\0'; text++) {
        while ((REGISTER(UART + 4u) & 1u) != 0u) {
        }
        REGISTER(UART) = (uint8_t)*text;
    }
}

static void put_number(uint32_t value) {
    char text[11] = {0};
    int at = 9;
    do {
        text[at--] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u);
    put(&text[at + 1]);
}

static _Noreturn void leave(uint32_t code) {
    const uint32_t block[2] = {0x20026u, code};
    register uint32_t r0 __asm__("r0") = 0x20u;
    register const uint32_t *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    for (;;) {
    }
}

static uint32_t ticks(void) {
    __asm__ volatile("" ::: "memory");
    const uint32_t now = COUNTER_LOW;
    __asm__ volatile("" ::: "memory");
    return now;
}

/* 32 MHz ticks; with -icount shift=10 an instruction takes 1024 ns. */
static uint32_t instructions(uint32_t spent) { return (uint32_t)(((uint64_t)spent * 125u / 4u + 512u) / 1024u); }

static uint32_t differing(const ek_tensor *tensor, const uint8_t *wanted) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < tensor->bytes; i++) {
        count += ((const uint8_t *)tensor->data)[i] != wanted[i];
    }
    return count;
}

static void run(const test_case *one) {
    uint32_t bad = 0, spent = 0;
    const uint8_t *in = one->inputs, *wanted = one->outputs;
    one->init();
    for (uint32_t sample = 0; sample < one->samples; sample++) {
        for (uint32_t i = 0; i < one->input_count; i++) {
            memcpy(one->input(i)->data, in, one->input(i)->bytes);
            in += one->input(i)->bytes;
        }
        const uint32_t before = ticks();
        one->run();
        spent = ticks() - before;
        for (uint32_t i = 0; i < one->output_count; i++) {
            bad += differing(one->output(i), wanted);
            wanted += one->output(i)->bytes;
        }
    }
    put_number(bad);
    put(" ");
    put_number(instructions(spent));
    put("\n");
}

extern uint32_t board_stack_end[], board_data_from[], board_data[], board_data_end[], board_zero[], board_zero_end[];

void board_reset(void) {
    CPACR |= 0xFu << 20;
    __asm__ volatile("dsb\n isb");
    memcpy(board_data, board_data_from, (size_t)((uint8_t *)board_data_end - (uint8_t *)board_data));
    memset(board_zero, 0, (size_t)((uint8_t *)board_zero_end - (uint8_t *)board_zero));
    REGISTER(UART + 16u) = 16u;
    REGISTER(UART + 8u) = 3u;
    COUNTER_CONTROL = 1u;
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run(&cases[i]);
    }
    leave(0);
}

static void board_fault(void) { leave(111); }

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    board_stack_end, (void *)board_reset, (void *)board_fault, (void *)board_fault, (void *)board_fault,
    (void *)board_fault, (void *)board_fault, (void *)board_fault,
};
