#include "sim/planner/question.h"

#include "platforms/generate/generator.h"
#include "sim/planner/free_lists.h"
#include "sim/router/router.h"
#include "sim/steptime/checkpoint.h"

#include <math.h>

const tw_objective tw_objectives[] = {
    {"racks", "the fewest racks that serve the load", NULL, "racks", FALSE, FALSE},
    {"accelerators", "the fewest accelerators that serve the load", NULL, "accelerators", FALSE, FALSE},
    {"power", "the least power at its peak", "energy.peak_w", "W", FALSE, FALSE},
    {"cost", "the fewest USD for a million output tokens; needs the cost of an accelerator's hour",
     "cost.usd_per_million_output_tokens", "USD per million output tokens", FALSE, FALSE},
    {"energy", "the fewest joules for an output token", "energy.j_per_output_token", "J per output token",
     FALSE, FALSE},
    {"tokens-per-mw", "the most output tokens per second and megawatt", "energy.output_tokens_per_s_per_mw",
     "tokens/s per MW", TRUE, FALSE},
    {"load", "the largest multiple of the load on the largest site within the limits", NULL, "times the load",
     TRUE, TRUE},
    {0}};

static const char *const objective_names[] = {"racks",  "accelerators",  "power", "cost",
                                              "energy", "tokens-per-mw", "load",  NULL};

/* ---- Tables ---- */

#define FIELD(name)    .offset = offsetof(tw_question, name)
#define IN_MODEL(name) .offset = offsetof(tw_question_model, name)
#define IN_SITE(name)  .offset = offsetof(tw_question_site, name)

static const tw_attribute model_attributes[] = {
    {"name", TW_ATTR_STRING, IN_MODEL(name), .help = "a model of the catalogue, or the path of a model file"},
    {"weights", TW_ATTR_STRING, .fallback = "fp8", IN_MODEL(weights),
     .help = "number formats that its weights may have, or kinds of checkpoint such as nvfp4 or fp8-block, "
             "separated by blanks"},
    {"kv", TW_ATTR_CHOICE, .choices = tw_precision_names, .fallback = TW_ABSENT, IN_MODEL(kv),
     .help = "number format of the KV cache; fp8 beside weights of 8 bits and fewer, else bf16, if absent"},
    {0}};
static const tw_element model_element = {"model", "a model that may be served", model_attributes, NULL, NULL};

static gboolean check_site(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_question_site *site = target;
  if (site->least <= site->most)
    return TRUE;
  tw_node_fault(node, faults, "smallest is above largest; write smallest=\"1\" largest=\"64\"");
  return FALSE;
}
static const tw_attribute site_attributes[] = {
    {"kind", TW_ATTR_STRING, IN_SITE(kind), .help = "a kind of `tokenworks platform`: hgx or nvl72, say"},
    {"name", TW_ATTR_STRING, .fallback = TW_ABSENT, IN_SITE(name),
     .help = "for people; kind and device if absent"},
    {"options", TW_ATTR_STRING, .fallback = "", IN_SITE(options),
     .help =
         "of that kind, as its --help lists them, without dashes: \"device=h200-sxm oversubscription=2\""},
    {"smallest", TW_ATTR_INT, .fallback = "1", .min = 1, .max = 100000, IN_SITE(least),
     .help = "size from which on it is tried: nodes, or racks where the kind counts racks"},
    {"largest", TW_ATTR_INT, .fallback = "64", .min = 1, .max = 100000, IN_SITE(most),
     .help = "size up to which it is tried"},
    {"accelerator-hour", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e6, IN_SITE(accelerator_hour_usd),
     .help = "USD of an hour of one of its accelerators, electricity apart; what <cost> says if absent"},
    {"rack-hour", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e9, IN_SITE(rack_hour_usd),
     .help = "USD of an hour of one of its racks, electricity apart; what <cost> says if absent"},
    {"rack-m2", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e6, .positive = TRUE, IN_SITE(rack_m2),
     .help = "square metres of floor that one of its racks takes, with its part of aisles and cooling"},
    {0}};
static const tw_element site_element = {"site", "a kind of site that may be built", site_attributes, NULL,
                                        check_site};

