/* Cortex-M: start, vectors, time, and programs on a stack of their own (the process stack), which a fault or a kill
 * leaves by returning from the exception into the agent, on the main stack.
 * Source: Armv7-M (DDI 0403) and Armv8-M (DDI 0553) architecture reference manuals, exception model and B3.2. */
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include "agent.h"
#include "board.h"
#include "machine.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYSTICK_CONTROL REGISTER(0xE000E010u)
#define SYSTICK_RELOAD REGISTER(0xE000E014u)
#define SYSTICK_VALUE REGISTER(0xE000E018u)
#define INTERRUPT_STATE REGISTER(0xE000ED04u) /* bit 26: a tick is pending */
#define RESET_CONTROL REGISTER(0xE000ED0Cu)
#define PRIORITY_SYSTICK REGISTER(0xE000ED20u)
#define FAULT_STATUS REGISTER(0xE000ED28u)
#define HARD_FAULT_STATUS REGISTER(0xE000ED2Cu)
#define MEMORY_FAULT_ADDRESS REGISTER(0xE000ED34u)
#define BUS_FAULT_ADDRESS REGISTER(0xE000ED38u)
#define COPROCESSORS REGISTER(0xE000ED88u)
#define FLOAT_CONTEXT REGISTER(0xE000EF34u) /* bit 0: a lazy save is open */

#define TICKS_PER_SECOND 100u
#define TICK_CYCLES (BOARD_HZ / TICKS_PER_SECOND)
#define SIGNAL_ILLEGAL 4
#define SIGNAL_SEGMENT 11

extern uint32_t data_source, data_start, data_end, bss_start, bss_end, agent_stack_end;
extern uint32_t program_stack, program_stack_end, store_memory, store_memory_end;

void machine_start(void);
void machine_fault_entry(void);
void machine_tick_entry(void);
void machine_resume(int code);
int machine_fault_code(const uint32_t *frame);
int machine_tick(void);

static volatile uint32_t ticks;
static volatile bool running;
static jmp_buf home;
static int left_with;
static struct machine_fault last_fault;

__attribute__((section(".vectors"), used)) static void (*const vectors[16 + 96])(void) = {
    (void (*)(void)) & agent_stack_end,
    machine_start,
    machine_fault_entry, /* NMI */
    machine_fault_entry, /* hard fault: the others escalate to it */
    machine_fault_entry,
    machine_fault_entry,
    machine_fault_entry,
    machine_fault_entry,
    0,
    0,
    0,
    machine_fault_entry,
    machine_fault_entry,
    0,
    machine_fault_entry,
    machine_tick_entry,
    [16 ... 16 + 95] = board_interrupt,
};

void machine_start(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  COPROCESSORS |= 0xFu << 20;
  __asm__ volatile("dsb\n isb");
#endif
  memcpy(&data_start, &data_source, (size_t)((uint8_t *)&data_end - (uint8_t *)&data_start));
  memset(&bss_start, 0, (size_t)((uint8_t *)&bss_end - (uint8_t *)&bss_start));
  PRIORITY_SYSTICK |= 0xFFu << 24; /* the line's interrupt goes before it */
  SYSTICK_RELOAD = TICK_CYCLES - 1u;
  SYSTICK_VALUE = 0;
  board_start();
  SYSTICK_CONTROL = 7u;
  __asm__ volatile("cpsie i");
  agent_start();
  for (;;) {
    agent_step();
  }
}

/* In an interrupt the tick that has just come is pending and not counted yet. */
uint64_t machine_us(void) {
  uint32_t before, value, pending;
  do {
    before = ticks;
    value = SYSTICK_VALUE;
    pending = INTERRUPT_STATE & (1u << 26);
  } while (before != ticks);
  if (pending != 0u && value > TICK_CYCLES / 2u) {
    before++;
  }
  uint32_t part = (TICK_CYCLES - 1u - value) / (BOARD_HZ / 1000000u);
  return (uint64_t)before * (1000000u / TICKS_PER_SECOND) + part;
}

void machine_idle(void) { __asm__ volatile("wfi"); }

struct machine_fault machine_last_fault(void) { return last_fault; }

uint8_t *machine_store(uint32_t *size) {
  *size = (uint32_t)((uint8_t *)&store_memory_end - (uint8_t *)&store_memory);
  return (uint8_t *)&store_memory;
}

