#include "workloads/stream/generator.h"

#include "platforms/input/data.h"
#include "workloads/stream/class.h"
#include "workloads/stream/mix.h"

#include <math.h>

struct tw_generator {
  char *description, *source;
  double duration_s, rate_scale;
  gint64 limit;
  tw_class *classes;
  int n_classes;
  GPtrArray *files; /* the files that were read (char *); NULL-terminated in the end */
};

/* ---- Tables ---- */

#define LONGEST_S 1e10

#define TOP(field) .offset = offsetof(tw_generator, field)
static const tw_attribute generator_attributes[] = {
    {"description", TW_ATTR_STRING, .fallback = "", TOP(description), .help = "what it stands for"},
    {"source", TW_ATTR_STRING, .fallback = "", TOP(source), .help = "where its numbers come from"},
    {"duration", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .positive = TRUE, .max = LONGEST_S, TOP(duration_s),
     .help = "nothing arrives (and no session begins) at or after it"},
    {"requests", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e15, TOP(limit),
     .help = "at most so many in all"},
    {"rate-scale", TW_ATTR_NUMBER, .fallback = "1", .positive = TRUE, .max = 1e9, TOP(rate_scale),
     .help = "2 lets twice as many of each class arrive; classes of clients that wait stay as they are"},
    {0}};
static const tw_child generator_children[] = {{&tw_class_element, 1, 0}, {0}};
const tw_element tw_generator_element = {"generator", "classes of traffic that are drawn",
                                         generator_attributes, generator_children, NULL};

/* ---- Reading ---- */

/* A generator of `n` classes that are still to be read. */
static tw_generator *new_generator(int n)
{
  tw_generator *generator = g_new0(tw_generator, 1);
  generator->files = g_ptr_array_new_with_free_func(g_free);
  generator->duration_s = NAN;
  generator->rate_scale = 1;
  generator->limit = G_MININT64;
  generator->classes = g_new0(tw_class, (gsize)n);
  generator->n_classes = n;
  return generator;
}

static void read_classes(tw_generator *generator, const xmlNode *node, tw_faults *faults)
{
  int i = 0;
  tw_schema_read(node, &tw_generator_element, generator);
  for (const xmlNode *n = tw_node_child(node, "class"); n != NULL; n = tw_node_next(n, "class"), i++) {
    tw_class_read(&generator->classes[i], n, generator->files, faults);
    for (int k = 0; k < i; k++)
      if (g_str_equal(generator->classes[k].name, generator->classes[i].name))
        tw_node_fault(n, faults, "class \"%s\" is there twice; give each class its own name",
                      generator->classes[i].name);
  }
  if (generator->n_classes > TW_REQUEST_MAX_CLASSES)
    tw_node_fault(node, faults, "there are %d classes; at most %d are possible", generator->n_classes,
                  TW_REQUEST_MAX_CLASSES);
}

tw_generator *tw_generator_read(const xmlNode *node, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  gboolean named = g_str_equal((const char *)node->name, tw_generator_element.name);
  int n = named ? 0 : 1;
  for (const xmlNode *c = tw_node_child(node, "class"); c != NULL; c = tw_node_next(c, "class"))
    n++;
  g_autoptr(tw_generator) generator = new_generator(n);
  if (named)
    read_classes(generator, node, faults);
  else
    tw_class_read(&generator->classes[0], node, generator->files, faults);
  g_ptr_array_add(generator->files, NULL);
  return tw_faults_added(faults) == before ? g_steal_pointer(&generator) : NULL;
}

