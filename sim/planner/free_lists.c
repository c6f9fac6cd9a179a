#include "sim/planner/free_lists.h"

#include <math.h>

/* ---- Words ---- */

/* The words of a list, without the empty ones between two blanks. The caller frees them with g_strfreev. */
static char **words_of(const char *text)
{
  g_auto(GStrv) parts = g_strsplit_set(text, " \t\n", -1);
  g_autoptr(GStrvBuilder) words = g_strv_builder_new();
  for (char **part = parts; *part != NULL; part++)
    if (**part != '\0')
      g_strv_builder_add(words, *part);
  return g_strv_builder_end(words);
}

static gboolean is_none(const char *word)
{
  return g_str_equal(word, "none");
}

gboolean tw_free_list_has_value(const char *text)
{
  g_auto(GStrv) words = words_of(text);
  gboolean any = FALSE;
  for (char **word = words; *word != NULL; word++)
    any |= !is_none(*word);
  return any;
}

/* ---- Checks ---- */

void tw_free_list_check_numbers(const xmlNode *node, const char *name, const char *text, tw_faults *faults)
{
  g_auto(GStrv) words = words_of(text);
  for (char **word = words; *word != NULL; word++) {
    guint64 number;
    gboolean is_word = g_str_equal(*word, "auto") || (g_str_equal(name, "dp") && g_str_equal(*word, "wide"));
    if (!is_word && !g_ascii_string_to_unsigned(*word, 10, 1, 1000000, &number, NULL))
      tw_node_fault(node, faults, "%s: \"%s\" is no whole number from 1 on; write %s=\"1 2 4\"", name, *word,
                    name);
  }
  if (*words == NULL)
    tw_node_fault(node, faults, "%s: nothing to try; write %s=\"1 2 4\"", name, name);
}

void tw_free_list_check_words(const xmlNode *node, const char *name, const char *text,
                              const char *const *known, tw_faults *faults)
{
  g_auto(GStrv) words = words_of(text);
  for (char **word = words; *word != NULL; word++) {
    if (g_strv_contains(known, *word))
      continue;
    g_autofree char *right = tw_suggestion(*word, known);
    tw_node_fault(node, faults, "%s: there is no \"%s\"; %s", name, *word, right);
  }
  if (*words == NULL)
    tw_node_fault(node, faults, "%s: nothing to try; write one of those that --describe lists", name);
}

void tw_free_list_check_quantities(const xmlNode *node, const char *name, const char *text,
                                   tw_dimension dimension, const char *example, tw_faults *faults)
{
  g_auto(GStrv) words = words_of(text);
  for (char **word = words; *word != NULL; word++) {
    double value;
    if (!is_none(*word) && (!tw_quantity_parse(*word, dimension, &value, NULL) || value <= 0))
      tw_node_fault(node, faults,
                    "%s: \"%s\" is neither \"none\" nor a quantity above zero; write %s=\"none %s\"", name,
                    *word, name, example);
  }
  if (*words == NULL)
    tw_node_fault(node, faults, "%s: nothing to try; write %s=\"none %s\"", name, name, example);
}

void tw_free_list_check_ratios(const xmlNode *node, const char *name, const char *text, const char *example,
                               tw_faults *faults)
{
  g_auto(GStrv) words = words_of(text);
  for (char **word = words; *word != NULL; word++) {
    double ratio;
    if (!is_none(*word) && (!tw_number_parse(*word, &ratio) || ratio < 1 || ratio > 100))
      tw_node_fault(node, faults, "%s: \"%s\" is no ratio from 1 on; write %s=\"none %s\"", name, *word, name,
                    example);
  }
  if (*words == NULL)
    tw_node_fault(node, faults, "%s: nothing to try; write %s=\"none %s\"", name, name, example);
}

void tw_free_list_check_pools(const xmlNode *node, const char *name, const char *text, tw_faults *faults)
{
  g_auto(GStrv) words = words_of(text);
  for (char **word = words; *word != NULL; word++) {
    unsigned prefill, decode;
    char rest;
    if (!g_str_equal(*word, "mixed") &&
        (sscanf(*word, "%u:%u%c", &prefill, &decode, &rest) != 2 || prefill < 1 || decode < 1))
      tw_node_fault(node, faults, "%s: \"%s\" is neither \"mixed\" nor prefill to decode engines such as 1:2",
                    name, *word);
  }
  if (*words == NULL)
    tw_node_fault(node, faults, "%s: nothing to try; write %s=\"mixed 1:1 1:2\"", name, name);
}

/* ---- Values ---- */

GArray *tw_free_list_numbers(const char *text, const gint64 *automatic, guint n_automatic, guint n_wide)
{
  GArray *list = g_array_new(FALSE, FALSE, sizeof(gint64));
  g_auto(GStrv) words = words_of(text);
  for (char **word = words; *word != NULL; word++) {
    if (g_str_equal(*word, "auto")) {
      g_array_append_vals(list, automatic, n_automatic);
    } else if (g_str_equal(*word, "wide")) {
      g_array_append_vals(list, automatic + n_automatic, n_wide);
    } else {
      gint64 number = g_ascii_strtoll(*word, NULL, 10);
      g_array_append_val(list, number);
    }
  }
  return list;
}

GArray *tw_free_list_quantities(const char *text, tw_dimension dimension)
{
  GArray *list = g_array_new(FALSE, FALSE, sizeof(double));
  g_auto(GStrv) words = words_of(text);
  for (char **word = words; *word != NULL; word++) {
    double value = NAN;
    if (!is_none(*word) && !tw_quantity_parse(*word, dimension, &value, NULL))
      value = NAN;
    g_array_append_val(list, value);
  }
  return list;
}

GArray *tw_free_list_ratios(const char *text)
{
  GArray *list = g_array_new(FALSE, FALSE, sizeof(double));
  g_auto(GStrv) words = words_of(text);
  for (char **word = words; *word != NULL; word++) {
    double value = NAN;
    if (!is_none(*word) && !tw_number_parse(*word, &value))
      value = NAN;
    g_array_append_val(list, value);
  }
  return list;
}
