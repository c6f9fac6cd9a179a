#include "sim/planner/design.h"

#include "platforms/generate/generator.h"
#include "sim/planner/free_lists.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <math.h>

/* ---- Platforms ---- */

static char *platform_path(const tw_designs *designs, const tw_question_site *site, double size)
{
  g_autofree char *name = g_strdup_printf("%s-%.0f.xml", site->name, size);
  return g_build_filename(designs->directory, "platforms", name, NULL);
}

static gboolean write_platform(const char *path, const tw_question_site *site, double size, GError **error)
{
  g_autoptr(GPtrArray) settings = g_ptr_array_new_with_free_func(g_free);
  g_auto(GStrv) words = g_strsplit_set(site->options, " \t\n", -1);
  for (char **word = words; *word != NULL; word++)
    if (**word != '\0')
      g_ptr_array_add(settings, g_strdup(*word));
  g_ptr_array_add(settings, g_strdup_printf("%s=%.0f", tw_question_size_option(site), size));
  g_ptr_array_add(settings, NULL);
  /* Under another name until it is whole: a search that is killed must not leave half a platform behind. */
  g_autofree char *unfinished = g_strconcat(path, ".new", NULL);
  FILE *out = g_fopen(unfinished, "we");
  if (out == NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, path, 0, "cannot be written: %s",
                              g_strerror(errno));
  gboolean good = tw_platform_generate(tw_platform_generator_find(site->kind, NULL),
                                       (const char *const *)settings->pdata, out, error);
  if (fclose(out) != 0 && good)
    good =
        tw_input_error_set(error, TW_INPUT_ERROR_FILE, path, 0, "cannot be written: %s", g_strerror(errno));
  if (good && g_rename(unfinished, path) != 0)
    good =
        tw_input_error_set(error, TW_INPUT_ERROR_FILE, path, 0, "cannot be written: %s", g_strerror(errno));
  if (!good)
    g_unlink(unfinished);
  return good;
}

static gboolean ensure_platform(const char *path, const tw_question_site *site, double size, GError **error)
{
  return g_file_test(path, G_FILE_TEST_EXISTS) || write_platform(path, site, size, error);
}

tw_platform *tw_designs_platform(const tw_designs *designs, const tw_question_site *site, double size,
                                 GError **error)
{
  g_autofree char *path = platform_path(designs, site, size);
  if (!ensure_platform(path, site, size, error))
    return NULL;
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_platform *platform = tw_platform_load(path, faults);
  if (platform == NULL)
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "%s", tw_faults_get(faults, 0));
  return platform;
}

static gboolean find_facts(tw_designs *designs, const tw_question_site *site, tw_site_facts *facts,
                           GError **error)
{
  facts->platform = tw_designs_platform(designs, site, (double)site->least, error);
  if (facts->platform == NULL) {
    g_prefix_error(error, "the site \"%s\" in its smallest size, %" G_GINT64_FORMAT ": ", site->name,
                   site->least);
    return FALSE;
  }
  const tw_platform *platform = facts->platform;
  int domain = -1;
  for (int i = 0; i < platform->n_hosts; i++) {
    const tw_host *host = &platform->hosts[i];
    if (host->accelerators == 0)
      continue;
    facts->device = host->device;
    facts->unit += host->accelerators;
    if (domain < 0 || tw_platform_domain(platform, i) == domain)
      facts->domain += host->accelerators;
    domain = domain < 0 ? tw_platform_domain(platform, i) : domain;
  }
  facts->unit /= (int)site->least;
  return TRUE;
}

/* ---- Sizes ---- */

int tw_design_engine(const tw_design *design)
{
  return (int)(design->tp * design->pp * design->dp);
}

double tw_design_accelerators(const tw_design *design, double size)
{
  return design->facts->unit * size;
}

