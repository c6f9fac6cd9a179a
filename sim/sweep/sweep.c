#include "sim/sweep/sweep.h"

#include "sim/scenario/world.h"

#include <math.h>

/* ---- Tables ---- */

typedef struct axis_element {
  char *name, *path, *values, *unit;
  double from, to; /* Bounds of a sampled axis; NAN: it is none. */
  gboolean logarithmic, whole;
} axis_element;

typedef struct set_element {
  char *path, *value;
} set_element;

typedef struct point_element {
  char *name;
} point_element;

static const tw_attribute set_attributes[] = {
    {"path", TW_ATTR_STRING, .offset = offsetof(set_element, path),
     .help = "XPath of an attribute of the scenario, such as //pool[@id='serve']/@replicas"},
    {"value", TW_ATTR_STRING, .empty = TRUE, .offset = offsetof(set_element, value),
     .help = "what it is set to; a path counts from the scenario's file"},
    {0}};
static const tw_element set_xml_element = {"set", "one assignment of a point", set_attributes, NULL, NULL};

static const tw_attribute point_attributes[] = {
    {"name", TW_ATTR_STRING, .offset = offsetof(point_element, name), .help = "of this place on the axis"},
    {0}};
static const tw_child point_children[] = {{&set_xml_element, 0, 0}, {0}};
static const tw_element point_xml_element = {
    "point", "a place on an axis at which several attributes are set together, or none", point_attributes,
    point_children, NULL};

static gboolean check_axis(const xmlNode *node, const void *target, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  gboolean has_path = xmlHasProp(node, BAD_CAST "path") != NULL;
  gboolean has_values = xmlHasProp(node, BAD_CAST "values") != NULL;
  gboolean has_range = xmlHasProp(node, BAD_CAST "from") != NULL && xmlHasProp(node, BAD_CAST "to") != NULL;
  gboolean has_points = tw_node_child(node, "point") != NULL;
  const axis_element *axis = target;
  if (has_path != (has_values || has_range) || has_path == has_points || (has_values && has_range))
    tw_node_fault(
        node, faults,
        "an <axis> has either path and values, or <point>s, or, in a sample, path, from and to; write "
        "path=\"//pool/@replicas\" values=\"2 4 8\"");
  else if (has_range && !(axis->from < axis->to))
    tw_node_fault(node, faults, "from is not below to; write from=\"1\" to=\"8\"");
  else if (has_range && axis->logarithmic && axis->from <= 0)
    tw_node_fault(node, faults, "a logarithmic axis begins above zero; write from=\"0.1\"");
  return tw_faults_added(faults) == before;
}
static const char *const scale_names[] = {"linear", "log", NULL};
static const tw_attribute axis_attributes[] = {
    {"name", TW_ATTR_STRING, .offset = offsetof(axis_element, name), .help = "column of the results"},
    {"path", TW_ATTR_STRING, .fallback = TW_ABSENT, .offset = offsetof(axis_element, path),
     .help = "XPath of the attribute of the scenario that changes along the axis"},
    {"values", TW_ATTR_STRING, .fallback = TW_ABSENT, .offset = offsetof(axis_element, values),
     .help = "that it takes, separated by blanks"},
    {"from", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .min = -1e15, .max = 1e15,
     .offset = offsetof(axis_element, from), .help = "least number of a sampled axis"},
    {"to", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .min = -1e15, .max = 1e15,
     .offset = offsetof(axis_element, to), .help = "its greatest number"},
    {"scale", TW_ATTR_CHOICE, .choices = scale_names, .fallback = "linear",
     .offset = offsetof(axis_element, logarithmic),
     .help = "whether its numbers lie evenly, or their logarithms do"},
    {"whole", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(axis_element, whole),
     .help = "whether they are whole"},
    {"unit", TW_ATTR_STRING, .fallback = "", .empty = TRUE, .offset = offsetof(axis_element, unit),
     .help = "what follows them, such as /s or ms"},
    {0}};
static const tw_child axis_children[] = {{&point_xml_element, 0, 0}, {0}};
static const tw_element axis_xml_element = {"axis", "what changes from run to run", axis_attributes,
                                            axis_children, check_axis};

