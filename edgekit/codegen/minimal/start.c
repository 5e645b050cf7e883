/* The least program with a network in it, for any Cortex-M: what flash and RAM are counted of. */
#include <stdint.h>
#include <string.h>

#include "ek_model.h"

extern uint32_t ek_data_source, ek_data_start, ek_data_end, ek_bss_start, ek_bss_end, ek_stack_end;

/* Where inputs come from and outputs go: a register of some peripheral. */
#define PORT (*(volatile uint8_t *)0x40000000u)
#define COPROCESSORS (*(volatile uint32_t *)0xE000ED88u)

static void exchange(void) {
    for (uint32_t i = 0; i < EK_MODEL_INPUTS; i++) {
        const ek_tensor *tensor = ek_model_input(i);
        for (uint32_t at = 0; at < tensor->bytes; at++) {
            ((uint8_t *)tensor->data)[at] = PORT;
        }
    }
    ek_model_run();
    for (uint32_t i = 0; i < EK_MODEL_OUTPUTS; i++) {
        const ek_tensor *tensor = ek_model_output(i);
        for (uint32_t at = 0; at < tensor->bytes; at++) {
            PORT = ((const uint8_t *)tensor->data)[at];
        }
    }
}

void ek_start(void);
void ek_start(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    COPROCESSORS |= 0xFu << 20;
    __asm__ volatile("dsb\n isb");
#endif
    memcpy(&ek_data_start, &ek_data_source, (size_t)((uint8_t *)&ek_data_end - (uint8_t *)&ek_data_start));
    memset(&ek_bss_start, 0, (size_t)((uint8_t *)&ek_bss_end - (uint8_t *)&ek_bss_start));
    ek_model_init();
    for (;;) {
        exchange();
    }
}

static void stop(void) {
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void)) & ek_stack_end, ek_start, stop, stop, stop, stop, stop, stop, 0, 0, 0, stop, stop, 0, stop, stop,
};
