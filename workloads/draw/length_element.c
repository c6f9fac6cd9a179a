/* The elements that say how lengths are drawn. */
#include "workloads/draw/length.h"
#include "workloads/request.h"

#include <math.h>

typedef struct element {
  int kind; /* tw_length_kind */
  double share, mean, sigma, tail;
  gint64 min, max;
  char *file;
} element;

#define FIELD(name) .offset = offsetof(element, name)
#define LAW                                                                                                  \
  {                                                                                                          \
    "law", TW_ATTR_CHOICE, FIELD(kind), .fallback = "fixed", .choices = tw_length_kind_names,                \
                                        .help = "how lengths are drawn"                                      \
  }
#define REST(least)                                                                                          \
  {"mean",                                                                                                   \
   TW_ATTR_NUMBER,                                                                                           \
   .fallback = TW_ABSENT,                                                                                    \
   .min = 0,                                                                                                 \
   .max = TW_REQUEST_MAX_TOKENS,                                                                             \
   FIELD(mean),                                                                                              \
   .help = "fixed, exponential, lognormal, pareto: mean length in tokens, before it is bounded"},            \
      {"sigma",                                                                                              \
       TW_ATTR_NUMBER,                                                                                       \
       .fallback = "1",                                                                                      \
       .min = 0,                                                                                             \
       .max = 10,                                                                                            \
       FIELD(sigma),                                                                                         \
       .help = "lognormal: standard deviation of the logarithm"},                                            \
      {"tail",                                                                                               \
       TW_ATTR_NUMBER,                                                                                       \
       .fallback = "2",                                                                                      \
       .min = 1.01,                                                                                          \
       .max = 100,                                                                                           \
       FIELD(tail),                                                                                          \
       .help = "pareto: exponent of the tail"},                                                              \
      {"file", TW_ATTR_PATH, .fallback = TW_ABSENT, FIELD(file),                                             \
       .help = "empirical: CSV with the columns tokens and weight"},                                         \
      {"min",                                                                                                \
       TW_ATTR_INT,                                                                                          \
       .fallback = least,                                                                                    \
       .min = 0,                                                                                             \
       .max = TW_REQUEST_MAX_TOKENS,                                                                         \
       FIELD(min),                                                                                           \
       .help = "shorter draws are raised to it; uniform: the least"},                                        \
  {                                                                                                          \
    "max", TW_ATTR_INT, .fallback = G_STRINGIFY(TW_REQUEST_MAX_TOKENS), .min = 1,                            \
                        .max = TW_REQUEST_MAX_TOKENS, FIELD(max),                                            \
                        .help = "longer draws are cut to it (reasoning: a budget); uniform: the most"        \
  }

static const tw_attribute some_attributes[] = {LAW, REST("1"), {0}};
static const tw_attribute any_attributes[] = {LAW, REST("0"), {0}};
static const tw_attribute part_attributes[] = {{"share", TW_ATTR_NUMBER, .positive = TRUE, .max = 1,
                                                FIELD(share),
                                                .help = "of the draws that it makes; all parts sum to 1"},
                                               LAW,
                                               REST("0"),
                                               {0}};

/* Checks that an element has the attributes that its law needs. */
static gboolean check_law(const xmlNode *node, const void *target, tw_faults *faults)
{
  const element *e = target;
  const char *needed = e->kind == TW_LENGTH_UNIFORM     ? "max"
                       : e->kind == TW_LENGTH_EMPIRICAL ? "file"
                       : e->kind == TW_LENGTH_MIXTURE   ? NULL
                                                        : "mean";
  gboolean good = TRUE;
  if (needed != NULL && !xmlHasProp(node, BAD_CAST needed)) {
    tw_node_fault(node, faults, "<%s> with law=\"%s\" needs %s=\"...\"", node->name,
                  tw_length_kind_names[e->kind], needed);
    good = FALSE;
  }
  if (e->kind == TW_LENGTH_MIXTURE && g_str_equal(node->name, "part")) {
    tw_node_fault(node, faults, "a <part> cannot be a mixture itself; write its parts beside it");
    good = FALSE;
  } else if ((e->kind == TW_LENGTH_MIXTURE) != (tw_node_child(node, "part") != NULL)) {
    tw_node_fault(node, faults, "<%s> %s; %s", node->name,
                  e->kind == TW_LENGTH_MIXTURE ? "is a mixture of nothing" : "has parts, but is no mixture",
                  e->kind == TW_LENGTH_MIXTURE ? "give it a <part>" : "write law=\"mixture\"");
    good = FALSE;
  }
  if (e->max < e->min) {
    tw_node_fault(node, faults,
                  "<%s> has max=\"%" G_GINT64_FORMAT "\" below min=\"%" G_GINT64_FORMAT "\"; swap them",
                  node->name, e->max, e->min);
    good = FALSE;
  }
  return good;
}

