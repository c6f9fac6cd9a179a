/* A scenario: what is simulated, as it is written. It is read from one XML file and the files that this one names,
 * checked whole, and frozen before the first event. What follows from it on its platform is its plan (plan.h).
 *
 * The tables in scenario_schema.c are the single description of its elements and attributes. */
#ifndef TW_SIM_SCENARIO_H
#define TW_SIM_SCENARIO_H

#include "platforms/reader/platform.h"
#include "sim/engine/engine.h"
#include "sim/engine/scheduler.h"
#include "sim/router/admission.h"
#include "sim/router/router.h"
#include "sim/scenario/failures.h"
#include "sim/scenario/grid.h"
#include "sim/scenario/jobs.h"
#include "sim/scenario/plan.h"
#include "sim/scenario/scaling.h"
#include "sim/steptime/checkpoint.h"
#include "workloads/stream/class.h"

/* The role of a pool: its engines compute prompts and decodes, or one of the two. */
typedef enum { TW_POOL_MIXED, TW_POOL_PREFILL, TW_POOL_DECODE } tw_pool_role;
extern const char *const tw_pool_role_names[];

/* How the KV cache of a prompt leaves the engine that computed it: when the prompt is complete, or layer by
 * layer while the last iteration of the prompt computes them. */
typedef enum { TW_KV_WHOLE, TW_KV_LAYERED } tw_kv_transfer_mode;
extern const char *const tw_kv_transfer_names[];

/* Whether the next iteration is planned while one runs: as the engine of the step time does it, or as told. */
typedef enum { TW_ASYNCHRONOUS_ENGINE, TW_ASYNCHRONOUS_OFF, TW_ASYNCHRONOUS_ON } tw_asynchronous;
extern const char *const tw_asynchronous_names[];

/* Whether engines have their weights as a run begins, and from where those that have none get them. */
typedef enum { TW_START_WARM, TW_START_COLD } tw_start;
typedef enum { TW_WEIGHTS_RESIDENT, TW_WEIGHTS_STORAGE, TW_WEIGHTS_PEER, TW_WEIGHTS_SITE } tw_weights_source;
extern const char *const tw_start_names[], *const tw_weights_source_names[];

struct tw_pool {
  char *id;
  int role;            /* A tw_pool_role. */
  int kv_transfer;     /* A tw_kv_transfer_mode. */
  double kv_timeout_s; /* The longest that a complete prompt waits for room to decode. */
  gint64 replicas;
  char *model_name;
  gint64 tp, pp, dp, ep, redundant_experts;
  int checkpoint;  /* Index for tw_checkpoint_get. */
  int weights, kv; /* tw_precision; `weights` is that of MLPs and experts. */
  int attention;   /* tw_precision of the attention projections. */
  double memory_fraction;
  char *hosts;              /* Glob of host names. */
  int placement;            /* A tw_placement_kind. */
  gint64 collective_slices; /* A window sends in so many slices, with computation in between. */
  gboolean collective_overlap;
  int start, weights_from; /* A tw_start and a tw_weights_source. */
  double startup_s;        /* Seconds that the software starts, once the weights are there. */
  tw_scaling scaling;

  int scheduler, order; /* Index in tw_scheduler_kinds, and a tw_waiting_order. */
  int reserve;          /* A tw_admission_reserve. */
  double watermark;     /* Share of the KV blocks that admission leaves free while others run. */
  int rank_choice;      /* A tw_rank_choice. */
  gint64 prefill_interval;
  int asynchronous; /* A tw_asynchronous. */
  gint64 max_seqs, max_batched_tokens, block_tokens;
  gint64 long_prefill_tokens; /* The most tokens of a chunk; 0: any number. */
  gboolean chunked_prefill;   /* Prompts may be split, if the kind does so. */
  gboolean mixed_chunk;       /* Kind sglang: decodes run beside prompts. */
  double conservativeness;    /* Kind sglang: factor of its guess of tokens still to be emitted. */
  gint64 max_model_len;
  gboolean prefix_cache;
  gint64
      checkpoint_tokens; /* Tokens between the states of a sequence that the prefix cache keeps; 0: none. */