static const tw_attribute layout_attributes[] = {
    {"tp", TW_ATTR_STRING, .fallback = "auto", FIELD(tp),
     .help = "degrees of tensor parallelism to try, separated by blanks; auto: the powers of two up to 8"},
    {"pp", TW_ATTR_STRING, .fallback = "1", FIELD(pp), .help = "numbers of pipeline stages"},
    {"dp", TW_ATTR_STRING, .fallback = "auto", FIELD(dp),
     .help = "attention data parallelism; auto: 1, and for experts also what fills 8, 16, 32 or 64 "
             "accelerators of an NVLink "
             "domain; wide: what fills so many over several domains"},
    {"ep", TW_ATTR_STRING, .fallback = "auto", FIELD(ep),
     .help = "expert parallelism; auto: all accelerators of the engine for experts, 1 for dense models"},
    {"pools", TW_ATTR_STRING, .fallback = "mixed", FIELD(pools),
     .help = "\"mixed\", and prefill engines to decode engines such as \"1:2\""},
    {0}};
static const tw_element layout_element = {"layout", "how engines may lie over accelerators",
                                          layout_attributes, NULL, NULL};

static const tw_attribute scheduler_attributes[] = {
    {"kind", TW_ATTR_STRING, .fallback = "vllm", FIELD(scheduler), .help = "as in a scenario's <scheduler>"},
    {"engine", TW_ATTR_STRING, .fallback = "vllm", FIELD(engine),
     .help = "the serving software, as in a scenario's <step-time>"},
    {"max-batched-tokens", TW_ATTR_STRING, .fallback = "8192", FIELD(max_batched_tokens),
     .help = "budgets of an iteration to try, separated by blanks"},
    {"max-seqs", TW_ATTR_STRING, .fallback = "256", FIELD(max_seqs),
     .help = "sequences that run at once, per data-parallel rank, to try"},
    {"max-model-len", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e9, FIELD(max_model_len),
     .help = "prompt and output tokens together; what the model was made for if absent"},
    {"prefix-cache", TW_ATTR_BOOL, .fallback = "true", FIELD(prefix_cache), .help = "as in a scenario"},
    {0}};
static const tw_element scheduler_element = {"scheduler", "batching of the engines", scheduler_attributes,
                                             NULL, NULL};

static const tw_attribute router_attributes[] = {
    {"policies", TW_ATTR_STRING, .fallback = "least-outstanding", FIELD(routers),
     .help = "policies to try, separated by blanks, as in a scenario's <router>"},
    {"prefix-weight", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e6, FIELD(prefix_weight),
     .help = "as in a scenario's <router>"},
    {0}};
static const tw_element router_element = {"router", "how requests find an engine", router_attributes, NULL,
                                          NULL};

static const tw_attribute offload_attributes[] = {
    {"host-memory", TW_ATTR_STRING, .fallback = "none", FIELD(host_memory),
     .help = "of the hosts of each engine, for KV, to try: \"none 100GB 500GB\""},
    {"store", TW_ATTR_STRING, .fallback = "false", FIELD(store),
     .help =
         "whether the hosts pass KV on to the site's storage hosts: \"true\", \"false\" or both, to try; a "
         "site has them by options such as \"storage=40GB/s kv-store=20TB\""},
    {"write", TW_ATTR_CHOICE, .choices = tw_offload_write_names, .choice_helps = tw_offload_write_helps,
     .fallback = "through", FIELD(offload_write), .help = "when KV goes down to the hosts, and to the store"},
    {0}};
static const tw_element offload_element = {
    "kv-offload", "tiers of the KV cache below the accelerators to try", offload_attributes, NULL, NULL};

static const tw_attribute power_attributes[] = {
    {"caps", TW_ATTR_STRING, .fallback = "none", FIELD(power_caps),
     .help =
         "power of an accelerator to cap it at, to try: \"none 1000W 800W\"; more of them may then fit into "
         "site-power"},
    {"oversubscription", TW_ATTR_STRING, .fallback = "none", FIELD(oversubscription),
     .help = "\"none\", and ratios such as 1.3: so many times as many accelerators as could draw their most "
             "at once, "
             "held within site-power by caps that follow what they draw"},
    {"period", TW_ATTR_QUANTITY, TW_TIME, "90s", .min = 1e-3, .max = 3600, FIELD(cap_period_s),
     .help = "how often an oversubscribed site measures and shares out its power"},
    {"delay", TW_ATTR_QUANTITY, TW_TIME, "90s", .max = 3600, FIELD(cap_delay_s),
     .help = "from measuring to acting; not more than the period"},
    {0}};
static const tw_element power_element = {"power", "caps on power to try", power_attributes, NULL, NULL};

