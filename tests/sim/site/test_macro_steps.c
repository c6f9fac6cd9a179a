/* Macro-steps equal exact steps: the same requests table, to the byte, on random scenarios. */
#include "tests/check.h"
#include "tests/sim/support.h"
#include "workloads/draw/chance.h"

enum { SCENARIOS = 300 };

static gint64 between(tw_chance *chance, gint64 low, gint64 high)
{
  return low + (gint64)tw_chance_below(chance, (guint64)(high - low + 1));
}

/* A walk down a tree of two branches at each block, so that prompts share prefixes of any length; the last
 * block may be one that the prompt does not fill. */
static void append_hashes(GString *text, tw_chance *chance, gint64 prompt_tokens)
{
  if (tw_chance_below(chance, 8) == 0) {
    g_string_append(text, ",,");
    return;
  }
  gint64 hash_tokens = 8 << between(chance, 0, 2);
  g_string_append_printf(text, ",%d,", (int)hash_tokens);
  for (gint64 i = 0; i < (prompt_tokens + hash_tokens - 1) / hash_tokens; i++)
    g_string_append_printf(text, "%s%d", i > 0 ? " " : "", tw_chance_below(chance, 6) == 0);
}

/* Bursts of equal arrivals, arrivals on a grid that iterations share, and arrivals at random. */
static char *random_trace(tw_chance *chance)
{
  GString *text = g_string_new(
      "arrival_s,session,prompt_tokens,reasoning_tokens,answer_tokens,priority,hash_tokens,hashes\n");
  gint64 n = between(chance, 20, 120), longest = between(chance, 1, 400), deepest = between(chance, 1, 300);
  double t = 0, gap_s = 0.002 * (double)between(chance, 1, 200);
  for (gint64 i = 0; i < n; i++) {
    switch (tw_chance_below(chance, 4)) {
    case 0:
      break;
    case 1:
      t += 0.01 * (double)between(chance, 1, 40);
      break;
    default:
      t += gap_s * tw_chance_exponential(chance);
    }
    gint64 prompt_tokens = between(chance, 1, longest);
    g_string_append_printf(text, "%.9f,s%d,%d,%d,%d,%d", t, (int)between(chance, 0, 9), (int)prompt_tokens,
                           (int)between(chance, 0, deepest), (int)between(chance, 1, deepest),
                           (int)between(chance, 0, 2));
    append_hashes(text, chance, prompt_tokens);
    g_string_append_c(text, '\n');
  }
  return g_string_free(text, FALSE);
}

static gint64 pick_router(tw_chance *chance)
{
  gint64 n = 0;
  while (tw_router_policy_names[n] != NULL)
    n++;
  return between(chance, 0, n - 1);
}

static gint64 n_kinds(void)
{
  gint64 n = 0;
  while (tw_scheduler_kind_names[n] != NULL)
    n++;
  return n;
}

static void note_fleet(void *user, const tw_factory *factory)
{
  if (tw_factory_fleet(factory) != NULL)
    *(tw_fleet_totals *)user = tw_fleet_record(tw_factory_fleet(factory));
}

/* In half of the scenarios requests leave copies as they end, under any policy. */
static void leave_copies(tw_offload_config *offload, guint64 seed)
{
  tw_chance chance = tw_chance_new(seed, "copies");
  if (tw_chance_below(&chance, 2) == 0)
    return;
  offload->write = TW_OFFLOAD_THROUGH;
  offload->write_block_s = 1e-2 * tw_chance_uniform(&chance);
  offload->policy = (int)tw_chance_below(&chance, 3);
  offload->admission = (int)tw_chance_below(&chance, 2);
  offload->least_tokens = (gint64)tw_chance_below(&chance, 3) * 50;
  offload->ttl_s = tw_chance_below(&chance, 3) == 0 ? 3 * tw_chance_uniform(&chance) : 0;
}