  int step_kind; /* Index for tw_step_kind_get. */
  char *table_file;
  double expert_imbalance;
  char *engine; /* The software, whose file tells its overheads. */
  struct {
    double iteration_s, per_seq_s, launch, compute, fp8, experts, logit_bytes, eager_layer_s, eager_experts_s,
        sum_bytes;
    gint64 graph_tokens, graph_step;
    gboolean fused_sums;
  } instead; /* These replace what the engine's file says; NAN, or below 0: nothing does. */
  tw_software software;

  double host_bytes;                               /* Memory of hosts for the offloaded KV of each engine. */
  double host_bytes_per_s, host_write_bytes_per_s; /* Bandwidth to each accelerator, and from it. */
  tw_speculation speculation;
  char *accepted_text, *drafter_name; /* Empty: none is named. */
  double *accepted_shares; /* Shares of drafted tokens that are accepted; NULL: `acceptance` tells them. */
  tw_model *drafter;       /* NULL: there is none, or its cost is given. */
  gboolean store;          /* KV for which hosts have no room goes to the shared store. */
  gint64 adapter_slots,
      adapter_host_slots; /* Adapters that accelerators and hosts hold; 0: there are none. */
  double adapter_bytes;   /* Size of an adapter over the accelerators of a replica. */
  double adapter_bytes_per_s,
      adapter_storage_bytes_per_s; /* Bandwidths to each accelerator, and to the hosts. */
  char *adapter_base;              /* The class that uses the model without an adapter; empty: none. */
  tw_offload_config offload_rules; /* The rules alone: bytes and seconds are planned. */

  tw_model *model;
  gboolean sound; /* Whether what is written of the pool has no fault, so that it can be planned. */
  tw_pool_plan plan;
};

/* The limits that a request must meet; NAN: not asked for. itl_s holds for each time between two of its tokens,
 * that from the first to the second among them. */
typedef struct tw_slo {
  char *class; /* The class of traffic; NULL: all that have no limits of their own. */
  double ttft_s, tpot_s, itl_s, e2e_s;
} tw_slo;

/* When clients see the first token of a prompt that one pool computes for another. */
typedef enum { TW_FIRST_TOKEN_PREFILL, TW_FIRST_TOKEN_DECODE } tw_first_token;
extern const char *const tw_first_token_names[];

/* Caps on power, and how they are held. */
typedef struct tw_caps {
  double accelerator_w, rack_w, site_w; /* Watts; NAN: no cap. */
  char *site_file;                      /* A cap that changes, instead of site_w. */
  double period_s, delay_s;
  double clock, slowest_clock; /* Over the nominal one: the fastest that is run, and the slowest. */
  gboolean even;               /* Every accelerator gets the same share, whatever it draws. */
} tw_caps;

struct tw_scenario {
  char *name, *description;
  gint64 seed;
  gboolean alone;      /* It is no site of several. */
  double utc_offset_s; /* The offset of the site's clock, by which its series go. */
  char *platform_file;
  tw_platform *platform;

  /* The source of requests: a trace, or a generator. */
  char *trace_file; /* NULL: a generator makes them. */
  int trace_format; /* Index in tw_trace_format_names, -1: the file tells. */
  tw_trace_options trace;
  tw_generator *generator; /* NULL: a trace has them. */
  char *generator_name;    /* The name of a preset or a file; NULL: the generator stands in the scenario. */
  tw_generator_use use;    /* Its seed is that of the scenario. */

  tw_pool *pools;
  int n_pools;
  tw_site_job *jobs; /* work beside requests: training and RL */
  int n_jobs;