gint64 tw_design_engines(const tw_design *design, double size)
{
  int engine = tw_design_engine(design), domain = design->facts->domain;
  double accelerators = tw_design_accelerators(design, size);
  if (engine > domain)
    return (gint64)(accelerators / engine);
  return (gint64)(accelerators / domain) * (domain / engine);
}

gint64 tw_design_prefill(const tw_design *design, double size)
{
  gint64 engines = tw_design_engines(design, size);
  double share = (double)design->prefill / MAX(design->prefill + design->decode, 1);
  return design->prefill == 0 ? 0 : CLAMP((gint64)round((double)engines * share), 1, engines - 1);
}

double tw_design_least(const tw_design *design)
{
  gint64 engines = design->prefill > 0 ? 2 : 1;
  double size = MAX(ceil((double)engines * tw_design_engine(design) / design->facts->unit),
                    (double)design->site->least);
  while (tw_design_engines(design, size) < engines)
    size++;
  return size;
}

static void add_replicas(GStrvBuilder *list, const char *pool, gint64 engines)
{
  g_autofree char *text = g_strdup_printf("//pool[@id='%s']/@replicas=%" G_GINT64_FORMAT, pool, engines);
  g_strv_builder_add(list, text);
}

char **tw_design_assignments(const tw_designs *designs, const tw_design *design, double size,
                             const tw_demand *demand, double factor, GError **error)
{
  g_autofree char *path = platform_path(designs, design->site, size);
  if (!ensure_platform(path, design->site, size, error))
    return NULL;
  g_autofree char *full = g_canonicalize_filename(path, NULL);
  gint64 engines = tw_design_engines(design, size), prefill = tw_design_prefill(design, size);
  g_autoptr(GStrvBuilder) list = g_strv_builder_new();
  g_autofree char *platform = g_strdup_printf("/scenario/platform/@file=%s", full);
  g_strv_builder_add(list, platform);
  if (design->prefill == 0) {
    add_replicas(list, "serve", engines);
  } else {
    add_replicas(list, "prefill", prefill);
    add_replicas(list, "decode", engines - prefill);
  }
  g_auto(GStrv) scaled = demand != NULL ? tw_demand_scaled(demand, factor) : NULL;
  if (scaled != NULL)
    g_strv_builder_addv(list, (const char **)scaled);
  return g_strv_builder_end(list);
}

/* ---- What cannot be ---- */

/* The message of a fault without the place in a file that nobody wrote by hand. */
static char *reason(const char *fault)
{
  const char *message = strstr(fault, ".xml:");
  if (message == NULL)
    return g_strdup(fault);
  message += strlen(".xml:");
  message += strspn(message, "0123456789: ");
  return g_strdup(message);
}

/* Writes the scenario of a design, and the one beside it with the load that is held out. */
static gboolean settle(tw_designs *designs, const tw_question *question, tw_design *design, GError **error)
{
  g_autofree char *file = g_strdup_printf("%s.xml", design->name);
  design->scenario = g_build_filename(designs->directory, "designs", file, NULL);
  double least = tw_design_least(design);
  if (least > (double)design->site->most) {
    design->dropped = g_strdup_printf("an engine of %d accelerators does not fit on the largest site",
                                      tw_design_engine(design));
    return TRUE;
  }
  g_autofree char *path = platform_path(designs, design->site, least),
                  *full = g_canonicalize_filename(path, NULL);
  g_autofree char *text = tw_design_scenario(question, design, full, question->workload);
  if (!g_file_set_contents(design->scenario, text, -1, error))
    return FALSE;
  if (question->held_out == NULL)
    return TRUE;
  g_autofree char *held_out = tw_design_scenario(question, design, full, question->held_out);
  g_autofree char *beside = g_strdup_printf("%s/designs/%s.held-out.xml", designs->directory, design->name);
  return g_file_set_contents(beside, held_out, -1, error);
}

