#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/forecast/plan_text.h"
#include "sim/planner/question.h"
#include "sim/scenario/world.h"
#include "sim/sweep/sweep.h"

typedef struct {
  gboolean dump, plan, schema, describe;
  char **sets;
} check_values;

static void check_trace(const char *path, const tw_trace_format *format, tw_faults *faults)
{
  GError *error = NULL;
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  g_autoptr(tw_stream) stream = tw_stream_open(path, format, &options, &error);
  tw_request request;
  guint64 n = 0;
  double last_s = 0;
  while (stream != NULL && tw_stream_next(stream, &request, &error)) {
    n++;
    last_s = request.arrival_s;
    tw_request_clear(&request);
  }
  if (error != NULL) {
    tw_faults_add(faults, NULL, 0, "%s", error->message);
    g_error_free(error);
    return;
  }
  printf("%s: a trace of %" G_GUINT64_FORMAT " requests over %.0f s\n", path, n, last_s);
}

static void tell_site(const char *path, const tw_world *world, int i)
{
  const tw_scenario *scenario = world->sites[i].scenario;
  g_autofree char *prefix =
      world->plain ? g_strdup(path) : g_strdup_printf("%s: site %s", path, world->sites[i].name);
  printf("%s: a scenario with %d engines on %ld accelerators of %s\n", prefix, scenario->plan.n_engines,
         tw_platform_accelerators(scenario->platform), scenario->platform->name);
  for (guint n = 0; n < scenario->notes->len; n++)
    printf("%s: note: %s\n", prefix, (char *)scenario->notes->pdata[n]);
}

static void check_scenario(const char *path, const check_values *values, tw_faults *faults)
{
  g_autoptr(tw_world) world = tw_world_load(path, (const char *const *)values->sets, faults);
  if (world == NULL)
    return;
  for (int i = 0; i < world->n_sites; i++)
    tell_site(path, world, i);
  if (values->dump)
    printf("%s\n", world->canonical);
  for (int i = 0; i < world->n_sites && values->plan; i++) {
    g_autofree char *plan = tw_scenario_plan_text(world->sites[i].scenario);
    printf("\n%s", plan);
  }
  const tw_scenario *scenario = tw_world_first(world)->scenario; /* all sites share the workload */
  if (scenario->trace_file != NULL)
    check_trace(scenario->trace_file,
                scenario->trace_format >= 0
                    ? tw_trace_format_find(tw_trace_format_names[scenario->trace_format])
                    : NULL,
                faults);
}

/* Checks a file by its root element; a file that is not XML is a trace. */
static void check_xml(const char *path, const check_values *values, tw_faults *faults)
{
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  if (document == NULL)
    return;
  const char *root = (const char *)tw_document_root(document)->name;
  if (g_str_equal(root, "scenario")) {
    check_scenario(path, values, faults);
  } else if (g_str_equal(root, tw_sweep_element.name)) {
    g_autoptr(tw_sweep) sweep = tw_sweep_load(path, faults);
    if (sweep != NULL)
      printf("%s: a sweep of %u points and %u runs\n", path, sweep->points->len, tw_sweep_runs(sweep));
  } else if (g_str_equal(root, tw_question_element.name)) {
    g_autoptr(tw_question) question = tw_question_load(path, faults);
    if (question != NULL)
      printf("%s: a question about %u sites and %u models\n", path, question->sites->len,
             question->models->len);
  } else if (g_str_equal(root, "platform")) {
    g_autoptr(tw_platform) platform = tw_platform_load(path, faults);
    if (platform != NULL)
      printf("%s: a platform with %d hosts, %ld accelerators, %d racks, %d links\n", path, platform->n_hosts,
             tw_platform_accelerators(platform), platform->n_racks, platform->n_links);
    for (guint i = 0; platform != NULL && i < platform->notes->len; i++)
      printf("%s: note: %s\n", path, (char *)platform->notes->pdata[i]);
  } else if (g_str_equal(root, tw_model_element.name)) {
    g_autofree char *named = g_strdup_printf("./%s", path);
    g_autoptr(tw_model) model = tw_model_load(g_path_is_absolute(path) ? path : named, NULL, faults);
    if (model != NULL) {
      g_autofree char *totals = tw_model_totals(model);
      printf("%s: the model %s with %.4g parameters\n%s", path, model->label, tw_model_params(model), totals);
    }
  } else if (g_str_equal(root, tw_device_element.name)) {
    g_autofree char *named = g_strdup_printf("./%s", path);
    g_autoptr(tw_device) device = tw_device_load(g_path_is_absolute(path) ? path : named, NULL, faults);
    if (device != NULL)
      printf("%s: the device %s%s\n", path, device->label,
             device->status == TW_DEVICE_PREVIEW      ? " (preview: announced numbers)"
             : device->status == TW_DEVICE_DATA_SHEET ? " (data sheet: few kernels or none were measured)"
                                                      : "");
  } else if (g_str_equal(root, tw_generator_element.name)) {
    g_autofree char *named = g_strdup_printf("./%s", path);
    g_autoptr(tw_generator) generator =
        tw_generator_load(g_path_is_absolute(path) ? path : named, NULL, faults);
    if (generator != NULL)
      printf("%s: a generator with %d classes\n", path, tw_generator_classes(generator));
  } else {
    static const char *const roots[] = {"scenario", "platform", "model",     "device",
                                        "sweep",    "question", "generator", NULL};
    const char *near = tw_nearest(root, roots);
    tw_node_fault(
        tw_document_root(document), faults, "<%s> is no file of ours; %s%s%s", root,
        near != NULL
            ? "did you mean <"
            : "expected <scenario>, <platform>, <model>, <device>, <generator>, <sweep> or <question>",
        near != NULL ? near : "", near != NULL ? ">?" : "");
  }
}