  int router; /* Index in tw_router_policies. */
  double prefix_weight, signal_delay_s;
  char *router_parameters; /* Checked; NULL: there are none. */
  gint64 max_queue;        /* The most requests that may wait at an engine, G_MININT64: any number. */
  tw_admission_config admission;
  double deadline_s; /* The longest that a request waits to be scheduled; NAN: any time. */
  double frontend_s, frontend_per_token_s; /* HTTP and tokenizer, before a request can be queued. */
  tw_slo slo;                              /* The limits of requests whose classes have none of their own. */
  GArray *class_slos;                      /* Elements are tw_slo, of single classes. NULL: there are none. */
  double warmup_s, drain_s;                /* Seconds that the measurement window leaves out. */
  double until_s;                          /* The instant at which the run is cut short; NAN: it is not. */
  double interval_s;

  tw_failure_plan *failures; /* NULL: nothing breaks. */
  tw_caps caps;
  tw_grid *grid; /* NULL: nobody looks at what the site draws by the period. */
  double price_usd_per_kwh, carbon_g_per_kwh, outside_c; /* Constants; NAN: not given. */
  char *price_file, *carbon_file, *weather_file;
  /* Capital and operation without electricity, the last of storage for KV; NAN: not given. */
  double accelerator_hour_usd, rack_hour_usd, kv_tb_hour_usd;

  int first_token; /* tw_first_token */
  gboolean segments, exact_steps, audit;

  tw_scenario_plan plan; /* The plan that runs. All other members are as written. */

  GPtrArray *notes; /* Elements are char *: what the user should know before a run. */
  char *canonical;  /* Canonical XML, with the assignments applied. */
  char *resolved;   /* every attribute with its value, for people: see tw_schema_resolve */
  char **files; /* every file that was read, NULL-terminated: scenario and includes, platform, models, ... */
};

/* Reads a scenario with its platform and models, applies `assignments` ("XPATH=VALUE", NULL-terminated or
 * NULL), places the engines and checks that everything fits. NULL with every fault that was found. */
tw_scenario *tw_scenario_load(const char *path, const char *const *assignments, tw_faults *faults);
/* Reads one of the sites of a scenario that has several (world.h), by its number, with what all share. Its series go by
 * a clock that is ahead by `utc_offset_s`. */
tw_scenario *tw_scenario_load_site(const char *path, const char *const *assignments, int site,
                                   double utc_offset_s, tw_faults *faults);
/* The document of a scenario, with assignments, checked against the tables. NULL with every fault that was found. */
tw_document *tw_scenario_document(const char *path, const char *const *assignments, tw_faults *faults);
void tw_scenario_free(tw_scenario *scenario);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_scenario, tw_scenario_free)

/* Returns the place of an engine, or, counted behind the engines, of a job. */
static inline const tw_engine_place *tw_scenario_place(const tw_scenario *scenario, int i)
{
  return i < scenario->plan.n_engines ? &scenario->plan.engines[i]
                                      : &scenario->jobs[i - scenario->plan.n_engines].plan.place;
}

#define TW_SLO_NONE ((tw_slo){NULL, NAN, NAN, NAN, NAN})
/* Whether any limit is asked for. */
gboolean tw_slo_asks(const tw_slo *slo);
/* Whether any request has a limit of ITL: else gaps between tokens are not followed. */
gboolean tw_scenario_limits_itl(const tw_scenario *scenario);
/* The limits that requests of a class (NULL: of none) must meet. */
tw_slo tw_scenario_slo(const tw_scenario *scenario, const char *class);

/* Whether there may be engines that do not serve, now or later. */
gboolean tw_scenario_has_fleet(const tw_scenario *scenario);

/* Whether engines of a pool may load weights over the network. */
gboolean tw_pool_loads_weights(const tw_scenario *scenario, const tw_pool *pool);
/* Bytes of one copy of a pool's weights, without what data-parallel ranks have twice. */
double tw_pool_copy_bytes(const tw_pool *pool);

/* The accelerators of the platform that engines and jobs have, spares of jobs included. */
long tw_scenario_used_accelerators(const tw_scenario *scenario);

/* Whether anything crosses links: KV caches on their way between engines, collectives between domains, or
 * weights. */
gboolean tw_scenario_uses_network(const tw_scenario *scenario);