static const char *const sample_names[] = {"grid", "random", "latin-hypercube", NULL};
static const tw_attribute sweep_attributes[] = {
    {"name", TW_ATTR_STRING, .offset = offsetof(tw_sweep, name), .help = "name for people"},
    {"scenario", TW_ATTR_PATH, .offset = offsetof(tw_sweep, scenario), .help = "what is run at every point"},
    {"seeds", TW_ATTR_STRING, .fallback = "", .offset = offsetof(tw_sweep, seeds_text),
     .help = "of which each point runs every one, separated by blanks; none: the scenario's own"},
    {"sample", TW_ATTR_CHOICE, .choices = sample_names, .fallback = "grid",
     .offset = offsetof(tw_sweep, sample),
     .help = "which points are run: all of the grid; some at random; or a Latin hypercube, in which every "
             "axis is cut "
             "into as many parts as there are points, each of which is met once"},
    {"points", TW_ATTR_INT, .fallback = "32", .min = 1, .max = TW_SWEEP_MAX_POINTS,
     .offset = offsetof(tw_sweep, n_samples), .help = "of a sample"},
    {"sample-seed", TW_ATTR_INT, .fallback = "1", .min = 0, .max = 9e15,
     .offset = offsetof(tw_sweep, sample_seed), .help = "of the chance that picks them"},
    {"metrics", TW_ATTR_STRING,
     .fallback = "slo.attainment,ttft_s.p99,tpot_s.p99,throughput.output_tokens_per_s",
     .offset = offsetof(tw_sweep, metrics),
     .help = "numbers of summary.json to print, separated by commas; sweep.csv has all"},
    {0}};
static const tw_child sweep_children[] = {{&axis_xml_element, 1, 16}, {0}};
const tw_element tw_sweep_element = {"sweep", "one scenario at the points of a grid or a sample",
                                     sweep_attributes, sweep_children, NULL};

/* ---- Reading ---- */

/* A place on an axis: its name, and what it sets. */
typedef struct place {
  char *name;
  GPtrArray *assignments;
} place;

static void free_place(gpointer p)
{
  g_free(((place *)p)->name);
  g_ptr_array_unref(((place *)p)->assignments);
  g_free(p);
}

static place *add_place(GPtrArray *places, const char *name, const xmlNode *node, tw_faults *faults)
{
  for (guint i = 0; i < places->len; i++)
    if (g_str_equal(((place *)places->pdata[i])->name, name))
      tw_node_fault(node, faults, "\"%s\" is on this axis twice; give every place a name of its own", name);
  place *added = g_new(place, 1);
  *added = (place){g_strdup(name), g_ptr_array_new_with_free_func(g_free)};
  g_ptr_array_add(places, added);
  return added;
}

static void assign(place *at, const char *path, const char *value)
{
  g_ptr_array_add(at->assignments, g_strdup_printf("%s=%s", path, value));
}

/* A place of a sampled axis for each point: its numbers in the order of the points. */
static void add_samples(const tw_sweep *sweep, const axis_element *axis, GPtrArray *places)
{
  g_autofree double *shares = tw_sweep_shares(sweep, axis->name);
  for (gint64 i = 0; i < sweep->n_samples; i++) {
    double value = axis->logarithmic ? axis->from * pow(axis->to / axis->from, shares[i])
                                     : axis->from + (axis->to - axis->from) * shares[i];
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(digits, sizeof digits, "%.6g", axis->whole ? round(value) : value);
    place *added = g_new(place, 1);
    *added = (place){g_strconcat(digits, axis->unit, NULL), g_ptr_array_new_with_free_func(g_free)};
    assign(added, axis->path, added->name);
    g_ptr_array_add(places, added);
  }
}