static const tw_attribute limit_attributes[] = {
    {"attainment", TW_ATTR_NUMBER, .fallback = "0.99", .max = 1, .positive = TRUE, FIELD(attainment),
     .help = "share of all requests that must meet <slo>"},
    {"site-power", TW_ATTR_QUANTITY, TW_POWER, TW_ABSENT, .max = 1e12, .positive = TRUE, FIELD(site_w),
     .help = "that the whole site may draw at its peak, conversion and cooling included"},
    {"racks", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e6, FIELD(racks), .help = "at most"},
    {"accelerators", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e8, FIELD(accelerators),
     .help = "at most"},
    {"usd-per-hour", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e9, .positive = TRUE, FIELD(usd_per_hour),
     .help = "that the site may cost, electricity included"},
    {"floor-m2", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e9, .positive = TRUE, FIELD(floor_m2),
     .help = "square metres of floor that its racks may take; each <site> then says its rack-m2"},
    {0}};
static const tw_element limit_element = {"limit", "what an answer must keep", limit_attributes, NULL, NULL};

static const tw_attribute growth_attributes[] = {{"times", TW_ATTR_NUMBER, .fallback = "1", .max = 1e6,
                                                  .positive = TRUE, FIELD(growth),
                                                  .help = "the load arrives so many times as fast"},
                                                 {0}};
static const tw_element growth_element = {"growth", "of the load", growth_attributes, NULL, NULL};

static const tw_attribute effort_attributes[] = {
    {"coarse", TW_ATTR_INT, .fallback = "24", .min = 1, .max = 100000, FIELD(coarse),
     .help = "designs, the best by an estimate, that are run on a slice of the load"},
    {"finalists", TW_ATTR_INT, .fallback = "4", .min = 1, .max = 1000, FIELD(finalists),
     .help = "designs that are run on the whole load"},
    {"slice", TW_ATTR_QUANTITY, TW_TIME, "1min", .max = 1e9, .positive = TRUE, FIELD(slice_s),
     .help = "of the load in the first round, around its busiest minute; four times as much in the second"},
    {"seeds", TW_ATTR_INT, .fallback = "3", .min = 1, .max = 100, FIELD(seeds),
     .help = "with which the answer is run again"},
    {"levers", TW_ATTR_BOOL, .fallback = "true", FIELD(levers),
     .help = "whether it is measured what binds the answer, by some twenty runs"},
    {"lever-requests", TW_ATTR_INT, .fallback = "50000", .min = 1, .max = 1e15, FIELD(lever_requests),
     .help = "requests of each of these runs at most: a longer load is cut around its busiest minute"},
    {0}};
static const tw_element effort_element = {"effort", "how long is searched", effort_attributes, NULL, NULL};

static const tw_attribute question_attributes[] = {
    {"name", TW_ATTR_STRING, FIELD(name), .help = "name for people"},
    {"description", TW_ATTR_STRING, .fallback = "", FIELD(description), .help = "what is asked, in words"},
    {"optimise", TW_ATTR_CHOICE, .choices = objective_names, .fallback = "racks", FIELD(optimise),
     .help = "what is wanted best"},
    {"beside", TW_ATTR_CHOICE, .choices = objective_names, .fallback = TW_ABSENT, FIELD(beside),
     .help =
         "what else is: then designs are kept that no other beats in both, each in the size that the first "
         "objective finds"},
    {"seed", TW_ATTR_INT, .fallback = "1", .min = 0, .max = 1e18, FIELD(seed),
     .help = "of every stream of chance"},
    {0}};

static gboolean check_held_out(const xmlNode *node, const void *target, tw_faults *faults)
{
  return tw_workload_element.check(node, target, faults);
}
static const tw_element held_out_element = {"held-out", "other traffic, on which the answer is tried", NULL,
                                            tw_workload_children, check_held_out};

static const tw_child question_children[] = {
    {&tw_workload_element, 1, 1}, {&held_out_element, 0, 1}, {&tw_slo_element, 1, 0},
    {&model_element, 1, 0},       {&site_element, 1, 0},     {&layout_element, 0, 1},
    {&scheduler_element, 0, 1},   {&router_element, 0, 1},   {&offload_element, 0, 1},
    {&power_element, 0, 1},       {&growth_element, 0, 1},   {&limit_element, 0, 1},
    {&effort_element, 0, 1},      {&tw_price_element, 0, 1}, {&tw_carbon_element, 0, 1},
    {&tw_weather_element, 0, 1},  {&tw_cost_element, 0, 1},  {0}};
const tw_element tw_question_element = {"question", "what is to be built for a load?", question_attributes,
                                        question_children, NULL};

/* ---- Reading ---- */

