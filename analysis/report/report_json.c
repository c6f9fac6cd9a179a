#include "analysis/report/report_json.h"

#include <math.h>
#include <string.h>

json_t *tw_report_floats(const double *values, gsize n)
{
  g_autofree guint32 *bits = g_new(guint32, n);
  for (gsize i = 0; i < n; i++) {
    float value = (float)values[i];
    memcpy(&bits[i], &value, sizeof value);
    bits[i] = GUINT32_TO_LE(bits[i]);
  }
  g_autofree char *base64 = g_base64_encode((const guchar *)bits, n * sizeof *bits);
  return json_string(base64);
}

json_t *tw_report_text(const char *text)
{
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  return json_string(valid);
}

void tw_report_set_number(json_t *object, const char *name, double value)
{
  if (isfinite(value))
    json_object_set_new(object, name, json_real(value));
}

double tw_report_number(const json_t *object, const char *name)
{
  const json_t *value = json_object_get(object, name);
  return json_is_number(value) ? json_number_value(value) : NAN;
}