static gboolean looks_like_xml(const char *path)
{
  char start[256] = "";
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return FALSE;
  size_t n = fread(start, 1, sizeof start - 1, file);
  fclose(file);
  start[n] = '\0';
  const char *at = start;
  if (g_str_has_prefix(at, "\xef\xbb\xbf"))
    at += 3;
  while (g_ascii_isspace(*at))
    at++;
  return *at == '<';
}

#define VALUE(member) TW_OPTION(check_values, member)
static const GOptionEntry check_options[] = {
    {"set", 0, 0, G_OPTION_ARG_STRING_ARRAY, VALUE(sets), "Check a scenario with this change", "XPATH=VALUE"},
    {"dump", 0, 0, G_OPTION_ARG_NONE, VALUE(dump), "Print a scenario as it was understood, includes resolved",
     NULL},
    {"plan", 0, 0, G_OPTION_ARG_NONE, VALUE(plan),
     "Print what a scenario would run: defaults, placement, memory, watts and step times", NULL},
    {"schema", 0, 0, G_OPTION_ARG_NONE, VALUE(schema), "Print the RELAX NG schema of scenarios, for editors",
     NULL},
    {"describe", 0, 0, G_OPTION_ARG_NONE, VALUE(describe),
     "Print every element and attribute of scenarios, and of sweeps; or of the elements that are named",
     NULL},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(check_values, check_options)
#undef VALUE

/* Prints the elements of these names, each with its attributes; all where none is named. FALSE with `error` where there
 * is no such element. */
static gboolean describe(const char *const *names, GError **error)
{
  g_autofree char *scenario = tw_schema_describe(&tw_scenario_element),
                  *sweep = tw_schema_describe(&tw_sweep_element),
                  *all = g_strconcat(scenario, "\n", sweep, NULL);
  if (*names == NULL) {
    fputs(all, stdout);
    return TRUE;
  }
  g_auto(GStrv) elements = g_strsplit(all, "\n\n", -1);
  for (; *names != NULL; names++) {
    g_autofree char *start = g_strdup_printf("<%s>", *names);
    guint n = 0;
    for (char **element = elements; *element != NULL; element++)
      if (g_str_has_prefix(*element, start))
        printf("%s%s%s", n++ > 0 ? "\n" : "", *element, g_str_has_suffix(*element, "\n") ? "" : "\n");
    if (n == 0)
      return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                                "scenarios and sweeps have no element <%s>; --describe alone prints all",
                                *names);
  }
  return TRUE;
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(check_values) values = {0};
  if (!tw_command_read(command, &values, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (values.schema) {
    g_autofree char *text = tw_schema_relaxng(&tw_scenario_element);
    fputs(text, stdout);
    return TW_EXIT_OK;
  }
  if (values.describe)
    return describe((const char *const *)argv + 1, error) ? TW_EXIT_OK : TW_EXIT_USAGE;
  if (argc < 2) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "name a file; usage: tokenworks check %s",
                       command->usage);
    return TW_EXIT_USAGE;
  }
  g_autoptr(tw_faults) faults = tw_faults_new();
  for (int i = 1; i < argc; i++) {
    if (looks_like_xml(argv[i]))
      check_xml(argv[i], &values, faults);
    else
      check_trace(argv[i], NULL, faults);
  }
  for (guint i = 0; i < tw_faults_count(faults); i++)
    fprintf(stderr, "%s\n", tw_faults_get(faults, i));
  return tw_faults_count(faults) > 0 ? TW_EXIT_USAGE : TW_EXIT_OK;
}

const tw_command tw_check_command = {
    .name = "check",
    .summary = "find every fault of scenarios, platforms, models, devices and traces",
    .usage = "FILE...",
    .description =
        "Reads files whole and prints every fault with its file and line, and what would be right. A\n"
        "scenario is checked with all that it names; a trace to its last line.",
    .example =
        "tokenworks check sim/scenarios/azure-conv-hgx-h100.xml workloads/traces/azure-conv-2023.csv.gz",
    .run = run,
    .options = check_options,
};
