/* Adapters (LoRA) of one rank: which of them lie in its accelerators and in the memory of its hosts.
 *
 *     storage --storage_s--> memory of hosts: host_slots --host_s--> accelerators: slots
 *
 * Follows vLLM (vllm/lora, vllm/v1/core/sched/scheduler.py; 2026): an iteration has sequences of at most `slots`
 * adapters (max_loras), and who waits for another one lets those behind it pass; an adapter is loaded as its first
 * sequence is admitted, and the iteration waits for that; both memories lose what was used least recently. A request
 * names its adapter by its class. Unlike there, a sequence that is preempted waits in the order of arrival, not in front of
 * those that wait for adapters. */
#ifndef TW_SIM_ADAPTERS_H
#define TW_SIM_ADAPTERS_H

#include "workloads/request.h"

typedef struct tw_adapters_config {
  gint64 slots;      /* Adapters that the accelerators hold; 0: there are no adapters. */
  gint64 host_slots; /* Adapters that the memory of hosts holds, those of the accelerators among them. */
  double host_s;     /* Seconds to load an adapter from the memory of hosts, ... */
  double storage_s;  /* ... and into it. */
  const char *
      base; /* The class that uses the model without an adapter, as requests without a class do. NULL: none. */
} tw_adapters_config;

typedef struct tw_adapters {
  tw_adapters_config config;
  /* Names of adapters, interned: in the accelerators and in the hosts, the one that was used last at the end; and of the
   * sequences that run. NULL where there are no adapters. */
  GPtrArray *loaded, *held, *used;
} tw_adapters;

void tw_adapters_init(tw_adapters *adapters, const tw_adapters_config *config);
void tw_adapters_clear(tw_adapters *adapters);

/* Tells which requests run, one after the other: first that there is none. */
void tw_adapters_run_none(tw_adapters *adapters);
void tw_adapters_run(tw_adapters *adapters, const tw_request *request);

/* Whether a request may run beside those that do. */
gboolean tw_adapters_admit(const tw_adapters *adapters, const tw_request *request);

/* The adapters that an iteration loads. */
typedef struct tw_adapter_loads {
  gint64 loads, fetches; /* Adapters that are loaded; and of them, those that come from storage. */
  double time_s;         /* The iteration takes so many seconds longer. */
} tw_adapter_loads;

/* A request that tw_adapters_admit lets in runs from now on: adds what is loaded for it to `loads`. */
void tw_adapters_load(tw_adapters *adapters, const tw_request *request, tw_adapter_loads *loads);

#endif
