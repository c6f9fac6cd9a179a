/* The harness itself: what it prints, what it refuses, and that its fit finds what made the measurements. */
#include "tests/program.h"
#include "tests/validation/data_mlperf.h"
#include "tests/validation/evaluate.h"
#include "tests/validation/report.h"
#include "tests/validation/setup.h"
#include "tests/validation/study.h"
#include "tests/validation/timeline.h"

#include <math.h>

/* ---- The program ---- */

static int validate(const char *words, char **out, char **err)
{
  g_autofree char *line = g_strconcat(TW_VALIDATE " ", words, NULL);
  int status = -1;
  assert_true(g_spawn_command_line_sync(line, out, err, &status, NULL));
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void what_ships_is_compared_and_the_rest_is_visibly_skipped(void **state)
{
  (void)state;
  g_autofree char *out = NULL, *err = NULL;
  assert_int_equal(validate("--here", &out, &err), 0);
  static const char *const parts[] = {
      "- silicon: silicon_agg.csv is not shipped; give its directory with --data DIR",
      "- mlperf: mlperf_runs.csv is not shipped",
      "| vllm-run | TPOT | predicted | 1 |",
      "| splitwise | TTFT | fitted |",
      "| splitwise | TTFT | predicted |",
      "### Rows off by more than 50 %",
      " of them unexplained",
      "### What the data do not tell, and is assumed",
  };
  for (guint p = 0; p < G_N_ELEMENTS(parts); p++)
    if (strstr(out, parts[p]) == NULL) {
      print_error("\"%s\" is missing in\n%s", parts[p], out);
      fail();
    }
  assert_null(strstr(out, "| silicon | TTFT"));
}

static void a_word_that_holds_nothing_out_is_refused(void **state)
{
  (void)state;
  g_autofree char *out = NULL, *err = NULL;
  assert_int_equal(validate("--hold-out device=h300", &out, &err), 2);
  assert_non_null(strstr(err, "no row has the device \"h300\""));
}

static void data_that_are_not_there_are_an_error(void **state)
{
  (void)state;
  g_autofree char *out = NULL, *err = NULL;
  assert_int_equal(validate("--data /nonexistent", &out, &err), 2);
  assert_non_null(strstr(err, "silicon_agg.csv"));
}

static void a_directory_that_lacks_a_data_set_skips_it_visibly(void **state)
{
  g_autofree char *words = g_strdup_printf("--here --data %s", (char *)*state), *out = NULL, *err = NULL;
  assert_int_equal(validate(words, &out, &err), 0);
  g_autofree char *line = g_strdup_printf("- silicon: %s does not hold silicon_agg.csv", (char *)*state);
  assert_non_null(strstr(out, line));
}

static void rows_of_ones_own_are_compared_and_never_fitted(void **state)
{
  g_autofree char *path = g_build_filename(*state, "own.csv", NULL);
  assert_true(g_file_set_contents(path,
                                  "model,device,engine,tp,prompt_tokens,output_tokens,concurrency,rate_per_s,"
                                  "tpot_mean_s,ttft_p99_s,watts\n"
                                  "llama-3.1-8b,h100-sxm,vllm,1,512,128,8,,0.008,0.1,500\n"
                                  "llama-3.1-8b,h100-sxm,vllm,1,512,128,,4,0.008,0.1,400\n",
                                  -1, NULL));
  g_autofree char *words = g_strdup_printf("--own %s", path), *out = NULL, *err = NULL;
  assert_int_equal(validate(words, &out, &err), 0);
  assert_non_null(strstr(out, "| own | TPOT | predicted | 2 |"));
  assert_non_null(strstr(out, "| own | TTFT p99 | predicted | 2 |"));
  assert_non_null(strstr(out, "| own | watts | predicted | 2 |"));
  assert_null(strstr(out, "| own | TPOT | fitted"));
}

/* A model that the catalogue lacks is told as the program tells it, and fails its row alone. */
static void an_unknown_model_is_told_and_crashes_nothing(void **state)
{
  g_autofree char *path = g_build_filename(*state, "own.csv", NULL),
                  *rows = g_build_filename(*state, "rows.csv", NULL);
  assert_true(g_file_set_contents(path,
                                  "model,device,prompt_tokens,output_tokens,concurrency,tpot_mean_s\n"
                                  "llama-9,h100-sxm,512,128,8,0.008\n",
                                  -1, NULL));
  g_autofree char *words = g_strdup_printf("--own %s --here -r %s", path, rows), *out = NULL, *err = NULL,
                  *text = NULL;
  assert_int_equal(validate(words, &out, &err), 0);
  assert_true(g_file_get_contents(rows, &text, NULL, NULL));
  assert_non_null(strstr(text, "llama-9"));
  assert_non_null(strstr(text, "no model is called"));
  assert_non_null(strstr(out, "- own, llama-9 on h100-sxm with vllm, 512/128 c8: no model is called"));
}

/* ---- Explanations ---- */

static GPtrArray *explanations(void **state, const char *lines, GError **error)
{
  g_autofree char *path = g_build_filename(*state, "explanations.csv", NULL);
  g_autofree char *text =
      g_strconcat("set,model,device,engine,shape,label,metric,prediction,cause,explanation\n", lines, NULL);
  assert_true(g_file_set_contents(path, text, -1, NULL));
  return explanations_read(path, error);
}

static validation_case some_case(void)
{
  validation_case item = {.set = "s",
                          .model = (char *)"m",
                          .device = (char *)"d",
                          .engine = (char *)"e",
                          .shape = (char *)"tp4",
                          .label = (char *)"1024/128 c8",
                          .fitted = TRUE};
  for (int m = 0; m < CASE_METRICS; m++)
    item.measured[m] = item.predicted[m] = NAN;
  return item;
}

static void an_explanation_holds_for_its_rows_and_its_direction_only(void **state)
{
  g_autoptr(GPtrArray) list = explanations(
      state, "s,m,d,e,tp[48],1024/* c8,TTFT,high,model,\"one, two\"\ns,*,*,*,*,*,*,*,setting,any\n", NULL);
  assert_non_null(list);
  validation_case item = some_case();
  assert_string_equal(explanations_find(list, &item, CASE_TTFT, TRUE)->text, "one, two");
  assert_string_equal(explanations_find(list, &item, CASE_TTFT, FALSE)->text, "any");
  item.shape = (char *)"tp2";
  assert_string_equal(explanations_find(list, &item, CASE_TTFT, TRUE)->text, "any");
  item.set = "other";
  assert_null(explanations_find(list, &item, CASE_TTFT, TRUE));
}

static void a_row_that_was_measured_inconsistently_is_not_fitted(void **state)
{
  g_autoptr(GPtrArray) list = explanations(
      state, "s,m,*,*,*,*,TTFT,low,measurement,impossible\ns,n,*,*,*,*,TTFT,low,model,slow\n", NULL);
  validation_case items[] = {some_case(), some_case(), some_case()};
  items[0].measured[CASE_TTFT] = 1;
  items[1].model = (char *)"n"; /* explained, but not by its measurement */
  items[1].measured[CASE_TTFT] = 1;
  items[2].measured[CASE_TPOT] = 1; /* TTFT was not measured at all */
  g_autoptr(GPtrArray) cases = g_ptr_array_new();
  for (int i = 0; i < 3; i++)
    g_ptr_array_add(cases, &items[i]);
  assert_int_equal(explanations_exclude(list, cases), 1);
  assert_false(items[0].fitted);
  assert_true(items[1].fitted);
  assert_true(items[2].fitted);
}

static void a_cause_that_does_not_exist_is_named_with_its_line(void **state)
{
  GError *error = NULL;
  assert_null(explanations(state, "s,m,d,e,*,*,TTFT,low,weather,rain\n", &error));
  assert_non_null(strstr(error->message, "explanations.csv:2: cause is \"weather\""));
  g_error_free(error);
}

/* ---- Errors ---- */

static void the_error_is_a_quantile_of_predicted_over_measured(void **state)
{
  (void)state;
  /* Off by 10, 20, 30, 40 and 50 %, in both directions. */
  static const double predicted[] = {1.1, 0.8, 1.3, 0.6, 1.5};
  validation_case items[5];
  g_autoptr(GPtrArray) cases = g_ptr_array_new();
  for (int i = 0; i < 5; i++) {
    items[i] = some_case();
    items[i].measured[CASE_TPOT] = 1;
    items[i].predicted[CASE_TPOT] = predicted[i];
    g_ptr_array_add(cases, &items[i]);
  }
  guint n = 0;
  assert_near(report_error(cases, CASE_TPOT, 0.5, NULL, NULL, &n), 0.3, 1e-12);
  assert_int_equal(n, 5);
  assert_near(report_error(cases, CASE_TPOT, 0.9, NULL, NULL, NULL), 0.5, 1e-12);
  assert_true(isnan(report_error(cases, CASE_TTFT, 0.5, NULL, NULL, &n)));
  assert_int_equal(n, 0);
}

static void the_table_goes_between_the_marks_and_nothing_else_changes(void **state)
{
  g_autofree char *path = g_build_filename(*state, "page.md", NULL), *words = NULL, *text = NULL;
  assert_true(
      g_file_set_contents(path, "before\n<!-- accuracy -->\nold\n<!-- /accuracy -->\nafter\n", -1, NULL));
  words = g_strdup_printf("--here --readme %s", path);
  for (int twice = 0; twice < 2; twice++) {
    g_autofree char *out = NULL, *err = NULL;
    assert_int_equal(validate(words, &out, &err), 0);
    g_clear_pointer(&text, g_free);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_true(g_str_has_prefix(text, "before\n<!-- accuracy -->\n| rows that were not fitted | metric |"));
    assert_true(g_str_has_suffix(text, " |\n<!-- /accuracy -->\nafter\n"));
    assert_null(strstr(text, "old"));
  }
  assert_true(g_file_set_contents(path, "no marks\n", -1, NULL));
  g_autofree char *out = NULL, *err = NULL;
  assert_int_equal(validate(words, &out, &err), 1);
  assert_non_null(strstr(err, "lacks the line <!-- accuracy -->"));
}

/* ---- The fit, on servers whose overheads are known ---- */

/* Closed-loop runs of two models with different numbers of layers, so that times per iteration and per layer
 * can be told apart; prompts of two lengths tell compute from the rest. */
static GPtrArray *synthetic_cases(const char *device)
{
  static const struct {
    const char *model;
    int tp;
  } models[] = {{"llama-3.1-8b", 1}, {"llama-3.1-70b", 8}};
  static const int clients[] = {1, 8, 32}, prompts[] = {256, 2048};
  GPtrArray *cases = g_ptr_array_new_with_free_func((GDestroyNotify)validation_case_free);
  for (guint m = 0; m < G_N_ELEMENTS(models); m++)
    for (guint c = 0; c < G_N_ELEMENTS(clients); c++)
      for (guint p = 0; p < G_N_ELEMENTS(prompts); p++) {
        validation_case *item = g_new(validation_case, 1);
        *item = some_case();
        item->set = "synthetic";
        item->model = g_strdup(models[m].model);
        item->device = g_strdup(device);
        item->engine = g_strdup("vllm-0.12");
        item->accelerators = models[m].tp;
        item->shape = g_strdup_printf("tp%d", models[m].tp);
        item->label = g_strdup_printf("%d c%d", prompts[p], clients[c]);
        item->scenario = g_string_new(NULL);
        g_string_printf(
            item->scenario,
            "<scenario name=\"case\"><platform file=\"%s-%d.xml\"/><workload><closed-loop "
            "concurrency=\"%d\" requests=\"%d\" pace=\"2ms\"><prompt law=\"fixed\" mean=\"%d\" "
            "max=\"4096\"/><answer law=\"fixed\" mean=\"32\" max=\"4096\"/></closed-loop></workload>"
            "<pool id=\"serve\" model=\"%s\" tp=\"%d\" weights=\"bf16\" kv=\"bf16\">"
            "<scheduler max-seqs=\"64\"/><step-time engine=\"vllm-0.12\"/></pool><router/></scenario>",
            device, models[m].tp, clients[c], 3 * clients[c], prompts[p], models[m].model, models[m].tp);
        g_ptr_array_add(cases, item);
      }
  return cases;
}

static const fit_result truth = {.value = {1.3e-3, 2.5e-5, 0.8, 0.9, 4.8e-4, 2.7e-4, 0.85}};

/* Measures the cases on a server with those overheads. */
static void measure(GPtrArray *cases, const char *scratch, const fit_result *overheads)
{
  g_auto(GStrv) assignments = fit_assignments(overheads);
  for (guint i = 0; i < cases->len; i++) {
    validation_case *item = cases->pdata[i];
    validation_run_here(item, scratch, assignments);
    if (item->failure != NULL)
      print_error("%s\n", item->failure);
    assert_null(item->failure);
    memcpy(item->measured, item->predicted, sizeof item->measured);
  }
}

static void a_fit_finds_the_overheads_that_made_the_measurements(void **state)
{
  g_autoptr(GPtrArray) cases = synthetic_cases("h100-sxm");
  validation_write_platforms(cases, *state);
  measure(cases, *state, &truth);
  fit_result found = {.value = {1e-3, 2e-5, 0.8, 0.95, 4.8e-4, 2.7e-4, 0.85}};
  fit_engine(cases, *state, 7U << FIT_EAGER, 0,
             &found); /* weights are in bf16, and TPOT tells little of eager layers */
  assert_true(found.median_error < 0.01);
  for (int p = 0; p < FIT_PARAMETERS; p++)
    assert_near(found.value[p], truth.value[p], 0.1 * truth.value[p]);
}

static void what_is_held_out_has_no_say_in_the_fit(void **state)
{
  /* The same on two devices, but the second one's servers take twice as long for everything. */
  fit_result slow = truth;
  for (int p = 0; p < FIT_PARAMETERS; p++)
    slow.value[p] *= strstr("compute fp8", fit_parameter_names[p]) != NULL ? 0.5 : 2;
  g_autoptr(GPtrArray) cases = synthetic_cases("h100-sxm"), others = synthetic_cases("h200-sxm");
  validation_write_platforms(cases, *state);
  validation_write_platforms(others, *state);
  measure(cases, *state, &truth);
  measure(others, *state, &slow);
  guint n = cases->len;
  for (guint i = 0; i < others->len; i++)
    g_ptr_array_add(cases, others->pdata[i]);
  g_ptr_array_set_free_func(others, NULL);
  const study_variant variants[] = {{0}, {.name = "device", .held_out = "h200-sxm"}};
  double *predicted[2] = {NULL};
  assert_true(study_run(cases, variants, 2, *state, 2, predicted));
  double worst[2] = {0};
  for (int v = 0; v < 2; v++)
    for (guint i = 0; i < n; i++) {
      const validation_case *item = cases->pdata[i];
      double error = predicted[v][i * CASE_METRICS + CASE_TPOT] / item->measured[CASE_TPOT] - 1;
      worst[v] = fmax(worst[v], fabs(error));
    }
  /* Alone, the first device's truth is found; together, a mean that fits neither. */
  assert_true(worst[1] < 0.06);
  assert_true(worst[0] > 2 * worst[1]);
  g_free(predicted[0]);
  g_free(predicted[1]);
}

static void a_variant_holds_out_what_bears_the_word(void **state)
{
  (void)state;
  validation_case item = some_case();
  assert_true(study_holds_out(&(study_variant){.name = "model", .held_out = "m"}, &item));
  assert_false(study_holds_out(&(study_variant){.name = "device", .held_out = "m"}, &item));
  assert_true(study_holds_out(&(study_variant){.held_out = "e"}, &item));
  assert_false(study_holds_out(&(study_variant){.name = "set"}, &item));
}

/* ---- The timeline ---- */

static void a_run_compared_with_its_own_record_is_right_and_a_late_one_is_late(void **state)
{
  g_autofree char *trace = g_build_filename(*state, "trace.csv", NULL),
                  *scenario = g_build_filename(*state, "scenario.xml", NULL),
                  *run = g_build_filename(*state, "run", NULL),
                  *record = g_build_filename(*state, "record.csv", NULL);
  g_autoptr(GPtrArray) cases = synthetic_cases("h100-sxm");
  validation_write_platforms(cases, *state);
  assert_true(
      g_file_set_contents(trace, "arrival_s,prompt_tokens,answer_tokens\n0,100,20\n0.1,200,30\n", -1, NULL));
  assert_true(g_file_set_contents(
      scenario,
      "<scenario name=\"two\"><platform file=\"h100-sxm-1.xml\"/><workload><trace "
      "format=\"tokenworks\" file=\"trace.csv\"/></workload><pool id=\"serve\" "
      "model=\"llama-3.1-8b\" tp=\"1\" weights=\"bf16\" kv=\"bf16\"/><router/></scenario>",
      -1, NULL));
  expect(state, "run $/scenario.xml -o $/run --quiet", 0, "", "");
  g_auto(result) rows = run_program(state, "log cat $/run requests");
  assert_int_equal(rows.code, 0);
  /* The record as the run wrote it, with the names of a record, and in the order of the trace. */
  g_auto(GStrv) lines = g_strsplit(g_strstrip(rows.out), "\n", -1);
  assert_int_equal(g_strv_length(lines), 3);
  g_auto(GStrv) names = g_strsplit(lines[0], ",", -1);
  static const char *const wanted[] = {"arrival_s", "first_scheduled_s", "first_token_s", "completion_s"};
  for (int late = 0; late <= 1; late++) {
    char *text[2] = {NULL};
    for (int l = 1; l <= 2; l++) {
      g_auto(GStrv) cells = g_strsplit(lines[l], ",", -1);
      double values[4] = {0}, id = 0, tokens = 0;
      for (guint c = 0; names[c] != NULL; c++) {
        double value = g_ascii_strtod(cells[c], NULL);
        for (int w = 0; w < 4; w++)
          if (g_str_equal(names[c], wanted[w]))
            values[w] = value;
        if (g_str_equal(names[c], "id"))
          id = value;
        if (g_str_equal(names[c], "answer_tokens"))
          tokens = value;
      }
      text[(int)id] = g_strdup_printf("%.9f,%.9f,%.9f,%.9f,%.0f\n", values[0], values[1], values[2],
                                      values[3] - late, tokens);
    }
    g_autofree char *whole = g_strconcat("arrival_s,scheduled_s,first_token_s,last_token_s,answer_tokens\n",
                                         text[0], text[1], NULL);
    g_free(text[0]);
    g_free(text[1]);
    assert_true(g_file_set_contents(record, whole, -1, NULL));
    GError *error = NULL;
    GString *table = timeline_compare(record, NULL, run, &error);
    assert_non_null(table);
    assert_non_null(strstr(table->str, "| TTFT | 2 | 0.00 % | 0.00 % | 0.00 % | +0.00 % |"));
    assert_non_null(
        strstr(table->str, late ? "| instant of the last token | 2 | 1.00 s | 1.00 s | 1.00 s | +1.00 s |"
                                : "| instant of the last token | 2 | 0.00 s | 0.00 s | 0.00 s | +0.00 s |"));
    g_string_free(table, TRUE);
  }
  GError *error = NULL;
  assert_true(g_file_set_contents(
      record, "arrival_s,scheduled_s,first_token_s,last_token_s,answer_tokens\n0,0,1,2,3\n", -1, NULL));
  assert_null(timeline_compare(record, NULL, run, &error));
  assert_non_null(strstr(error->message, "2 requests; the record has 1"));
  g_error_free(error);
}

/* Round 6.0: a row of an accelerator of the catalogue becomes a case with its engine's share of ten passes; rows of
 * 99.9, of models whose prompts are not known, and of capped accelerators do not. Lengths are drawn from a law whose mean
 * is the data set's once its values are cut, which is longer than that mean. */
static void mlperf_rows_of_known_servers_become_cases(void **state)
{
  const char *scratch = *state;
  g_autofree char *path = g_build_filename(scratch, "mlperf_v60_runs.csv", NULL);
  static const char rows[] =
      "submitter,model,scenario,accelerator,accelerators,weights,samples_per_s,tokens_per_s,ttft_p99_s,tpot_"
      "p99_s,target_qps\n"
      "A,llama2-70b-99,Offline,AMD Instinct MI300X 192GB HBM3,8,fp8,90,27000,,,95\n"
      "A,llama2-70b-99.9,Offline,AMD Instinct MI300X 192GB HBM3,8,fp8,90,27000,,,95\n"
      "A,gpt-oss-120b,Offline,AMD Instinct MI300X 192GB HBM3,8,fp4,90,27000,,,95\n"
      "A,llama2-70b-99,Offline,AMD Instinct MI355X 288GB HBM3e (Power Cap 1000 W),8,fp8,90,27000,,,95\n"
      "A,llama2-70b-99,Server,NVIDIA H200-NVL-141GB,8,fp8,80,24000,1.5,0.15,82\n"
      "A,llama2-70b-99,Interactive,NVIDIA H200-NVL-141GB,8,fp8,50,15000,0.3,0.04,51\n"
      "A,llama3.1-405b,Interactive,AMD Instinct MI355X 288GB HBM3e,8,fp4,1,650,2.8,0.07,1.1\n";
  assert_true(g_file_set_contents(path, rows, -1, NULL));
  g_autoptr(GPtrArray) cases = g_ptr_array_new_with_free_func((GDestroyNotify)validation_case_free);
  const validation_set offline = {.name = "mlperf-v60", .file = "mlperf_v60_runs.csv"},
                       server = {.name = "mlperf-v60-server", .file = "mlperf_v60_runs.csv"};
  assert_true(read_mlperf_v60(&offline, scratch, cases, NULL));
  assert_int_equal(cases->len, 1);
  const validation_case *first = cases->pdata[0];
  assert_string_equal(first->device, "mi300x");
  assert_true(fabs(first->measured[CASE_THROUGHPUT] - 27000 / 8.0) < 1e-9);
  assert_non_null(
      strstr(first->scenario->str, "requests=\"30720\"")); /* 24,576 samples, ten passes, 8 engines */
  const char *mean = strstr(first->scenario->str, "<prompt law=\"lognormal\" mean=\"");
  assert_non_null(mean);
  double uncut = g_ascii_strtod(mean + strlen("<prompt law=\"lognormal\" mean=\""), NULL);
  /* E[min(X, 1024)] of a lognormal law with that mean and a deviation of 0.8. */
  double z = log(1024 / uncut) / 0.8;
  double cut = uncut * 0.5 * erfc(-(z - 0.4) / sqrt(2)) + 1024 * 0.5 * erfc((z + 0.4) / sqrt(2));
  assert_true(fabs(cut - 294) < 0.1);
  assert_true(uncut > 294);
  assert_true(read_mlperf_v60(&server, scratch, cases, NULL));
  assert_int_equal(cases->len, 4);
  const validation_case *second = cases->pdata[1], *third = cases->pdata[2], *fourth = cases->pdata[3];
  assert_string_equal(second->engine, "tensorrt-llm-compiled");
  assert_true(fabs(second->measured[CASE_TPOT_P99] - 0.15) < 1e-12);
  assert_non_null(strstr(second->scenario->str, "replicas=\"8\""));
  assert_non_null(strstr(second->scenario->str, "<poisson rate=\"82/s\"")); /* as sent, not as completed */
  assert_non_null(strstr(second->scenario->str, "max-seqs=\"1536\" max-batched-tokens=\"1536\""));
  assert_non_null(strstr(third->scenario->str, "max-seqs=\"256\" max-batched-tokens=\"256\""));
  assert_non_null(strstr(fourth->scenario->str, "tp=\"8\""));
  assert_non_null(strstr(fourth->scenario->str, "sum-bytes=\"0.5625\""));
}

/* Words of data sets are translated, or taken for names that they resemble; others mean nothing. */
static void words_of_data_sets_are_names_of_the_catalogue(void **state)
{
  (void)state;
  assert_string_equal(setup_model("Llama-3.3-70B"), "llama-3.1-70b");
  assert_string_equal(setup_model("Qwen/Qwen3-14B-Instruct-FP8"), "qwen3-14b");
  assert_string_equal(setup_model("mixtral-8x7b"), "mixtral-8x7b");
  assert_string_equal(setup_device("b300_sxm"), "b300-sxm");
  assert_string_equal(setup_device("GB200"), "gb200");
  assert_null(setup_model("bigscience/bloom"));
  assert_null(setup_device("b300_sxm_2"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_ships_is_compared_and_the_rest_is_visibly_skipped),
      cmocka_unit_test(a_word_that_holds_nothing_out_is_refused),
      cmocka_unit_test(data_that_are_not_there_are_an_error),
      cmocka_unit_test(rows_of_ones_own_are_compared_and_never_fitted),
      cmocka_unit_test(an_unknown_model_is_told_and_crashes_nothing),
      cmocka_unit_test(a_directory_that_lacks_a_data_set_skips_it_visibly),
      cmocka_unit_test(an_explanation_holds_for_its_rows_and_its_direction_only),
      cmocka_unit_test(a_row_that_was_measured_inconsistently_is_not_fitted),
      cmocka_unit_test(a_cause_that_does_not_exist_is_named_with_its_line),
      cmocka_unit_test(the_error_is_a_quantile_of_predicted_over_measured),
      cmocka_unit_test(the_table_goes_between_the_marks_and_nothing_else_changes),
      cmocka_unit_test(a_fit_finds_the_overheads_that_made_the_measurements),
      cmocka_unit_test(what_is_held_out_has_no_say_in_the_fit),
      cmocka_unit_test(a_variant_holds_out_what_bears_the_word),
      cmocka_unit_test(words_of_data_sets_are_names_of_the_catalogue),
      cmocka_unit_test(mlperf_rows_of_known_servers_become_cases),
      cmocka_unit_test(a_run_compared_with_its_own_record_is_right_and_a_late_one_is_late),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