const tw_objective *tw_question_objective(const tw_question *question)
{
  return &tw_objectives[question->optimise];
}

const tw_objective *tw_question_beside(const tw_question *question)
{
  return question->beside >= 0 ? &tw_objectives[question->beside] : NULL;
}

gboolean tw_objective_is_of_power(const tw_objective *objective)
{
  return objective->metric != NULL && g_str_has_prefix(objective->metric, "energy.");
}

gboolean tw_question_frees_budgets(const tw_question *question)
{
  return strchr(question->max_batched_tokens, ' ') != NULL || strchr(question->max_seqs, ' ') != NULL;
}

const char *tw_question_size_option(const tw_question_site *site)
{
  static const char *const sizes[] = {"nodes", "racks", "domains", NULL};
  const tw_platform_generator *generator = tw_platform_generator_find(site->kind, NULL);
  for (const GOptionEntry *option = generator->options; option->long_name != NULL; option++)
    for (guint i = 0; sizes[i] != NULL; i++)
      if (g_str_equal(option->long_name, sizes[i]))
        return sizes[i];
  return NULL;
}

/* Elements that scenarios take over as they are. */
static const tw_element *const given_elements[] = {&tw_slo_element, &tw_price_element, &tw_carbon_element,
                                                   &tw_weather_element};

/* A node as text. Its paths count from the question's folder, wherever the text comes to stand. */
static char *node_text(const xmlNode *node, const char *name)
{
  g_autofree char *file = g_canonicalize_filename(tw_node_file(node), NULL);
  xmlDoc *document = xmlNewDoc(BAD_CAST "1.0");
  xmlNode *copy = xmlDocCopyNode((xmlNode *)node, document, 1);
  xmlDocSetRootElement(document, copy);
  xmlNodeSetName(copy, BAD_CAST name);
  xmlNodeSetBase(copy, BAD_CAST file);
  xmlBuffer *buffer = xmlBufferCreate();
  xmlNodeDump(buffer, document, copy, 1, 0);
  char *text = g_strdup((const char *)xmlBufferContent(buffer));
  xmlBufferFree(buffer);
  xmlFreeDoc(document);
  return text;
}

static char *given_text(const xmlNode *root)
{
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(given_elements); i++)
    for (const xmlNode *node = tw_node_child(root, given_elements[i]->name); node != NULL;
         node = tw_node_next(node, given_elements[i]->name)) {
      g_autofree char *one = node_text(node, given_elements[i]->name);
      g_string_append_printf(text, "  %s\n", one);
    }
  return g_string_free(text, FALSE);
}

static void check_offload(const tw_question *question, const xmlNode *node, tw_faults *faults)
{
  static const char *const truths[] = {"false", "true", NULL};
  tw_free_list_check_quantities(node, "host-memory", question->host_memory, TW_BYTES, "100GB", faults);
  tw_free_list_check_words(node, "store", question->store, truths, faults);
  gboolean any = tw_free_list_has_value(question->host_memory);
  if (!any && strstr(question->store, "true") != NULL)
    tw_node_fault(node, faults,
                  "store: KV goes there through the memory of hosts; write host-memory=\"100GB\" beside it");
  if (any && !question->prefix_cache)
    tw_node_fault(node, faults,
                  "host-memory holds what prefix caches leave; leave out prefix-cache=\"false\"");
}

static void check_power(const tw_question *question, const xmlNode *node, tw_faults *faults)
{
  gboolean any = tw_free_list_has_value(question->oversubscription);
  tw_free_list_check_quantities(node, "caps", question->power_caps, TW_POWER, "960W", faults);
  tw_free_list_check_ratios(node, "oversubscription", question->oversubscription, "1.3", faults);
  if (any && strstr(question->power_caps, "none") == NULL)
    tw_node_fault(node, faults,
                  "oversubscription holds a site below its power without caps of accelerators; write "
                  "caps=\"none 960W\" to try both");
  if (any && isnan(question->site_w))
    tw_node_fault(node, faults, "oversubscription is of a site's power; add <limit site-power=\"1MW\"/>");
  if (question->cap_delay_s > question->cap_period_s)
    tw_node_fault(node, faults,
                  "delay must not be more than period; write a longer period or a shorter delay");
}

/* Reads a child that need not be there: its defaults then. */
static const xmlNode *read_child(const xmlNode *root, const tw_element *element, void *target)
{
  const xmlNode *node = tw_node_child(root, element->name);
  if (node != NULL) {
    tw_schema_read(node, element, target);
    return node;
  }
  xmlNode *empty = xmlNewNode(NULL, BAD_CAST element->name);
  tw_schema_read(empty, element, target);
  xmlFreeNode(empty);
  return root;
}

