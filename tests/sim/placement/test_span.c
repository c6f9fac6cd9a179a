/* Engines that leave their NVLink domain: what they send, what that costs, and how they slow each other down.
 */
#include "sim/placement/span.h"
#include "tests/check.h"
#include "tests/sim/net_support.h"
#include "tests/sim/support.h"

#include <glib/gstdio.h>
#include <jansson.h>

/* Two domains of two H100 behind one up-link each; engine i has GPU i of both. */
typedef struct world {
  int engines;
  double up_gb_per_s;
  const char *pool; /* attributes of each engine's pool */
  gboolean exact;
} world;

enum { SEQUENCES = 64, TOKENS = 201 }; /* requests of each engine, and tokens of each */

static void write_text(const char *directory, const char *name, GString *text)
{
  g_autofree char *path = g_build_filename(directory, name, NULL);
  assert_true(g_file_set_contents(path, text->str, -1, NULL));
  g_string_free(text, TRUE);
}

/* Runs SEQUENCES equal requests on every engine, all at once. Returns the mean TPOT in seconds. */
static double tpot_s(const world *w)
{
  test_site site = {2, 2, w->up_gb_per_s, "h100-sxm"};
  g_autofree char *platform = test_site_write(&site), *directory = test_directory();
  GString *trace = g_string_new("arrival_s,prompt_tokens,answer_tokens\n");
  for (int i = 0; i < w->engines * SEQUENCES; i++)
    g_string_append_printf(trace, "0,16,%d\n", TOKENS);
  write_text(directory, "trace.csv", trace);
  GString *scenario = g_string_new(NULL);
  g_string_append_printf(scenario,
                         "<scenario name=\"two\"><platform file=\"%s\"/>"
                         "<workload><trace file=\"trace.csv\"/></workload>",
                         platform);
  for (int i = 0; i < w->engines; i++)
    g_string_append_printf(scenario, "<pool id=\"p%d\" model=\"llama-3.1-8b\" hosts=\"?%d\" %s/>", i, i,
                           w->pool);
  g_string_append_printf(scenario, "<router policy=\"round-robin\"/><output exact-steps=\"%s\"/></scenario>",
                         w->exact ? "true" : "false");
  write_text(directory, "scenario.xml", scenario);
  g_autofree char *file = g_build_filename(directory, "scenario.xml", NULL);
  g_autofree char *out = g_build_filename(directory, "run", NULL);
  const char *arguments[] = {"run", file, "-o", out, "--quiet", NULL};
  g_free(test_program(arguments, 0, NULL));
  g_autoptr(GArray) first = test_column(out, "requests", "first_token_s");
  g_autoptr(GArray) last = test_column(out, "requests", "completion_s");
  assert_int_equal(first->len, w->engines * SEQUENCES);
  double sum_s = 0;
  for (guint i = 0; i < first->len; i++)
    sum_s += (g_array_index(last, double, i) - g_array_index(first, double, i)) / (TOKENS - 1);
  test_remove(out);
  test_remove(directory);
  g_unlink(platform);
  return sum_s / first->len;
}

/* Llama-3.1-8B: 32 layers of two all-reduces, 4,096 numbers of 2 bytes a token. Between two ranks each sends
 * 2 · 1/2 of that. */
static const double reduced_bytes = 4096.0 * 2 * SEQUENCES, sent_bytes = 64 * 4096.0 * 2 * SEQUENCES;

static tw_device *h100(void)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_device *device = tw_device_load("h100-sxm", NULL, faults);
  assert_non_null(device);
  return device;
}

static void two_engines_on_an_oversubscribed_leaf_slow_each_other_down(void **state)
{
  (void)state;
  const char *tp2 = "tp=\"2\"";
  double alone_s = tpot_s(&(world){1, 50, tp2, FALSE});
  /* NICs of 50 GB/s: an up-link of 100 GB/s holds both, one of 50 GB/s half of each. */
  double open_s = tpot_s(&(world){2, 100, tp2, FALSE}), narrow_s = tpot_s(&(world){2, 50, tp2, FALSE});
  /* 512 KiB between two nodes: of NCCL's protocols LL128 is the fastest there, and adds its flags. */
  g_autoptr(tw_device) device = h100();
  double own_s = sent_bytes / device->kernels[TW_KERNEL_LL128].scale_out / 50e9;
  assert_near(open_s, alone_s, 1e-6 * alone_s);
  assert_near(narrow_s - alone_s, own_s, 1e-6 * own_s);
}

