#include "sim/forecast/expected_error.h"

#include "platforms/input/data.h"

#include <math.h>

const char *const tw_grade_names[TW_GRADE_COUNT + 1] = {
#define X(name, text, help) text,
    TW_GRADES(X)
#undef X
        NULL};

/* Rows that differ in load alone. */
typedef struct group {
  char *metric, *engine, *device, *model, *kind, *weights;
  double params; /* 1e9 */
  gint64 tp, dp, ep, rows;
  double seen_median, seen_p90, unseen_median, unseen_p90;
} group;

#define STRING(key, name, text)                                                                              \
  {                                                                                                          \
    key, TW_ATTR_STRING, .offset = offsetof(group, name), .help = text                                       \
  }
#define NUMBER(key, name, text)                                                                              \
  {                                                                                                          \
    key, TW_ATTR_NUMBER, .max = 1e6, .offset = offsetof(group, name), .help = text                           \
  }
#define COUNT(key, name, text)                                                                               \
  {                                                                                                          \
    key, TW_ATTR_INT, .min = 1, .max = 1e6, .offset = offsetof(group, name), .help = text                    \
  }
static const tw_attribute group_attributes[] = {
    STRING("metric", metric, "that was compared"),
    STRING("engine", engine, "file of the engine"),
    STRING("device", device, "file of the device"),
    STRING("model", model, "file of the model"),
    STRING("kind", kind, "of model: dense, experts or latent"),
    STRING("weights", weights, "number format of the weights"),
    NUMBER("params", params, "parameters of the model, 1e9"),
    COUNT("tp", tp, "tensor parallelism"),
    COUNT("dp", dp, "ranks of attention"),
    COUNT("ep", ep, "groups of experts"),
    COUNT("rows", rows, "measured runs"),
    NUMBER("seen-median", seen_median, "median error as shipped"),
    NUMBER("seen-p90", seen_p90, "90th percentile of it"),
    NUMBER("unseen-median", unseen_median,
           "median error of a fit that has not seen this model on this device"),
    NUMBER("unseen-p90", unseen_p90, "90th percentile of it"),
    {0}};
static const tw_element group_element = {"rows", "measured runs that differ in load alone", group_attributes,
                                         NULL, NULL};
static const tw_child table_children[] = {{&group_element, 0, 0}, {0}};
static const tw_element table_element = {"validated", "what predictions were compared with", NULL,
                                         table_children, NULL};

static const char *kind_of(const tw_model *model)
{
  return model->attention == TW_ATTENTION_MLA ? "latent" : model->experts > 0 ? "experts" : "dense";
}

static double ratio(double weight, double a, double b)
{
  return weight * fabs(log2(a / b));
}

static double distance(const tw_pool *pool, const group *g)
{
  double far = 0;
  far += g_str_equal(pool->engine, g->engine) ? 0 : 1;
  far += g_strcmp0(pool->plan.device->name, g->device) == 0 ? 0 : 1;
  far += g_str_equal(kind_of(pool->model), g->kind) ? 0 : 2;
  far += g_str_equal(tw_precision_names[pool->weights], g->weights) ? 0 : 0.5;
  far += g_strcmp0(pool->model->name, g->model) == 0
             ? 0
             : 0.25 + ratio(0.25, tw_model_params(pool->model) * 1e-9, g->params);
  far += ratio(0.1, (double)pool->tp, (double)g->tp) + ratio(0.25, (double)pool->dp, (double)g->dp) +
         ratio(0.25, (double)pool->ep, (double)g->ep);
  return far;
}

static tw_grade grade_of(double nearest)
{
  return nearest < 0.25  ? TW_GRADE_MEASURED
         : nearest < 1   ? TW_GRADE_INTERPOLATED
         : nearest < 2.5 ? TW_GRADE_TAKEN_OVER
                         : TW_GRADE_DATA_SHEET;
}