static const tw_element part_element = {"part", "one component of a mixture", part_attributes, NULL,
                                        check_law};
static const tw_child part_children[] = {{&part_element, 0, 0}, {0}};
const tw_element tw_length_elements[3] = {
    {"prompt", "prompt tokens of a request", some_attributes, part_children, check_law},
    {"reasoning", "reasoning tokens of a request", any_attributes, part_children, check_law},
    {"answer", "answer tokens of a request", some_attributes, part_children, check_law},
};

static gboolean read_parts(const xmlNode *node, tw_length *length, tw_faults *faults);

static gboolean read_node(const xmlNode *node, const tw_element *table, tw_length *length, double *share,
                          tw_faults *faults)
{
  element e = {0};
  gboolean good = TRUE;
  tw_schema_read(node, table, &e);
  *length = (tw_length){.kind = (tw_length_kind)e.kind,
                        .mean = e.mean,
                        .sigma = e.sigma,
                        .min = (gint32)e.min,
                        .max = (gint32)e.max,
                        .tail = e.tail};
  *share = e.share;
  if (length->kind == TW_LENGTH_UNIFORM)
    length->mean = (double)(e.min + e.max) / 2;
  if (length->kind == TW_LENGTH_EMPIRICAL) {
    length->table = tw_length_table_load(e.file, faults);
    good = length->table != NULL;
    length->mean = good ? tw_length_table_mean(length->table) : 0;
  } else if (length->kind == TW_LENGTH_MIXTURE) {
    good = read_parts(node, length, faults);
  }
  tw_schema_clear(table, &e);
  return good;
}

static gboolean read_parts(const xmlNode *node, tw_length *length, tw_faults *faults)
{
  gboolean good = TRUE;
  int n = 0;
  for (const xmlNode *p = tw_node_child(node, "part"); p != NULL; p = tw_node_next(p, "part"))
    n++;
  tw_length_part *parts = g_new0(tw_length_part, (gsize)n);
  double sum = 0;
  length->parts = parts;
  length->n_parts = n;
  length->mean = 0;
  n = 0;
  for (const xmlNode *p = tw_node_child(node, "part"); p != NULL; p = tw_node_next(p, "part"), n++) {
    good = read_node(p, &part_element, &parts[n].length, &parts[n].share, faults) && good;
    sum += parts[n].share;
    length->mean += parts[n].share * parts[n].length.mean;
  }
  if (fabs(sum - 1) > 1e-6) {
    tw_node_fault(node, faults, "the shares of its parts sum to %g; they must sum to 1", sum);
    good = FALSE;
  }
  return good;
}

gboolean tw_length_read(const xmlNode *parent, const tw_element *table, tw_length *length, tw_faults *faults)
{
  double unused;
  const xmlNode *node = tw_node_child(parent, table->name);
  *length = (tw_length){0};
  if (node == NULL)
    return TRUE;
  return read_node(node, table, length, &unused, faults);
}

void tw_length_clear(tw_length *length)
{
  for (int i = 0; i < length->n_parts; i++)
    tw_length_clear((tw_length *)&length->parts[i].length);
  g_free((tw_length_part *)length->parts);
  tw_length_table_free((tw_length_table *)length->table);
  *length = (tw_length){0};
}

void tw_length_list_files(const xmlNode *node, GPtrArray *files)
{
  if (node == NULL)
    return;
  xmlChar *file = xmlGetNoNsProp(node, BAD_CAST "file");
  if (file != NULL)
    g_ptr_array_add(files, tw_node_path(node, (const char *)file));
  xmlFree(file);
  for (const xmlNode *p = tw_node_child(node, "part"); p != NULL; p = tw_node_next(p, "part"))
    tw_length_list_files(p, files);
}