static void windows_of_many_iterations_and_of_one_agree(void **state)
{
  (void)state;
  const char *tp2 = "tp=\"2\"";
  for (int engines = 1; engines <= 2; engines++) {
    double many_s = tpot_s(&(world){engines, 50, tp2, FALSE}),
           one_s = tpot_s(&(world){engines, 50, tp2, TRUE});
    assert_near(many_s, one_s, 0.01 * one_s);
  }
}

/* The first 60 requests of the study of DeepSeek-R1 over domains of eight on the 4:1 fabric, with a
 * twentieth of their outputs: 1,271 windows of one iteration, each with 62 flows. Returns the summary. */
static json_t *run_study(const char *exact)
{
  g_autofree char *directory = test_directory(), *text = NULL;
  g_autofree char *file = g_build_filename(directory, "scenario.xml", NULL);
  g_autofree char *out = g_build_filename(directory, "run", NULL);
  g_autofree char *path = g_build_filename(out, "summary.json", NULL);
  g_autofree char *output = g_strdup_printf("<output exact-steps=\"%s\"/></scenario>", exact);
  assert_true(
      g_file_get_contents(TW_SOURCE_DIR "/sim/scenarios/study-deepseek-domains-of-8.xml", &text, NULL, NULL));
  GString *scenario = g_string_new(text);
  assert_int_equal(g_string_replace(scenario, "../../", TW_SOURCE_DIR "/", 0), 2);
  assert_int_equal(g_string_replace(scenario, "9-1-to-1.xml", "9-4-to-1.xml", 0), 1);
  assert_int_equal(g_string_replace(scenario, "</scenario>", output, 0), 1);
  assert_int_equal(g_string_replace(scenario, "<trace ", "<trace limit=\"60\" output-scale=\"0.05\" ", 0), 1);
  write_text(directory, "scenario.xml", scenario);
  const char *arguments[] = {"run", file, "-o", out, "--quiet", NULL};
  g_free(test_program(arguments, 0, NULL));
  json_t *summary = json_load_file(path, 0, NULL);
  assert_non_null(summary);
  test_remove(out);
  test_remove(directory);
  return summary;
}

static double number(const json_t *summary, const char *group, const char *name)
{
  return json_number_value(json_object_get(json_object_get(summary, group), name));
}

static void over_a_loaded_study_windows_of_many_and_of_one_agree(void **state)
{
  (void)state;
  json_t *many = run_study("false"), *one = run_study("true");
  double exact_s = number(one, "tpot_s", "mean");
  assert_near(number(many, "requests", "completed"), number(one, "requests", "completed"), 0);
  assert_near(number(many, "tpot_s", "mean"), exact_s, 0.02 * exact_s);
  /* 64 ranks send no more flows in a window than two each, and every window is an event at least. */
  assert_true(number(many, "network", "flows") > 0);
  assert_true(number(many, "network", "flows") <= 128 * json_number_value(json_object_get(many, "events")));
  json_decref(many);
  json_decref(one);
}

