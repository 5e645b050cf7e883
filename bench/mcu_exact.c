/* Firmware for QEMU's boards: runs a network on every sample of "inputs.bin" and writes the outputs to "outputs.bin",
 * both on the host, through semihosting. */
#include <stdint.h>
#include <string.h>

#include "ek_model.h"

enum { SYS_OPEN = 1, SYS_WRITE = 5, SYS_READ = 6, SYS_EXIT_EXTENDED = 0x20, READ_BINARY = 1, WRITE_BINARY = 5 };

static uint32_t host(uint32_t operation, const uint32_t *block) {
    register uint32_t r0 __asm__("r0") = operation;
    register const uint32_t *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(uint32_t code) {
    const uint32_t block[2] = {0x20026u, code};
    (void)host(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

static uint32_t open_file(const char *name, uint32_t mode) {
    const uint32_t block[3] = {(uint32_t)name, mode, (uint32_t)strlen(name)};
    return host(SYS_OPEN, block);
}

/* Bytes that were not transferred. */
static uint32_t transfer(uint32_t operation, uint32_t file, const ek_tensor *tensor) {
    const uint32_t block[3] = {file, (uint32_t)tensor->data, tensor->bytes};
    return host(operation, block);
}

extern uint32_t data_source, data_start, data_end, bss_start, bss_end, stack_end;

void start(void);
void start(void) {
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: floating point and Helium */
    __asm__ volatile("dsb\n isb");
    memcpy(&data_start, &data_source, (size_t)((uint8_t *)&data_end - (uint8_t *)&data_start));
    memset(&bss_start, 0, (size_t)((uint8_t *)&bss_end - (uint8_t *)&bss_start));
    const uint32_t inputs = open_file("inputs.bin", READ_BINARY);
    const uint32_t outputs = open_file("outputs.bin", WRITE_BINARY);
    ek_model_init();
    for (;;) {
        for (uint32_t i = 0; i < EK_MODEL_INPUTS; i++) {
            if (transfer(SYS_READ, inputs, ek_model_input(i)) != 0u) {
                leave(0);
            }
        }
        ek_model_run();
        for (uint32_t i = 0; i < EK_MODEL_OUTPUTS; i++) {
            if (transfer(SYS_WRITE, outputs, ek_model_output(i)) != 0u) {
                leave(1);
            }
        }
    }
}

static void fault(void) { leave(111); }

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void)) & stack_end, start, fault, fault, fault, fault, fault, fault,
};
