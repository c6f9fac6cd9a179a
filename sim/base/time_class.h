/* The classes of an accelerator's time: what it does, or waits for, in the mean over those of its engine.
 *
 *     Σ classes but idle = time of iterations          Σ classes = time of the engine
 *
 * A product takes tw_roof(c, m) seconds where c are needed to compute and m to read its weights. Of these, the
 * share c⁴ / (c⁴ + m⁴) is computing and the rest is reading: so much of a small gain in either rate is gained in
 * time. Attention that decodes is one or the other, whichever takes longer. */
#ifndef TW_SIM_TIME_CLASS_H
#define TW_SIM_TIME_CLASS_H

/* X(to, name, the word in logs, what it is); `to` is handed on, for lists that are made of this one. */
#define TW_TIME_CLASSES(X, to)                                                                               \
  X(to, WEIGHTS, weights, "reading weights")                                                                 \
  X(to, KV, kv, "reading KV caches")                                                                         \
  X(to, LINEAR, linear, "computing products with weights, norms and activations")                            \
  X(to, ATTENTION, attention, "computing attention")                                                         \
  X(to, EXPERTS, experts, "computing experts")                                                               \
  X(to, SCALE_UP, scale_up, "collectives inside of NVLink domains")                                          \
  X(to, FABRIC, fabric, "collectives between NVLink domains")                                                \
  X(to, HOST, host, "launches of kernels and work of the host")                                              \
  X(to, LOADS, loads, "loading KV caches and adapters from hosts")                                           \
  X(to, SLOWEST, slowest, "waiting for the slowest rank")                                                    \
  X(to, BUBBLE, bubble, "waiting for other pipeline stages")                                                 \
  X(to, MEASURED, measured, "iterations of a measured table, which does not tell classes apart")             \
  X(to, IDLE, idle, "no iteration under way")

typedef enum {
#define X(to, name, word, help) TW_TIME_##name,
  TW_TIME_CLASSES(X, )
#undef X
      TW_TIME_CLASS_COUNT
} tw_time_class;

enum { TW_ITERATION_CLASSES = TW_TIME_IDLE }; /* Classes of iterations stand before idle. */

#endif