static void a_tensor_parallel_group_over_two_domains_is_slower_by_its_formula(void **state)
{
  (void)state;
  /* Both GPUs of one domain: hosts a*. 64 all-reduces of 64 tokens over NVLink, in one shot: a launch, one
   * hop, and all of it to the other; or over the fabric with LL128 at 50 GB/s and 2 steps of 7 us. */
  double apart_s = tpot_s(&(world){1, 50, "tp=\"2\"", FALSE});
  test_site site = {1, 2, 50, "h100-sxm"};
  g_autofree char *platform = test_site_write(&site), *directory = test_directory();
  GString *trace = g_string_new("arrival_s,prompt_tokens,answer_tokens\n");
  for (int i = 0; i < SEQUENCES; i++)
    g_string_append_printf(trace, "0,16,%d\n", TOKENS);
  write_text(directory, "trace.csv", trace);
  GString *scenario = g_string_new(NULL);
  g_string_append_printf(scenario,
                         "<scenario name=\"one\"><platform file=\"%s\"/><workload><trace file=\"trace.csv\"/>"
                         "</workload><pool id=\"p\" model=\"llama-3.1-8b\" tp=\"2\"/></scenario>",
                         platform);
  write_text(directory, "scenario.xml", scenario);
  g_autofree char *file = g_build_filename(directory, "scenario.xml", NULL);
  g_autofree char *out = g_build_filename(directory, "run", NULL);
  const char *arguments[] = {"run", file, "-o", out, "--quiet", NULL};
  g_free(test_program(arguments, 0, NULL));
  g_autoptr(GArray) first = test_column(out, "requests", "first_token_s");
  g_autoptr(GArray) last = test_column(out, "requests", "completion_s");
  double together_s = (g_array_index(last, double, 0) - g_array_index(first, double, 0)) / (TOKENS - 1);
  g_autoptr(tw_device) device = h100();
  const tw_kernel_cost *shot = &device->kernels[TW_KERNEL_ONE_SHOT],
                       *ring = &device->kernels[TW_KERNEL_LL128];
  double inside_s = shot->launch_s + shot->step_s + device->scale_up_latency_s +
                    reduced_bytes / (shot->scale_up * device->scale_up_bytes_per_s);
  double outside_s = ring->launch_s + 2 * (ring->step_s + ring->fabric_step_s + 7e-6) +
                     reduced_bytes / (ring->scale_out * 50e9);
  assert_near(apart_s - together_s, 64 * (outside_s - inside_s), 1e-6 * outside_s);
  test_remove(out);
  test_remove(directory);
  g_unlink(platform);
}

static void stages_pass_activations_over_the_fabric(void **state)
{
  (void)state;
  /* Two stages in two domains: they slow each other only where the up-link is narrower than both NICs. Each
   * iteration passes 64 tokens of 8,192 bytes, half of them in each micro-batch: small enough for NCCL's LL,
   * which adds its flags. */
  g_autoptr(tw_device) device = h100();
  const char *pp2 = "pp=\"2\"";
  double open_s = tpot_s(&(world){2, 100, pp2, FALSE}), narrow_s = tpot_s(&(world){2, 50, pp2, FALSE});
  assert_near(narrow_s - open_s, SEQUENCES * 8192 / device->kernels[TW_KERNEL_PAIRS_LL].scale_out / 50e9,
              1e-10);
}

static void a_group_that_leaves_its_domain_is_told(void **state)
{
  (void)state;
  test_site site = {2, 2, 100, "h100-sxm"};
  g_autofree char *platform = test_site_write(&site), *directory = test_directory();
  GString *scenario = g_string_new(NULL);
  g_string_append_printf(scenario,
                         "<scenario name=\"one\"><platform file=\"%s\"/><workload><poisson rate=\"1/s\" "
                         "requests=\"1\"><prompt mean=\"8\"/><answer mean=\"8\"/></poisson></workload>"
                         "<pool id=\"p\" model=\"llama-3.1-8b\" tp=\"4\"/></scenario>",
                         platform);
  write_text(directory, "scenario.xml", scenario);
  g_autofree char *file = g_build_filename(directory, "scenario.xml", NULL);
  const char *arguments[] = {"check", file, NULL};
  g_autofree char *out = test_program(arguments, 0, NULL);
  assert_non_null(strstr(out, "tensor-parallel groups of tp=\"4\" lie in up to 2 NVLink domains"));
  test_remove(directory);
  g_unlink(platform);
}

/* Two ranks of tp=2 over two domains of four: rail and pack both keep the groups inside theirs; the hosts
 * that are named take them apart, and run.json says so. */