static GPtrArray *read_axis(const tw_sweep *sweep, const xmlNode *node, const axis_element *axis,
                            tw_faults *faults)
{
  GPtrArray *places = g_ptr_array_new_with_free_func(free_place);
  if (!isnan(axis->from) && sweep->sample == TW_SWEEP_GRID)
    tw_node_fault(
        node, faults,
        "a grid has no values between from and to; write values=\"1 2 4\", or sample=\"latin-hypercube\" for "
        "the sweep");
  if (!isnan(axis->from)) {
    add_samples(sweep, axis, places);
    return places;
  }
  g_auto(GStrv) values = g_strsplit_set(axis->values != NULL ? axis->values : "", " \t\n", -1);
  for (char **value = values; *value != NULL; value++)
    if (**value != '\0')
      assign(add_place(places, *value, node, faults), axis->path, *value);
  for (const xmlNode *child = tw_node_child(node, "point"); child != NULL;
       child = tw_node_next(child, "point")) {
    point_element point = {0};
    tw_schema_read(child, &point_xml_element, &point);
    place *added = add_place(places, point.name, child, faults);
    for (const xmlNode *inner = tw_node_child(child, "set"); inner != NULL;
         inner = tw_node_next(inner, "set")) {
      set_element set = {0};
      tw_schema_read(inner, &set_xml_element, &set);
      assign(added, set.path, set.value);
      tw_schema_clear(&set_xml_element, &set);
    }
    tw_schema_clear(&point_xml_element, &point);
  }
  if (places->len == 0)
    tw_node_fault(node, faults, "the axis \"%s\" has no values; write values=\"2 4 8\"", axis->name);
  return places;
}

static void free_point(gpointer p)
{
  tw_sweep_point *point = p;
  g_free(point->name);
  g_strfreev(point->values);
  g_ptr_array_unref(point->assignments);
  g_free(point);
}

/* The point at one place of every axis. */
static tw_sweep_point *new_point(const tw_sweep *sweep, const GPtrArray *axes, const guint *at)
{
  tw_sweep_point *point = g_new(tw_sweep_point, 1);
  g_autoptr(GString) name = g_string_new(NULL);
  point->values = g_new0(char *, axes->len + 1);
  point->assignments = g_ptr_array_new_with_free_func(g_free);
  for (guint a = 0; a < axes->len; a++) {
    const place *here = ((const GPtrArray *)axes->pdata[a])->pdata[at[a]];
    g_string_append_printf(name, "%s%s=%s", a > 0 ? "," : "", (char *)sweep->axes->pdata[a], here->name);
    point->values[a] = g_strdup(here->name);
    for (guint i = 0; i < here->assignments->len; i++)
      g_ptr_array_add(point->assignments, g_strdup(here->assignments->pdata[i]));
  }
  g_ptr_array_add(point->assignments, NULL);
  point->name = g_strdelimit(g_strdup(name->str), "/", '_');
  return point;
}

static void multiply(tw_sweep *sweep, const GPtrArray *axes, const xmlNode *root, tw_faults *faults)
{
  guint64 n = 1;
  for (guint a = 0; a < axes->len && n <= TW_SWEEP_MAX_POINTS; a++)
    n *= ((const GPtrArray *)axes->pdata[a])->len;
  if (n > TW_SWEEP_MAX_POINTS) {
    tw_node_fault(root, faults, "the axes have more than %d points; a sweep may have so many",
                  TW_SWEEP_MAX_POINTS);
    return;
  }
  g_autofree guint *at = g_new0(guint, axes->len);
  g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint64 i = 0; i < n; i++) {
    guint64 rest = i;
    for (guint a = axes->len; a-- > 0;) {
      guint length = ((const GPtrArray *)axes->pdata[a])->len;
      at[a] = (guint)(rest % length);
      rest /= length;
    }
    tw_sweep_point *point = new_point(sweep, axes, at);
    g_ptr_array_add(sweep->points, point);
    if (!g_hash_table_add(names, point->name))
      tw_node_fault(root, faults, "two points would be called \"%s\"; give them <point>s with other names",
                    point->name);
  }
}

/* The points of a sample: on each axis the places are taken by the shares of the points, and a point that comes
 * twice is run once. */
static void take_sample(tw_sweep *sweep, const GPtrArray *axes)
{
  g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
  g_autoptr(GPtrArray) shares = g_ptr_array_new_with_free_func(g_free);
  g_autofree guint *at = g_new0(guint, axes->len);
  for (guint a = 0; a < axes->len; a++)
    g_ptr_array_add(shares, tw_sweep_shares(sweep, sweep->axes->pdata[a]));
  for (gint64 i = 0; i < sweep->n_samples; i++) {
    for (guint a = 0; a < axes->len; a++) {
      guint length = ((const GPtrArray *)axes->pdata[a])->len;
      gboolean sampled = g_array_index(sweep->sampled, gboolean, a);
      at[a] = sampled ? (guint)i : MIN((guint)(((const double *)shares->pdata[a])[i] * length), length - 1);
    }
    tw_sweep_point *point = new_point(sweep, axes, at);
    if (g_hash_table_add(names, point->name))
      g_ptr_array_add(sweep->points, point);
    else
      free_point(point);
  }
}