static void read_models(tw_question *question, const xmlNode *root, tw_faults *faults)
{
  for (const xmlNode *node = tw_node_child(root, "model"); node != NULL; node = tw_node_next(node, "model")) {
    tw_question_model model = {0};
    tw_schema_read(node, &model_element, &model);
    tw_free_list_check_words(node, "weights", model.weights, tw_checkpoint_names, faults);
    if (strchr(model.name, '/') != NULL) {
      char *path = tw_node_path(node, model.name);
      g_free(model.name);
      model.name = g_canonicalize_filename(path, NULL);
      g_free(path);
    }
    g_autoptr(tw_model) known = tw_model_load(model.name, node, faults);
    model.experts = known != NULL && known->experts > 0;
    g_array_append_val(question->models, model);
  }
}

/* The kind, and what its options say: "hgx-h200-sxm". */
static char *site_name(const tw_question_site *site)
{
  g_autoptr(GString) name = g_string_new(site->kind);
  g_auto(GStrv) words = g_strsplit_set(site->options, " \t\n", -1);
  for (char **word = words; *word != NULL; word++) {
    const char *value = strchr(*word, '=');
    if (value != NULL)
      g_string_append_printf(name, "-%s", value + 1);
  }
  return g_strdelimit(g_strdup(name->str), "/", '-');
}

static void read_sites(tw_question *question, const xmlNode *root, const xmlNode *cost, tw_faults *faults)
{
  for (const xmlNode *node = tw_node_child(root, "site"); node != NULL; node = tw_node_next(node, "site")) {
    tw_question_site site = {0};
    g_autoptr(GError) error = NULL;
    tw_schema_read(node, &site_element, &site);
    if (tw_platform_generator_find(site.kind, &error) == NULL)
      tw_node_fault(node, faults, "%s", error->message);
    else if (tw_question_size_option(&site) == NULL)
      tw_node_fault(node, faults,
                    "a site of kind \"%s\" does not grow by nodes, racks or domains; write kind=\"hgx\" or "
                    "kind=\"nvl72\"",
                    site.kind);
    if (site.name == NULL) {
      site.name = site_name(&site);
    }
    for (guint i = 0; i < question->sites->len; i++)
      if (g_str_equal(g_array_index(question->sites, tw_question_site, i).name, site.name))
        tw_node_fault(node, faults, "two sites are called \"%s\"; give each a name of its own", site.name);
    struct {
      double accelerator_hour_usd, rack_hour_usd;
    } common = {NAN, NAN};
    if (cost != NULL) {
      tw_scenario scratch = {0};
      tw_schema_read(cost, &tw_cost_element, &scratch);
      common.accelerator_hour_usd = scratch.accelerator_hour_usd;
      common.rack_hour_usd = scratch.rack_hour_usd;
    }
    if (isnan(site.accelerator_hour_usd))
      site.accelerator_hour_usd = common.accelerator_hour_usd;
    if (isnan(site.rack_hour_usd))
      site.rack_hour_usd = common.rack_hour_usd;
    g_array_append_val(question->sites, site);
  }
}

/* An SLO without a limit is met by everything, and by nothing that can be told. */
static void check_slos(const xmlNode *root, tw_faults *faults)
{
  static const char *const limits[] = {"ttft", "tpot", "itl", "e2e"};
  for (const xmlNode *node = tw_node_child(root, "slo"); node != NULL; node = tw_node_next(node, "slo")) {
    gboolean any = FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(limits); i++)
      any |= xmlHasProp(node, BAD_CAST limits[i]) != NULL;
    if (!any)
      tw_node_fault(node, faults, "<slo> limits nothing; write <slo ttft=\"2s\" tpot=\"50ms\"/>");
  }
}

