/* Setups: one measured server as a scenario, and the words by which data sets name models and devices. */
#ifndef TW_TESTS_VALIDATION_SETUP_H
#define TW_TESTS_VALIDATION_SETUP_H

#include "tests/validation/case.h"

/* The parts that the scenario of a case is made of. */
typedef struct setup {
  const char *model, *device, *engine; /* names of the catalogue, or absolute paths */
  int tp, pp, dp, ep, replicas;
  const char *weights, *kv; /* kind of checkpoint, number format */
  int max_seqs, max_batched, max_len;
  const char *memory;   /* share for weights and KV cache; NULL: the server's default */
  const char *reserve;  /* the rule of admission; NULL: the server's default */
  int graph_tokens;     /* largest batch in a CUDA graph; 0: the engine's default */
  const char *software; /* more attributes of <step-time>; NULL: none */
} setup;

/* Our name of a model or device that a data set calls `word`, or a name that is like it; NULL: it is not in the
 * catalogue, which is told once. */
const char *setup_model(const char *word);
const char *setup_device(const char *word);

/* The kind of checkpoint in which that model is published where a data set says "fp8", "fp4" or the like. */
const char *setup_checkpoint(const char *model, const char *precision);

/* A case of that set, `s` and the elements within <workload>, with no metric measured yet. */
validation_case *setup_case(const validation_set *set, const setup *s, const char *workload);

/* A trace in our own format from a CSV of start_s, prompt_tokens and output_tokens; NULL with an error. */
GString *setup_trace(const char *path, GError **error);
/* The mean watts of a CSV of t_s and watts, and their window, into the case. */
gboolean setup_watts(const char *path, validation_case *item, GError **error);

/* The <closed-loop> of a benchmark's client: `concurrency` requests are under way, for `rounds` rounds; the
 * first of all clients at once, which counts, as in the measured means. Later ones fall out of step as
 * network and tokenizer jitter. Lengths are fixed, or `spread`: uniform from 80 to 100 % of the given ones,
 * as in InferenceX, whose mean and deviation a lognormal law takes over. Free the text. */
char *setup_closed_loop(int concurrency, int rounds, int isl, int osl, gboolean spread);

#endif
