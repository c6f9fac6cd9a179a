#include "tests/validation/table.h"

#include "platforms/input/units.h"

#include <math.h>

gboolean table_open(table *t, const char *path, const tw_csv_column *columns, gboolean may_be_empty,
                    GError **error)
{
  *t = (table){.error = error, .may_be_empty = may_be_empty};
  t->input = tw_input_open(path, error);
  t->csv = t->input != NULL ? tw_csv_open(t->input, columns, error) : NULL;
  return t->good = t->csv != NULL;
}

gboolean table_next(table *t)
{
  GError *problem = NULL;
  if (t->good && tw_csv_next(t->csv, &problem))
    return TRUE;
  if (problem != NULL) {
    g_propagate_error(t->error, problem);
    t->good = FALSE;
  }
  return FALSE;
}

gboolean table_close(table *t)
{
  tw_csv_free(t->csv);
  tw_input_free(t->input);
  return t->good;
}

double table_number(table *t, int column)
{
  const char *text = tw_csv_text(t->csv, column);
  double value = NAN;
  if ((!t->may_be_empty || *text != '\0') && !tw_number_parse(text, &value) && t->good)
    t->good = tw_input_fault(t->input, t->error, "%s is \"%s\"; expected a number",
                             tw_csv_name(t->csv, column), text);
  return value;
}

double table_above_zero(table *t, int column)
{
  double value = table_number(t, column);
  if (value <= 0 && t->good)
    t->good = tw_input_fault(t->input, t->error, "%s is \"%s\"; expected a number above 0",
                             tw_csv_name(t->csv, column), tw_csv_text(t->csv, column));
  return value;
}