static void placements_decide_who_leaves_its_domain(void **state)
{
  (void)state;
  static const struct {
    const char *attributes, *engine, *note;
  } rows[] = {
      {"", "a0 a1 a2 a3", NULL},
      {"placement=\"rail\"", "a0 a1 b0 b1", NULL},
      {"placement=\"explicit\" hosts=\"b3 b2 a1 a0\"", "b3 b2 a1 a0", NULL},
      {"placement=\"explicit\" hosts=\"a0 b0 a1 b1\"", "a0 b0 a1 b1",
       "pool \"p\": tensor-parallel groups of tp=\"2\" lie in up to 2 NVLink domains, and all-reduce over "
       "the "
       "fabric"},
  };
  test_site site = {2, 4, 200, "h100-sxm"};
  g_autofree char *platform = test_site_write(&site);
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *directory = test_directory();
    GString *scenario = g_string_new(NULL);
    g_string_append_printf(scenario,
                           "<scenario name=\"one\"><platform file=\"%s\"/><workload><poisson rate=\"1/s\" "
                           "requests=\"1\"><prompt mean=\"8\"/><answer mean=\"8\"/></poisson></workload>"
                           "<pool id=\"p\" model=\"llama-3.1-8b\" tp=\"2\" dp=\"2\" %s/></scenario>",
                           platform, rows[i].attributes);
    write_text(directory, "scenario.xml", scenario);
    g_autofree char *file = g_build_filename(directory, "scenario.xml", NULL);
    g_autofree char *out = g_build_filename(directory, "run", NULL);
    g_autofree char *path = g_build_filename(out, "run.json", NULL), *errors = NULL;
    const char *arguments[] = {"run", file, "-o", out, NULL};
    g_free(test_program(arguments, 0, &errors));
    json_t *run = json_load_file(path, 0, NULL), *notes = json_object_get(run, "notes");
    json_t *hosts = json_object_get(json_array_get(json_object_get(run, "engines"), 0), "hosts");
    g_autoptr(GString) got = g_string_new(NULL);
    for (size_t h = 0; h < json_array_size(hosts); h++)
      g_string_append_printf(got, h > 0 ? " %s" : "%s", json_string_value(json_array_get(hosts, h)));
    assert_string_equal(got->str, rows[i].engine);
    /* The last note is of the accelerators that no engine has. */
    assert_int_equal(json_array_size(notes), (rows[i].note != NULL) + 1);
    if (rows[i].note != NULL) {
      assert_string_equal(json_string_value(json_array_get(notes, 0)), rows[i].note);
      assert_non_null(strstr(errors, rows[i].note));
    }
    json_decref(run);
    test_remove(out);
    test_remove(directory);
  }
  g_unlink(platform);
}

/* Flows of an engine over `domains` domains of `size` hosts of one accelerator. */
static tw_span *span_over(int domains, int size, const tw_parallelism *parallel, tw_reach *reach)
{
  int n = domains * size;
  tw_platform platform = {.n_hosts = n, .n_zones = domains};
  platform.hosts = g_new0(tw_host, (gsize)n);
  platform.zones = g_new0(tw_zone, (gsize)domains);
  tw_engine_place place = {0, n, g_new0(tw_host_share, (gsize)n), NULL};
  for (int i = 0; i < n; i++) {
    platform.hosts[i].zone = i / size;
    place.shares[i] = (tw_host_share){i, 1, 0};
  }
  for (int d = 0; d < domains; d++)
    platform.zones[d] = (tw_zone){.parent = -1, .role = TW_ROLE_NVLINK_DOMAIN};
  *reach = tw_span_reach(&platform, &place, parallel);
  tw_span *span = tw_span_new(&platform, &place, parallel);
  g_free(platform.hosts);
  g_free(platform.zones);
  g_free(place.shares);
  return span;
}

static double sum(const tw_span *span, const tw_fabric_bytes *wire)
{
  double bytes = 0;
  for (int i = 0; i < span->n_pairs; i++)
    bytes += tw_span_bytes(&span->pairs[i], wire);
  return bytes;
}

