#include "sim/scenario/coverage.h"

static gboolean lists(const char *words, const char *word)
{
  g_auto(GStrv) list = g_strsplit(words, " ", -1);
  return g_strv_contains((const char *const *)list, word);
}

static void add_word(GPtrArray *texts, const char *what, const char *fitted, const char *word)
{
  if (fitted != NULL && word != NULL && !lists(fitted, word))
    g_ptr_array_add(texts, g_strdup_printf("%s %s (fitted on %s)", what, word, fitted));
}

static void add_number(GPtrArray *texts, const char *what, gint64 fitted, gint64 number)
{
  if (fitted > 0 && number > fitted)
    g_ptr_array_add(texts, g_strdup_printf("%s %" G_GINT64_FORMAT " (fitted up to %" G_GINT64_FORMAT ")",
                                           what, number, fitted));
}

char **tw_coverage_outside(const tw_pool *pool)
{
  const tw_overhead *fitted = &pool->overhead;
  GPtrArray *texts = g_ptr_array_new();
  if (pool->table_file == NULL) {
    add_word(texts, "device", fitted->devices, pool->device->name);
    add_word(texts, "weights in", fitted->precisions, tw_precision_names[pool->weights]);
    add_number(texts, "tp", fitted->max_tp, pool->tp);
    add_number(texts, "pp", fitted->max_pp, pool->pp);
    add_number(texts, "dp", fitted->max_dp, pool->dp);
    add_number(texts, "ep", fitted->max_ep, pool->ep);
  }
  g_ptr_array_add(texts, NULL);
  return (char **)g_ptr_array_free(texts, FALSE);
}