tw_generator *tw_generator_load(const char *name, const xmlNode *node, tw_faults *faults)
{
  g_autofree char *path = NULL;
  if (strchr(name, '/') != NULL) {
    path = node != NULL ? tw_node_path(node, name) : g_strdup(name);
  } else {
    g_auto(GStrv) known = tw_data_list("workloads/presets", ".xml");
    if (!g_strv_contains((const char *const *)known, name)) {
      g_autofree char *hint = tw_suggestion(name, (const char *const *)known);
      tw_faults_add(faults, node != NULL ? tw_node_file(node) : NULL, node != NULL ? tw_node_line(node) : 0,
                    "the preset \"%s\" is unknown; %s (a file's path holds a /)", name, hint);
      return NULL;
    }
    g_autofree char *relative = g_strconcat("workloads/presets/", name, ".xml", NULL);
    path = tw_data_path(relative);
  }
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  if (document == NULL || !tw_schema_check(tw_document_root(document), &tw_generator_element, faults))
    return NULL;
  tw_generator *generator = tw_generator_read(tw_document_root(document), faults);
  for (const char *const *file = tw_document_files(document); generator != NULL && *file != NULL; file++)
    g_ptr_array_insert(generator->files, 0, g_strdup(*file));
  return generator;
}

void tw_generator_free(tw_generator *generator)
{
  if (generator == NULL)
    return;
  for (int i = 0; i < generator->n_classes; i++)
    tw_class_clear(&generator->classes[i]);
  g_free(generator->classes);
  tw_schema_clear(&tw_generator_element, generator);
  g_ptr_array_unref(generator->files);
  g_free(generator);
}

/* ---- Drawing ---- */

static double duration_of(const tw_generator *generator, const tw_generator_use *use)
{
  double s = isnan(use->duration_s) ? generator->duration_s : use->duration_s;
  return isnan(s) ? INFINITY : s;
}

gboolean tw_generator_check_use(const tw_generator *generator, const tw_generator_use *use, GError **error)
{
  double scale = use->rate_scale * generator->rate_scale;
  if (!(scale > 0 && scale <= 1e9))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "the rate's scale is %g; a number above 0, and 1e9 at most, is needed", scale);
  if (!isnan(use->duration_s) && !(use->duration_s > 0))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "the duration is %g s; a time above 0 is needed", use->duration_s);
  if (use->limit != G_MININT64 && use->limit < 1)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "at least one request is needed");
  if (isfinite(duration_of(generator, use)) || use->limit != G_MININT64 || generator->limit != G_MININT64)
    return TRUE;
  for (int i = 0; i < generator->n_classes; i++) {
    const tw_class *c = &generator->classes[i];
    if (!tw_class_ends(c))
      return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                                "class \"%s\" never ends; give it requests, or all of them a duration, such "
                                "as 1h",
                                c->name);
  }
  return TRUE;
}

tw_stream *tw_generator_stream(const tw_generator *generator, const tw_generator_use *use)
{
  double end_s = duration_of(generator, use);
  tw_generator_use scaled = *use;
  g_assert(tw_generator_check_use(generator, use, NULL));
  scaled.rate_scale *= generator->rate_scale;
  if (generator->classes[0].name == NULL)
    return tw_class_stream(&generator->classes[0], &scaled, end_s);
  g_autofree tw_mix_member *members = g_new0(tw_mix_member, (gsize)generator->n_classes);
  for (int i = 0; i < generator->n_classes; i++) {
    const tw_class *c = &generator->classes[i];
    members[i] = (tw_mix_member){.class = g_intern_string(c->name), .priority = (gint32)c->priority};
    members[i].stream = tw_class_stream(c, &scaled, end_s);
  }
  return tw_stream_mix(members, generator->n_classes,
                       MIN(tw_limit_or_most(generator->limit), tw_limit_or_most(use->limit)));
}

const tw_class *tw_generator_only_class(const tw_generator *generator)
{
  return generator->n_classes == 1 ? &generator->classes[0] : NULL;
}

int tw_generator_classes(const tw_generator *generator)
{
  return generator->n_classes;
}

tw_generator_class tw_generator_class_at(const tw_generator *generator, int i)
{
  const tw_class *c = &generator->classes[i];
  gboolean has_rate = c->kind != TW_CLASS_CLOSED && c->kind != TW_CLASS_ROLLOUTS;
  return (tw_generator_class){c->name, c->ttft_s, c->tpot_s, c->itl_s, c->e2e_s, has_rate};
}

const char *const *tw_generator_files(const tw_generator *generator)
{
  return (const char *const *)generator->files->pdata;
}