tw_scenario *tw_design_load(const tw_designs *designs, const tw_design *design, double size,
                            const tw_demand *demand, double factor, GError **error)
{
  g_auto(GStrv) list = tw_design_assignments(designs, design, size, demand, factor, error);
  if (list == NULL)
    return NULL;
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_scenario *scenario = tw_scenario_load(design->scenario, (const char *const *)list, faults);
  if (scenario == NULL) {
    g_autofree char *why = reason(tw_faults_get(faults, 0));
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "%s", why);
  }
  return scenario;
}

/* ---- What is free ---- */

static const tw_checkpoint *checkpoint_of(const char *word)
{
  int index = 0;
  while (!g_str_equal(tw_checkpoint_names[index], word))
    index++;
  return tw_checkpoint_get(index);
}

/* The KV cache beside narrow weights is narrow where nothing else is asked for. */
static tw_precision kv_of(const tw_question_model *model, const tw_checkpoint *weights)
{
  if (model->kv >= 0)
    return (tw_precision)model->kv;
  return weights->weights == TW_FP32 || weights->weights == TW_BF16 ? TW_BF16 : TW_FP8;
}

static gboolean has_name(const tw_designs *designs, const char *name)
{
  for (guint i = 0; i < designs->all->len; i++)
    if (g_str_equal(((tw_design *)designs->all->pdata[i])->name, name))
      return TRUE;
  return FALSE;
}

static gboolean add(tw_designs *designs, const tw_question *question, const tw_design *shape, GError **error)
{
  g_autofree char *model = g_path_get_basename(shape->model->name);
  g_autofree char *pools =
      shape->prefill == 0 ? g_strdup("mixed") : g_strdup_printf("%u-to-%u", shape->prefill, shape->decode);
  g_autoptr(GString) name = g_string_new(NULL);
  g_string_append_printf(name, "%s.%s.%s.tp%d-pp%d-dp%d-ep%d.%s", shape->site->name, model,
                         shape->weights->name, (int)shape->tp, (int)shape->pp, (int)shape->dp, (int)shape->ep,
                         pools);
  if (tw_question_frees_budgets(question))
    g_string_append_printf(name, ".b%d-s%d", (int)shape->max_batched_tokens, (int)shape->max_seqs);
  if (strchr(question->routers, ' ') != NULL)
    g_string_append_printf(name, ".%s", shape->router);
  if (!isnan(shape->host_bytes))
    g_string_append_printf(name, ".host%.6gGB%s", shape->host_bytes / 1e9, shape->store ? "-store" : "");
  if (!isnan(shape->cap_w))
    g_string_append_printf(name, ".cap%.6gW", shape->cap_w);
  if (!isnan(shape->oversubscription))
    g_string_append_printf(name, ".over%.6g", shape->oversubscription);
  if (has_name(designs, name->str))
    return TRUE;
  tw_design *design = g_new(tw_design, 1);
  *design = *shape;
  design->name = g_strdup(name->str);
  design->score = INFINITY;
  g_ptr_array_add(designs->all, design);
  return settle(designs, question, design, error);
}

typedef struct free_lists {
  GArray *tp, *pp, *dp, *ep, *tokens, *seqs; /* arrays of gint64 */
  GArray *memory, *caps, *oversubscription;  /* arrays of double */
  char **pools, **routers, **stores;
} free_lists;

/* The caps on power of what is settled but for them: either of accelerators or of the whole site. */
static gboolean add_capped(tw_designs *designs, const tw_question *question, const free_lists *lists,
                           tw_design shape, GError **error)
{
  for (guint c = 0; c < lists->caps->len; c++)
    for (guint o = 0; o < lists->oversubscription->len; o++) {
      shape.cap_w = g_array_index(lists->caps, double, c);
      shape.oversubscription = g_array_index(lists->oversubscription, double, o);
      if (!isnan(shape.cap_w) && !isnan(shape.oversubscription))
        continue;
      if (!add(designs, question, &shape, error))
        return FALSE;
    }
  return TRUE;
}