/* Calls program(argc, argv) on the stack that ends at `stack`. */
__attribute__((naked)) static int call_on(uint32_t *stack __attribute__((unused)),
                                          machine_program program __attribute__((unused)),
                                          int argc __attribute__((unused)), char **argv __attribute__((unused))) {
  __asm__ volatile(
      "push {r4, lr}\n"
      "msr psp, r0\n"
      "mrs r0, control\n"
      "orr r0, r0, #2\n"
      "msr control, r0\n"
      "isb\n"
      "mov r4, r1\n"
      "mov r0, r2\n"
      "mov r1, r3\n"
      "blx r4\n"
      "mrs r1, control\n"
      "bic r1, r1, #2\n"
      "msr control, r1\n"
      "isb\n"
      "pop {r4, pc}\n");
}

int machine_run(machine_program program, int argc, char **argv) {
  memset(&last_fault, 0, sizeof last_fault);
  if (setjmp(home) == 0) {
    running = true;
    left_with = call_on(&program_stack_end, program, argc, argv);
  }
  running = false;
  return left_with;
}

/* On the main stack again: back to machine_run. The program may have had interrupts off. */
__attribute__((used)) void machine_resume(int code) {
  __asm__ volatile("cpsie i");
  left_with = code;
  longjmp(home, 1);
}

__attribute__((naked)) void machine_leave(int code __attribute__((unused))) {
  __asm__ volatile(
      "mrs r1, control\n"
      "bic r1, r1, #2\n"
      "msr control, r1\n"
      "isb\n"
      "b machine_resume\n");
}

/* Gives the code of a fault in a program; a fault in the agent itself restarts the board. */
__attribute__((used)) int machine_fault_code(const uint32_t *frame) {
  uint32_t status = FAULT_STATUS;
  bool stacked = (status & 0x1818u) == 0u; /* the frame itself could not be written or read */
  bool known = (status & 0x8080u) != 0u;
  if (!running) {
    RESET_CONTROL = 0x05FA0004u;
    for (;;) {
    }
  }
  last_fault.happened = true;
  last_fault.instruction = stacked ? frame[6] : 0u;
  last_fault.address = !known ? 0u : (status & 0x80u) != 0u ? MEMORY_FAULT_ADDRESS : BUS_FAULT_ADDRESS;
  FAULT_STATUS = status;
  HARD_FAULT_STATUS = HARD_FAULT_STATUS;
  bool overflow = frame < &program_stack;
  return (status & 0xFFFFu) != 0u || overflow ? -SIGNAL_SEGMENT : -SIGNAL_ILLEGAL;
}

/* Work of the agent while a program runs. Gives the code to leave the program with, 0 to let it run on. */
__attribute__((used)) int machine_tick(void) {
  ticks = ticks + 1u;
  return running ? agent_tick() : 0;
}

/* Returns from the exception to machine_resume(r0), on the main stack, by a frame of our own. */
#define LEAVE_PROGRAM                                                                                                  \
  "ldr r1, =0xE000EF34\n" /* forget a lazy save of the program's float registers */                                    \
  "ldr r2, [r1]\n"                                                                                                     \
  "bic r2, r2, #1\n"                                                                                                   \
  "str r2, [r1]\n"                                                                                                     \
  "mov r3, sp\n"                                                                                                       \
  "bic r3, r3, #7\n"                                                                                                   \
  "sub r3, r3, #32\n"                                                                                                  \
  "mov sp, r3\n"                                                                                                       \
  "str r0, [sp, #0]\n"                                                                                                 \
  "ldr r1, =machine_resume\n"                                                                                          \
  "bic r1, r1, #1\n"                                                                                                   \
  "str r1, [sp, #24]\n"                                                                                                \
  "mov r1, #0x01000000\n"                                                                                              \
  "str r1, [sp, #28]\n"                                                                                                \
  "ldr lr, =0xFFFFFFF9\n"                                                                                              \
  "bx lr\n"

__attribute__((naked)) void machine_fault_entry(void) {
  __asm__ volatile("mrs r0, psp\n"
                   "bl machine_fault_code\n" LEAVE_PROGRAM ".ltorg\n");
}

__attribute__((naked)) void machine_tick_entry(void) {
  __asm__ volatile("push {r4, lr}\n"
                   "bl machine_tick\n"
                   "cbnz r0, 1f\n"
                   "pop {r4, pc}\n"
                   "1:\n" LEAVE_PROGRAM ".ltorg\n");
}