static void expected_clear(void *data)
{
  tw_expected_error *e = data;
  g_free(e->metric);
  g_free(e->nearest);
}

/* Cells that no fit has seen lie farther from their neighbours than these do from their own. So many times the
 * neighbours' 90th percentile holds nine of ten rows of validate - -cells, each told by what is left without its model
 * on its device with its engine. */
static double widened(const char *metric)
{
  static const struct {
    const char *metric;
    double times;
  } factors[] = {{"TPOT", 1.65}, {"TTFT", 1.8}, {"throughput", 1.7}};
  for (guint i = 0; i < G_N_ELEMENTS(factors); i++)
    if (g_str_equal(factors[i].metric, metric))
      return factors[i].times;
  return 1;
}

/* Adds a metric: of its groups, those that are little farther than the nearest count, by their rows. */
static void add_metric(GArray *errors, const tw_pool *pool, const group *groups, guint n, const char *metric)
{
  enum { STEP = 2 }; /* quarters of a unit that still count */
  double nearest = INFINITY;
  guint at = 0;
  for (guint i = 0; i < n; i++)
    if (g_str_equal(groups[i].metric, metric) && distance(pool, &groups[i]) < nearest) {
      nearest = distance(pool, &groups[i]);
      at = i;
    }
  tw_expected_error e = {.metric = g_strdup(metric), .grade = grade_of(nearest)};
  gboolean seen = e.grade == TW_GRADE_MEASURED;
  for (guint i = 0; i < n; i++) {
    const group *g = &groups[i];
    if (!g_str_equal(g->metric, metric) || distance(pool, g) > nearest + (seen ? 0.01 : STEP / 4.0))
      continue;
    double rows = (double)g->rows;
    e.median += rows * (seen ? g->seen_median : g->unseen_median);
    e.p90 += rows * (seen ? g->seen_p90 : g->unseen_p90);
    e.rows += g->rows;
  }
  e.median /= (double)e.rows;
  e.p90 *= (seen ? 1 : widened(metric)) / (double)e.rows;
  e.nearest = g_strdup_printf("%s on %s with %s, tp %" G_GINT64_FORMAT, groups[at].model, groups[at].device,
                              groups[at].engine, groups[at].tp);
  g_array_append_val(errors, e);
}

/* Whether a pool has the metric: first tokens come from prompts, and the others from decoding. */
static gboolean has_metric(const tw_pool *pool, const char *metric)
{
  return !g_str_equal(metric, pool->role == TW_POOL_PREFILL  ? "TPOT"
                              : pool->role == TW_POOL_DECODE ? "TTFT"
                                                             : "");
}

GArray *tw_expected_errors(const tw_pool *pool)
{
  GArray *errors = g_array_new(FALSE, FALSE, sizeof(tw_expected_error));
  g_array_set_clear_func(errors, expected_clear);
  g_autofree char *path = tw_data_path("sim/validated/rows.xml");
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document = pool->table_file == NULL ? tw_document_load(path, faults) : NULL;
  if (document == NULL || !tw_schema_check(tw_document_root(document), &table_element, faults))
    return errors;
  g_autoptr(GArray) groups = g_array_new(FALSE, TRUE, sizeof(group));
  for (const xmlNode *node = tw_node_child(tw_document_root(document), "rows"); node != NULL;
       node = tw_node_next(node, "rows")) {
    group g = {0};
    tw_schema_read(node, &group_element, &g);
    g_array_append_val(groups, g);
  }
  group *all = (group *)(void *)groups->data;
  for (guint i = 0; i < groups->len; i++) {
    gboolean first = has_metric(pool, all[i].metric);
    for (guint j = 0; j < i && first; j++)
      first = !g_str_equal(all[j].metric, all[i].metric);
    if (first)
      add_metric(errors, pool, all, groups->len, all[i].metric);
  }
  for (guint i = 0; i < groups->len; i++)
    tw_schema_clear(&group_element, &all[i]);
  return errors;
}