/* The tiers of the KV cache of what is settled but for them and for caps. */
static gboolean add_tiers(tw_designs *designs, const tw_question *question, const free_lists *lists,
                          tw_design shape, GError **error)
{
  for (guint m = 0; m < lists->memory->len; m++)
    for (char **store = lists->stores; *store != NULL; store++) {
      shape.host_bytes = g_array_index(lists->memory, double, m);
      shape.store = g_str_equal(*store, "true");
      if (**store == '\0' || (isnan(shape.host_bytes) && shape.store))
        continue;
      if (!add_capped(designs, question, lists, shape, error))
        return FALSE;
    }
  return TRUE;
}

/* The pools, budgets and routers of one layout. */
static gboolean add_layout(tw_designs *designs, const tw_question *question, const free_lists *lists,
                           tw_design shape, GError **error)
{
  for (char **pools = lists->pools; *pools != NULL; pools++) {
    shape.prefill = shape.decode = 0;
    if (**pools == '\0')
      continue;
    if (!g_str_equal(*pools, "mixed"))
      sscanf(*pools, "%u:%u", &shape.prefill, &shape.decode);
    for (guint t = 0; t < lists->tokens->len; t++)
      for (guint s = 0; s < lists->seqs->len; s++)
        for (char **router = lists->routers; *router != NULL; router++) {
          shape.max_batched_tokens = g_array_index(lists->tokens, gint64, t);
          shape.max_seqs = g_array_index(lists->seqs, gint64, s);
          if (**router == '\0')
            continue;
          for (guint p = 0; tw_router_policy_names[p] != NULL; p++)
            if (g_str_equal(tw_router_policy_names[p], *router))
              shape.router = tw_router_policy_names[p];
          if (!add_tiers(designs, question, lists, shape, error))
            return FALSE;
        }
  }
  return TRUE;
}

/* All layouts of a model on a site: data parallelism where the word "auto" asks for it follows tp and pp. */
static gboolean add_layouts(tw_designs *designs, const tw_question *question, const tw_design *base,
                            GError **error)
{
  gboolean experts = base->model->experts;
  static const gint64 tensor[] = {1, 2, 4, 8}, one[] = {1}, groups[] = {8, 16, 32, 64};
  free_lists lists = {.tp = tw_free_list_numbers(question->tp, tensor, G_N_ELEMENTS(tensor), 0),
                      .pp = tw_free_list_numbers(question->pp, one, 1, 0),
                      .tokens = tw_free_list_numbers(question->max_batched_tokens, NULL, 0, 0),
                      .seqs = tw_free_list_numbers(question->max_seqs, NULL, 0, 0),
                      .pools = g_strsplit_set(question->pools, " \t\n", -1),
                      .memory = tw_free_list_quantities(question->host_memory, TW_BYTES),
                      .stores = g_strsplit_set(question->store, " \t\n", -1),
                      .caps = tw_free_list_quantities(question->power_caps, TW_POWER),
                      .oversubscription = tw_free_list_ratios(question->oversubscription),
                      .routers = g_strsplit_set(question->routers, " \t\n", -1)};
  gboolean good = TRUE;
  for (guint t = 0; good && t < lists.tp->len; t++)
    for (guint p = 0; good && p < lists.pp->len; p++) {
      tw_design shape = *base;
      shape.tp = g_array_index(lists.tp, gint64, t);
      shape.pp = g_array_index(lists.pp, gint64, p);
      gint64 filling[G_N_ELEMENTS(groups) + 1] = {1};
      guint n_filling = 1, n_wide = 0;
      for (guint g = 0; experts && g < G_N_ELEMENTS(groups); g++)
        if (groups[g] % (shape.tp * shape.pp) == 0 && groups[g] > shape.tp * shape.pp &&
            groups[g] <= base->facts->domain)
          filling[n_filling++] = groups[g] / (shape.tp * shape.pp);
      /* Groups that leave their domain follow those that do not. */
      for (guint g = 0; experts && g < G_N_ELEMENTS(groups); g++)
        if (groups[g] % (shape.tp * shape.pp) == 0 && groups[g] > base->facts->domain)
          filling[n_filling + n_wide++] = groups[g] / (shape.tp * shape.pp);
      lists.dp = tw_free_list_numbers(question->dp, filling, n_filling, n_wide);
      for (guint d = 0; good && d < lists.dp->len; d++) {
        shape.dp = g_array_index(lists.dp, gint64, d);
        gint64 whole = experts ? shape.tp * shape.dp : 1;
        lists.ep = tw_free_list_numbers(question->ep, &whole, 1, 0);
        for (guint e = 0; good && e < lists.ep->len; e++) {
          shape.ep = g_array_index(lists.ep, gint64, e);
          good = add_layout(designs, question, &lists, shape, error);
        }
        g_array_unref(lists.ep);
      }
      g_array_unref(lists.dp);
    }
  g_array_unref(lists.tp);
  g_array_unref(lists.pp);
  g_array_unref(lists.tokens);
  g_array_unref(lists.seqs);
  g_array_unref(lists.memory);
  g_array_unref(lists.caps);
  g_array_unref(lists.oversubscription);
  g_strfreev(lists.pools);
  g_strfreev(lists.routers);
  g_strfreev(lists.stores);
  return good;
}