/* Whether any engine keeps KV below its accelerators. */
gboolean tw_scenario_offloads(const tw_scenario *scenario);
/* Whether any pool serves adapters; and the bytes of an accelerator that its places for them take. */
gboolean tw_scenario_adapts(const tw_scenario *scenario);
double tw_scenario_adapter_bytes(const tw_pool *pool);

/* The class of all its requests, where a generator of one class draws them; NULL: another source. */
const tw_class *tw_scenario_only_class(const tw_scenario *scenario);
/* The class of the <rollouts>; NULL: the workload is another one. */
const tw_class *tw_scenario_rollouts(const tw_scenario *scenario);

/* The scenario's requests. NULL with TW_INPUT_ERROR where the trace cannot be opened. */
tw_stream *tw_scenario_stream(const tw_scenario *scenario, GError **error);

/* The root of the tables: for checks, documentation and the RELAX NG schema. */
extern const tw_element tw_scenario_element;

/* Reads the pools (scenario_pools.c). */
void tw_scenario_read_pools(tw_scenario *scenario, const xmlNode *root, tw_faults *faults);
/* Reads what the scenario says of caps, before the pools. */
void tw_scenario_read_caps(tw_scenario *scenario, const xmlNode *root, tw_faults *faults);
/* Reads what the scenario says of prices and weather (scenario_power.c). */
void tw_scenario_read_power(tw_scenario *scenario, const xmlNode *root);
void tw_scenario_clear_power(tw_scenario *scenario);

/* Reads what the pools say of starting and parking (scenario_fleet.c), once they are placed; notes what
 * the user should know of it. */
void tw_scenario_read_fleet(tw_scenario *scenario, const xmlNode *root, tw_faults *faults);

/* Reads <workload> and <slo> (scenario_workload.c). */
void tw_scenario_read_workload(tw_scenario *scenario, const xmlNode *root, tw_faults *faults);
void tw_scenario_clear_workload(tw_scenario *scenario);
/* Reads what a pool whose model is read says of drafts (scenario_speculation.c). */
void tw_scenario_read_speculation(tw_pool *pool, const xmlNode *pool_node, tw_faults *faults);
void tw_scenario_clear_speculation(tw_pool *pool);
/* A fault where a file (NULL: none) that `node` names does not exist. */
void tw_scenario_check_file(const char *path, const xmlNode *node, tw_faults *faults);

/* ---- The tables, shared by the reader and the schema ---- */
extern const tw_element tw_platform_ref_element, tw_workload_element, tw_trace_element, tw_generate_element,
    tw_pool_element, tw_scheduler_element, tw_step_time_element, tw_offload_element, tw_adapters_element,
    tw_autoscaler_element, tw_speculation_element, tw_router_element, tw_admission_element, tw_slo_element,
    tw_output_element, tw_caps_element, tw_price_element, tw_carbon_element, tw_weather_element,
    tw_cost_element, tw_site_element, tw_users_element, tw_wan_element, tw_global_router_element;
/* Faults where what stands on a site does not stand in each <site>, or in the scenario where it has none. */
void tw_scenario_check_sites(const xmlNode *node, tw_faults *faults);
/* Elements that may stand on a site; `least` platforms and pools at least: 1 within <site>, 0 in a scenario, which
 * may have sites instead. */
#define TW_SITE_CHILDREN(least, pools)                                                                       \
  {&tw_platform_ref_element, least, 1}, {&tw_pool_element, pools, 0}, {&tw_site_job_element, 0, 0},          \
      {&tw_router_element, 0, 1}, {&tw_admission_element, 0, 1}, {&tw_failures_element, 0, 1},               \
      {&tw_caps_element, 0, 1}, {&tw_grid_element, 0, 1}, {&tw_price_element, 0, 1},                         \
      {&tw_carbon_element, 0, 1}, {&tw_weather_element, 0, 1},                                               \
  {                                                                                                          \
    &tw_cost_element, 0, 1                                                                                   \
  }
extern const tw_child tw_workload_children[]; /* the sources of requests */

#endif