static void what_crosses_the_fabric_is_what_must(void **state)
{
  (void)state;
  tw_reach reach;
  /* TP8 over two domains of four: what a NIC sends, eight do. */
  g_autoptr(tw_span) tensor = span_over(2, 4, &(tw_parallelism){8, 1, 1, 1}, &reach);
  assert_int_equal(reach.tensor, 2);
  assert_near(sum(tensor, &(tw_fabric_bytes){.tensor = 1000}), 8 * 1000, 1e-9);
  /* EP16 over four domains of four. */
  g_autoptr(tw_span) experts = span_over(4, 4, &(tw_parallelism){1, 1, 16, 16}, &reach);
  assert_int_equal(reach.experts, 4);
  assert_near(sum(experts, &(tw_fabric_bytes){.experts = 1200}), 16 * 1200, 1e-9);
  /* 64 ranks over eight domains: each pair of domains exchanges as much as any other, 64 · 64/64 bytes of a
   * NIC's 56, rank by rank: 64 · 7 equal flows. */
  g_autoptr(tw_span) many = span_over(8, 8, &(tw_parallelism){1, 1, 64, 64}, &reach);
  assert_int_equal(many->n_pairs, 448);
  for (int i = 0; i < many->n_pairs; i++)
    assert_near(tw_span_bytes(&many->pairs[i], &(tw_fabric_bytes){.experts = 56}), 8, 1e-12);
  assert_near(sum(many, &(tw_fabric_bytes){.experts = 56}), 64 * 56, 1e-9);
  double between[8][8] = {{0}};
  for (int i = 0; i < many->n_pairs; i++)
    between[many->pairs[i].from / 8][many->pairs[i].to / 8] +=
        tw_span_bytes(&many->pairs[i], &(tw_fabric_bytes){.experts = 56});
  for (int d = 0; d < 8; d++)
    for (int e = 0; e < 8; e++)
      assert_near(between[d][e], d != e ? 64 : 0, 1e-9);
  /* Two stages of four: all of it once. */
  g_autoptr(tw_span) stages = span_over(2, 4, &(tw_parallelism){4, 2, 1, 1}, &reach);
  assert_true(reach.stages && reach.tensor == 1);
  assert_near(sum(stages, &(tw_fabric_bytes){.stages = 1000}), 1000, 1e-9);
  /* Two stages of TP4, each over two domains, and two of EP4 over all four: a stage has half of the layers. */
  g_autoptr(tw_span) staged = span_over(4, 2, &(tw_parallelism){4, 2, 1, 1}, &reach);
  assert_int_equal(reach.tensor, 2);
  assert_near(sum(staged, &(tw_fabric_bytes){.tensor = 1000}), 2 * 4 * 500, 1e-9);
  g_autoptr(tw_span) staged_experts = span_over(4, 2, &(tw_parallelism){1, 2, 4, 4}, &reach);
  assert_near(sum(staged_experts, &(tw_fabric_bytes){.experts = 1200}), 2 * 4 * 600, 1e-9);
  /* Inside one domain nothing crosses. */
  g_autoptr(tw_span) inside = span_over(1, 8, &(tw_parallelism){4, 2, 1, 1}, &reach);
  assert_int_equal(inside->n_pairs, 0);
  assert_false(reach.stages);
}

int main(void)
{
  g_setenv("TW_PROGRAM", TW_PROGRAM, TRUE);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_engines_on_an_oversubscribed_leaf_slow_each_other_down),
      cmocka_unit_test(windows_of_many_iterations_and_of_one_agree),
      cmocka_unit_test(over_a_loaded_study_windows_of_many_and_of_one_agree),
      cmocka_unit_test(a_tensor_parallel_group_over_two_domains_is_slower_by_its_formula),
      cmocka_unit_test(stages_pass_activations_over_the_fabric),
      cmocka_unit_test(a_group_that_leaves_its_domain_is_told),
      cmocka_unit_test(placements_decide_who_leaves_its_domain),
      cmocka_unit_test(what_crosses_the_fabric_is_what_must),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