static void free_design(gpointer data)
{
  tw_design *design = data;
  g_free(design->name);
  g_free(design->dropped);
  g_free(design->scenario);
  g_free(design->best_directory);
  json_decref(design->best);
  json_decref(design->broken);
  g_free(design);
}

static gboolean make_folders(const char *directory, GError **error)
{
  static const char *const folders[] = {"platforms", "designs"};
  for (guint i = 0; i < G_N_ELEMENTS(folders); i++) {
    g_autofree char *path = g_build_filename(directory, folders[i], NULL);
    if (g_mkdir_with_parents(path, 0777) != 0)
      return tw_input_error_set(error, TW_INPUT_ERROR_FILE, path, 0, "cannot be made: %s", g_strerror(errno));
  }
  return TRUE;
}

tw_designs *tw_designs_new(const tw_question *question, const char *directory, GError **error)
{
  g_autoptr(tw_designs) designs = g_new0(tw_designs, 1);
  designs->all = g_ptr_array_new_with_free_func(free_design);
  designs->facts = g_array_new(FALSE, TRUE, sizeof(tw_site_facts));
  designs->directory = g_strdup(directory);
  if (!make_folders(directory, error))
    return NULL;
  g_array_set_size(designs->facts, question->sites->len);
  for (guint s = 0; s < question->sites->len; s++)
    if (!find_facts(designs, &g_array_index(question->sites, tw_question_site, s),
                    &g_array_index(designs->facts, tw_site_facts, s), error))
      return NULL;
  for (guint s = 0; s < question->sites->len; s++)
    for (guint m = 0; m < question->models->len; m++) {
      const tw_question_model *model = &g_array_index(question->models, tw_question_model, m);
      g_auto(GStrv) words = g_strsplit_set(model->weights, " \t\n", -1);
      for (char **word = words; *word != NULL; word++) {
        if (**word == '\0')
          continue;
        const tw_checkpoint *weights = checkpoint_of(*word);
        tw_design base = {.site = &g_array_index(question->sites, tw_question_site, s),
                          .model = model,
                          .facts = &g_array_index(designs->facts, tw_site_facts, s),
                          .weights = weights,
                          .kv = kv_of(model, weights)};
        if (!add_layouts(designs, question, &base, error))
          return NULL;
      }
    }
  return g_steal_pointer(&designs);
}

void tw_designs_free(tw_designs *designs)
{
  if (designs == NULL)
    return;
  for (guint i = 0; i < designs->facts->len; i++)
    tw_platform_free(g_array_index(designs->facts, tw_site_facts, i).platform);
  g_array_unref(designs->facts);
  g_ptr_array_unref(designs->all);
  g_free(designs->directory);
  g_free(designs);
}