static void read_seeds(tw_sweep *sweep, const xmlNode *root, tw_faults *faults)
{
  g_auto(GStrv) words = g_strsplit_set(sweep->seeds_text, " \t\n", -1);
  sweep->seeds = g_new0(gint64, g_strv_length(words) + 1);
  for (char **word = words; *word != NULL; word++) {
    gint64 seed;
    if (**word == '\0')
      continue;
    if (!g_ascii_string_to_signed(*word, 10, 0, G_MAXINT64, &seed, NULL)) {
      tw_node_fault(root, faults, "seeds: \"%s\" is no whole number; write seeds=\"1 2 3\"", *word);
      continue;
    }
    for (guint i = 0; i < sweep->n_seeds; i++)
      if (sweep->seeds[i] == seed)
        tw_node_fault(root, faults, "seeds: %s is there twice; write each once", *word);
    sweep->seeds[sweep->n_seeds++] = seed;
  }
}

/* Faults of the scenario at any point; equal ones are kept once. */
static void check_points(const tw_sweep *sweep, tw_faults *faults)
{
  for (guint i = 0; i < sweep->points->len; i++) {
    const tw_sweep_point *point = sweep->points->pdata[i];
    tw_world_free(tw_world_load(sweep->scenario, (const char *const *)point->assignments->pdata, faults));
  }
}

tw_sweep *tw_sweep_load(const char *path, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  if (document == NULL || !tw_schema_check(tw_document_root(document), &tw_sweep_element, faults))
    return NULL;
  const xmlNode *root = tw_document_root(document);
  g_autoptr(tw_sweep) sweep = g_new0(tw_sweep, 1);
  tw_schema_read(root, &tw_sweep_element, sweep);
  sweep->axes = g_ptr_array_new_with_free_func(g_free);
  sweep->points = g_ptr_array_new_with_free_func(free_point);
  sweep->sampled = g_array_new(FALSE, FALSE, sizeof(gboolean));
  read_seeds(sweep, root, faults);

  g_autoptr(GPtrArray) axes = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
  for (const xmlNode *node = tw_node_child(root, "axis"); node != NULL; node = tw_node_next(node, "axis")) {
    axis_element axis = {0};
    tw_schema_read(node, &axis_xml_element, &axis);
    for (guint a = 0; a < sweep->axes->len; a++)
      if (g_str_equal(sweep->axes->pdata[a], axis.name))
        tw_node_fault(node, faults, "two axes are called \"%s\"; give every axis a name of its own",
                      axis.name);
    g_ptr_array_add(sweep->axes, g_strdup(axis.name));
    gboolean sampled = !isnan(axis.from);
    g_array_append_val(sweep->sampled, sampled);
    g_ptr_array_add(axes, read_axis(sweep, node, &axis, faults));
    tw_schema_clear(&axis_xml_element, &axis);
  }
  if (tw_faults_added(faults) == before && sweep->sample == TW_SWEEP_GRID)
    multiply(sweep, axes, root, faults);
  else if (tw_faults_added(faults) == before)
    take_sample(sweep, axes);
  if (tw_faults_added(faults) == before)
    check_points(sweep, faults);
  return tw_faults_added(faults) == before ? g_steal_pointer(&sweep) : NULL;
}

void tw_sweep_free(tw_sweep *sweep)
{
  if (sweep == NULL)
    return;
  tw_schema_clear(&tw_sweep_element, sweep);
  g_free(sweep->seeds);
  g_ptr_array_unref(sweep->axes);
  g_ptr_array_unref(sweep->points);
  g_array_unref(sweep->sampled);
  g_free(sweep);
}

guint tw_sweep_runs(const tw_sweep *sweep)
{
  return sweep->points->len * MAX(sweep->n_seeds, 1);
}