static void macro_steps_equal_exact_steps_on_random_scenarios(void **state)
{
  (void)state;
  guint64 wakes = 0, preemptions = 0, completed = 0, cancelled = 0, cached_tokens = 0, host_tokens = 0,
          store_tokens = 0;
  for (guint64 seed = 0; seed < SCENARIOS; seed++) {
    tw_chance chance = tw_chance_new(seed, "scenario");
    /* Round costs make boundaries fall on arrivals; the others leave nothing to coincidence. */
    gboolean round = tw_chance_below(&chance, 2) == 0;
    test_costs costs =
        round ? (test_costs){0.01, 0, 0, 0, FALSE}
              : (test_costs){0.01 * tw_chance_uniform(&chance) + 0.001, 1e-4 * tw_chance_uniform(&chance),
                             1e-5 * tw_chance_uniform(&chance), 1e-5 * tw_chance_uniform(&chance), FALSE};
    costs.windowed = tw_chance_below(&chance, 3) == 0;
    g_autofree char *trace = random_trace(&chance);
    /* Just enough blocks for the longest request (1,000 tokens), up to plenty. */
    gint64 blocks = between(&chance, 63, tw_chance_below(&chance, 2) ? 80 : 2000);
    tw_scenario *scenario = test_scenario((int)between(&chance, 1, 4), &costs, blocks);
    tw_pool *pool = &scenario->pools[0];
    pool->scheduler = (int)between(&chance, 0, n_kinds() - 1);
    const tw_scheduler_kind *kind = &tw_scheduler_kinds[pool->scheduler];
    pool->order = (int)tw_chance_below(&chance, 5);
    if (pool->order == TW_ORDER_PREFIX && !kind->radix)
      pool->order = TW_ORDER_ARRIVAL;
    pool->prefill_interval = between(&chance, 1, 4);
    pool->rank_choice = (int)tw_chance_below(&chance, 3);
    pool->mixed_chunk = tw_chance_below(&chance, 2) == 0;
    pool->conservativeness = 2 * tw_chance_uniform(&chance);
    pool->reserve = (int)tw_chance_below(&chance, 3);
    pool->watermark = pool->reserve == TW_RESERVE_PROMPT ? 0.1 * tw_chance_uniform(&chance) : kind->watermark;
    pool->asynchronous = tw_chance_below(&chance, 2) ? TW_ASYNCHRONOUS_ON : TW_ASYNCHRONOUS_OFF;
    pool->long_prefill_tokens = tw_chance_below(&chance, 3) == 0 ? between(&chance, 1, 100) : 0;
    pool->dp = between(&chance, 1, 3);
    for (int i = 0; i < scenario->plan.n_engines; i++)
      scenario->plan.engines[i].shares[0].accelerators = (int)pool->dp;
    pool->prefix_cache = tw_chance_below(&chance, 4) > 0;
    if (tw_chance_below(&chance, 4) == 0)
      pool->speculation = (tw_speculation){between(&chance, 1, 5), tw_chance_uniform(&chance), 0.1, NULL};
    gboolean store = FALSE;
    if (pool->prefix_cache && !kind->radix && tw_chance_below(&chance, 2) == 0) {
      store = tw_chance_below(&chance, 2) == 0;
      costs.per_prompt_s += 5e-5; /* some loads are worth it, some are not */
      pool->plan.offload = (tw_offload_config){.host_bytes = between(&chance, 1, store ? 60 : 300),
                                               .block_bytes = 1,
                                               .block_s = 1e-3 * tw_chance_uniform(&chance),
                                               .seed = 1};
      leave_copies(&pool->plan.offload, seed);
    }
    pool->max_seqs = between(&chance, 1, 40);
    pool->max_batched_tokens = kind->chunked ? between(&chance, pool->max_seqs, 200) : 1024;
    if (kind->radix || kind->whole_blocks)
      pool->max_batched_tokens += pool->block_tokens; /* a part of a prompt is no less */
    pool->model->window = 64;
    pool->model->window_layers = costs.windowed;
    test_scenario_power(scenario);
    pool->plan.power.joules_per_flop = tw_chance_uniform(&chance);
    pool->plan.power.joules_per_byte = 0.1 * tw_chance_uniform(&chance);
    pool->plan.power.active_w = 50 * tw_chance_uniform(&chance);
    /* Engines that park, wake and start, or start cold, at instants that iterations share. */
    if (tw_chance_below(&chance, 3) == 0) {
      pool->scaling = (tw_scaling){.policy = (int)tw_chance_below(&chance, 2),
                                   .min = between(&chance, 0, 1),
                                   .max = scenario->plan.n_engines,
                                   .period_s = 0.05 * (double)between(&chance, 1, 20),
                                   .up_delay_s = 0.1 * (double)between(&chance, 0, 2),
                                   .down_delay_s = 0.1 * (double)between(&chance, 0, 5),
                                   .utilization = 0.1 + 0.9 * tw_chance_uniform(&chance),
                                   .queue = (double)between(&chance, 0, 3)};
      pool->start = (int)tw_chance_below(&chance, 2);
      pool->startup_s = 0.04 * (double)between(&chance, 0, 10);
      pool->weights_from = TW_WEIGHTS_RESIDENT;
    }
    scenario->router = (int)pick_router(&chance);
    scenario->signal_delay_s = 0.05 * (double)between(&chance, 0, 2);
    if (tw_chance_below(&chance, 6) == 0)
      scenario->max_queue = between(&chance, 1, 10);
    if (tw_chance_below(&chance, 4) == 0)
      scenario->deadline_s = 0.01 * (double)between(&chance, 1, 200);
    if (tw_chance_below(&chance, 8) == 0)
      scenario->admission =
          (tw_admission_config){1000, 4000, (int)tw_chance_below(&chance, 2), TW_BUCKET_CLIENT};
    if (scenario->plan.n_engines > 1 && tw_chance_below(&chance, 2) == 0) {
      test_disaggregate(scenario, (int)between(&chance, 1, scenario->plan.n_engines - 1));
      scenario->pools[0].kv_transfer = (int)tw_chance_below(&chance, 2);
      pool = &scenario->pools[0];
      pool->model->layers = between(&chance, 1, 4);
    }
    if (store)
      test_store(scenario, (double)between(&chance, 1, 1000));
    scenario->plan.frontend_s = 0.003 * (double)tw_chance_below(&chance, 2);
    scenario->frontend_per_token_s = 1e-5 * (double)tw_chance_below(&chance, 2);

    char *directories[2] = {test_directory(), test_directory()};
    char *tables[2];
    for (int exact = 0; exact < 2; exact++) {
      scenario->exact_steps = exact;
      tw_fleet_totals scaled = {0};
      g_autoptr(tw_recorder) recorder =
          test_run_watched(scenario, trace, directories[exact], INFINITY, note_fleet, &scaled);
      tables[exact] = test_table(directories[exact], "requests");
      test_remove(directories[exact]);
      wakes += scaled.wakes;
      completed += tw_recorder_totals(recorder)->endings[TW_COMPLETED];
      cancelled += tw_recorder_totals(recorder)->endings[TW_CANCELLED];
      cached_tokens += tw_recorder_totals(recorder)->cached_tokens;
      host_tokens += tw_recorder_totals(recorder)->host_tokens;
      store_tokens += tw_recorder_totals(recorder)->store_tokens;
    }
    if (!g_str_equal(tables[0], tables[1])) {
      g_auto(GStrv) macro = g_strsplit(tables[0], "\n", -1), single = g_strsplit(tables[1], "\n", -1);
      for (guint i = 0; macro[i] != NULL && single[i] != NULL; i++)
        if (!g_str_equal(macro[i], single[i])) {
          fail_msg("seed %" G_GUINT64_FORMAT ", row %u:\n  macro %s\n  exact %s", seed, i, macro[i],
                   single[i]);
        }
    }
    assert_string_equal(tables[0], tables[1]);
    for (char *at = tables[0]; (at = strchr(at, '\n')) != NULL && at[1] != '\0'; at++) {
      g_auto(GStrv) cells = g_strsplit(at + 1, ",", 15);
      preemptions += (guint64)g_ascii_strtoll(cells[13], NULL, 10);
    }
    for (int i = 0; i < 2; i++) {
      g_free(tables[i]);
      g_free(directories[i]);
    }
    test_scenario_free(scenario);
  }
  /* The scenarios exercise what they are meant to. */
  assert_true(preemptions > 1000);
  assert_true(wakes > 300);
  assert_true(completed > 20000);
  assert_true(cancelled > 500);
  assert_true(cached_tokens > 100000);
  assert_true(host_tokens > 10000);
  assert_true(store_tokens > 1000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(macro_steps_equal_exact_steps_on_random_scenarios),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