/* An objective that nothing can be said of is asked for in vain. */
static void check_objective(const tw_question *question, const xmlNode *root, tw_faults *faults)
{
  const tw_objective *objective = tw_question_objective(question);
  const tw_objective *beside = tw_question_beside(question);
  gboolean wants_cost = g_str_equal(objective->name, "cost") || !isnan(question->usd_per_hour) ||
                        (beside != NULL && g_str_equal(beside->name, "cost"));
  for (guint i = 0; wants_cost && i < question->sites->len; i++) {
    const tw_question_site *site = &g_array_index(question->sites, tw_question_site, i);
    if (isnan(site->accelerator_hour_usd) && isnan(site->rack_hour_usd))
      tw_node_fault(root, faults,
                    "the site \"%s\" has no cost; write accelerator-hour=\"2.5\" there, or a <cost> for all",
                    site->name);
  }
  for (guint i = 0; !isnan(question->floor_m2) && i < question->sites->len; i++) {
    const tw_question_site *site = &g_array_index(question->sites, tw_question_site, i);
    if (isnan(site->rack_m2))
      tw_node_fault(root, faults,
                    "floor-m2 is limited, and the site \"%s\" does not say what a rack takes; write "
                    "rack-m2=\"2.5\" there",
                    site->name);
  }
  if (beside == objective)
    tw_node_fault(root, faults, "beside is the same as optimise; leave it out, or write another objective");
  else if (beside != NULL && beside->finds_load)
    tw_node_fault(
        root, faults,
        "the largest load is found on a site of its own size; write optimise=\"load\" beside=\"%s\"",
        objective->name);
  if ((objective->finds_load || question->growth != 1) &&
      tw_node_child(tw_node_child(root, "workload"), "generator") != NULL)
    tw_node_fault(root, faults,
                  "the load of a <generator> cannot be multiplied; put it into a file and write <generate "
                  "from=\"./FILE.xml\"/>");
}

tw_question *tw_question_load(const char *path, tw_faults *faults)
{
  guint before = tw_faults_count(faults);
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  if (document == NULL || !tw_schema_check(tw_document_root(document), &tw_question_element, faults))
    return NULL;
  const xmlNode *root = tw_document_root(document);
  g_autoptr(tw_question) question = g_new0(tw_question, 1);
  question->models = g_array_new(FALSE, FALSE, sizeof(tw_question_model));
  question->sites = g_array_new(FALSE, FALSE, sizeof(tw_question_site));
  question->file = g_strdup(path);
  tw_schema_read(root, &tw_question_element, question);
  const xmlNode *layout = read_child(root, &layout_element, question);
  const xmlNode *scheduler = read_child(root, &scheduler_element, question);
  const xmlNode *router = read_child(root, &router_element, question);
  const xmlNode *offload = read_child(root, &offload_element, question);
  const xmlNode *power = read_child(root, &power_element, question);
  read_child(root, &growth_element, question);
  read_child(root, &limit_element, question);
  read_child(root, &effort_element, question);
  read_models(question, root, faults);
  read_sites(question, root, tw_node_child(root, "cost"), faults);
  tw_free_list_check_numbers(layout, "tp", question->tp, faults);
  tw_free_list_check_numbers(layout, "pp", question->pp, faults);
  tw_free_list_check_numbers(layout, "dp", question->dp, faults);
  tw_free_list_check_numbers(layout, "ep", question->ep, faults);
  tw_free_list_check_pools(layout, "pools", question->pools, faults);
  tw_free_list_check_numbers(scheduler, "max-batched-tokens", question->max_batched_tokens, faults);
  tw_free_list_check_numbers(scheduler, "max-seqs", question->max_seqs, faults);
  tw_free_list_check_words(router, "policies", question->routers, tw_router_policy_names, faults);
  check_offload(question, offload, faults);
  check_power(question, power, faults);
  check_objective(question, root, faults);
  check_slos(root, faults);
  question->given = given_text(root);
  question->workload = node_text(tw_node_child(root, "workload"), "workload");
  if (tw_node_child(root, "held-out") != NULL)
    question->held_out = node_text(tw_node_child(root, "held-out"), "workload");
  return tw_faults_count(faults) == before ? g_steal_pointer(&question) : NULL;
}

void tw_question_free(tw_question *question)
{
  if (question == NULL)
    return;
  for (guint i = 0; i < question->models->len; i++)
    tw_schema_clear(&model_element, &g_array_index(question->models, tw_question_model, i));
  for (guint i = 0; i < question->sites->len; i++)
    tw_schema_clear(&site_element, &g_array_index(question->sites, tw_question_site, i));
  g_array_unref(question->models);
  g_array_unref(question->sites);
  tw_schema_clear(&tw_question_element, question);
  tw_schema_clear(&layout_element, question);
  tw_schema_clear(&scheduler_element, question);
  tw_schema_clear(&router_element, question);
  tw_schema_clear(&offload_element, question);
  tw_schema_clear(&power_element, question);
  g_free(question->file);
  g_free(question->given);
  g_free(question->workload);
  g_free(question->held_out);
  g_free(question);
}
