/* A network in the firmware: the programs by which the host runs and counts it. MODEL_NAME and MODEL_DIGEST are strings,
 * MODEL_INPUT_BYTES the size of all its inputs together; what a program says is lines of `word value...`. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "counter.h"
#include "ek_model.h"
#include "machine.h"
#include "network.h"
#include "store.h"

#define PAINT 0xA5A5A5A5u

extern uint32_t program_stack;

const char model_name[] = MODEL_NAME;

static uint8_t ready;
static uintptr_t called_at; /* the stack pointer when the last measured call was made */

/* ---- saying ---- */

static void say_number(const char *word, uint32_t value) {
  agent_text(AGENT_OUT, word);
  agent_text(AGENT_OUT, " ");
  agent_number(AGENT_OUT, value);
  agent_text(AGENT_OUT, "\n");
}

/* Eight bytes, most significant first, in hexadecimal. */
static void say_ticks(const char *word, uint64_t ticks) {
  uint8_t bytes[8];
  for (uint32_t i = 0; i < 8u; i++) {
    bytes[i] = (uint8_t)(ticks >> (56u - 8u * i));
  }
  agent_text(AGENT_OUT, word);
  agent_text(AGENT_OUT, " ");
  agent_hex(AGENT_OUT, bytes, 8);
  agent_text(AGENT_OUT, "\n");
}

static int complain(const char *sentence) {
  agent_text(AGENT_ERR, sentence);
  agent_text(AGENT_ERR, "\n");
  return 1;
}

/* ---- measuring ---- */

static void nothing(void) { __asm__ volatile(""); }

static uintptr_t stack_pointer(void) {
  uintptr_t found;
  __asm__ volatile("mov %0, sp" : "=r"(found));
  return found;
}

/* Ticks of a call, with interrupts off. `nothing` takes what the measuring itself does. */
__attribute__((noinline)) static uint64_t ticks_of(void (*work)(void)) {
  __asm__ volatile("cpsid i" ::: "memory");
  called_at = stack_pointer();
  counter_start();
  uint64_t before = counter_ticks();
  __asm__ volatile("" ::: "memory");
  work();
  __asm__ volatile("" ::: "memory");
  uint64_t after = counter_ticks();
  __asm__ volatile("cpsie i" ::: "memory");
  return after - before;
}

/* The same, and the bytes of stack that it needed: all that is free is painted before, and looked at afterwards. */
__attribute__((noinline)) static uint64_t ticks_and_stack_of(void (*work)(void), uint32_t *stack_bytes) {
  volatile uint32_t *at = &program_stack;
  __asm__ volatile("cpsid i" ::: "memory");
  for (volatile uint32_t *end = (volatile uint32_t *)stack_pointer(); at < end; at++) {
    *at = PAINT;
  }
  uint64_t ticks = ticks_of(work);
  at = &program_stack;
  while (*at == PAINT) {
    at++;
  }
  *stack_bytes = (uint32_t)(called_at - (uintptr_t)at);
  return ticks;
}

/* ---- inputs and outputs ---- */

uint32_t network_load(const uint8_t *data, uint32_t size) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < EK_MODEL_INPUTS; i++) {
    const ek_tensor *tensor = ek_model_input(i);
    if (tensor->bytes > size - at) {
      return 0;
    }
    memcpy(tensor->data, data + at, tensor->bytes);
    at += tensor->bytes;
  }
  return at == size ? 1u : 0u;
}

void network_ready(void) {
  if (ready == 0u) {
    ek_model_init();
    ready = 1;
  }
}

static void say_outputs(void) {
  for (uint32_t i = 0; i < EK_MODEL_OUTPUTS; i++) {
    const ek_tensor *tensor = ek_model_output(i);
    agent_text(AGENT_OUT, "output ");
    agent_hex(AGENT_OUT, tensor->data, tensor->bytes);
    agent_text(AGENT_OUT, "\n");
  }
}

/* ---- programs ---- */

/* model: sets the network to its beginning and tells of it */
static int run_model(int argc, char **argv) {
  (void)argc;
  (void)argv;
  uint64_t empty = ticks_of(nothing);
  uint64_t setup = ticks_of(ek_model_init);
  ready = 1;
  agent_text(AGENT_OUT, "digest " MODEL_DIGEST "\n");
  say_number("layers", EK_MODEL_LAYERS);
  say_number("arena", EK_MODEL_ARENA_BYTES);
  say_number("hz", counter_hz());
  say_ticks("empty", empty);
  say_ticks("setup", setup);
  return 0;
}

/* infer [N]: from the network's beginning, an inference, or N, of the standard input, which is all inputs, one after
 * another */
static int run_infer(int argc, char **argv) {
  const struct file *given = store_find("");
  uint32_t stack_bytes = 0;
  ek_model_init();
  ready = 1;
  for (unsigned long left = argc > 1 ? strtoul(argv[1], 0, 10) : 1ul; left > 0ul; left--) {
    if (given == 0 || network_load(given->data, given->size) == 0u) {
      return complain("the input has another size than the network's");
    }
    say_ticks("ticks", ticks_and_stack_of(ek_model_run, &stack_bytes));
  }
  say_number("stack", stack_bytes);
  say_outputs();
  return 0;
}

#ifdef EK_LAYER_HOOK

static struct {
  uint64_t ticks;
  uint32_t calls;
} layers[EK_MODEL_LAYERS];
static uint64_t layer_began;

void ek_layer_hook(uint32_t layer, uint32_t is_end) {
  if (is_end == 0u) {
    layer_began = counter_ticks();
    return;
  }
  layers[layer].ticks += counter_ticks() - layer_began;
  layers[layer].calls++;
}

static void hook_alone(void) {
  ek_layer_hook(0, 0);
  ek_layer_hook(0, 1);
}

static void say_layer(const char *name, uint32_t index) {
  agent_text(AGENT_OUT, "layer ");
  agent_number(AGENT_OUT, layers[index].calls);
  agent_text(AGENT_OUT, " ");
  say_ticks(name, layers[index].ticks);
}

/* layers: as infer, but counts each layer; the first line is what the counting itself takes for each call */
static int run_layers(int argc, char **argv) {
  (void)argc;
  (void)argv;
  const struct file *given = store_find("");
  memset(layers, 0, sizeof layers);
  ticks_of(hook_alone);
  say_layer("nothing", 0);
  memset(layers, 0, sizeof layers);
  if (given == 0 || network_load(given->data, given->size) == 0u) {
    return complain("the input has another size than the network's");
  }
  network_ready();
  ticks_of(ek_model_run);
  for (uint32_t i = 0; i < EK_MODEL_LAYERS; i++) {
    say_layer(ek_model_layer_name(i), i);
  }
  return 0;
}

#endif

const struct program model_programs[] = {
    {"model", run_model},
    {"infer", run_infer},
#ifdef EK_LAYER_HOOK
    {"layers", run_layers},
#endif
    {0, 0},
};
