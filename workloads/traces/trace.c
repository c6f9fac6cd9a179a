#include "workloads/traces/trace.h"

#include "platforms/input/fault.h"
#include "platforms/input/units.h"

static const tw_trace_format *const formats[] = {&tw_trace_native, &tw_trace_azure, &tw_trace_mooncake,
                                                 &tw_trace_servegen};

const char *const tw_trace_format_names[] = {"tokenworks", "azure", "mooncake", "servegen", NULL};
G_STATIC_ASSERT(G_N_ELEMENTS(formats) + 1 == G_N_ELEMENTS(tw_trace_format_names));

const tw_trace_format *tw_trace_format_find(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
    if (g_str_equal(formats[i]->name, name))
      return formats[i];
  return NULL;
}

const tw_trace_format *tw_trace_detect(tw_input *input, GError **error)
{
  g_autoptr(GError) problem = NULL;
  char *line = NULL;
  gsize length;
  if (tw_input_line(input, &line, &length, &problem))
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
      if (strstr(line, formats[i]->signature) != NULL)
        return tw_input_rewind(input, error) ? formats[i] : NULL;
  if (problem != NULL) {
    g_propagate_error(error, g_steal_pointer(&problem));
    return NULL;
  }
  g_autofree char *names = g_strjoinv(", ", (char **)tw_trace_format_names);
  if (line == NULL)
    tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, tw_input_path(input), 0,
                       "the file is empty; a trace of requests is needed");
  else
    tw_input_fault(input, error, "the first line is that of no trace format; name the format it is in (%s)",
                   names);
  return NULL;
}

const tw_trace_format *tw_trace_format_detect(const char *path)
{
  g_autoptr(tw_input) input = tw_input_open(path, NULL);
  return input != NULL ? tw_trace_detect(input, NULL) : NULL;
}

const char *tw_trace_format_name(const tw_trace_format *format)
{
  return format->name;
}

const char *tw_trace_format_help(const tw_trace_format *format)
{
  return format->help;
}

gboolean tw_trace_tokens(const tw_csv *csv, int column, gint32 min, gint32 fallback, gint32 *tokens,
                         GError **error)
{
  const char *text = tw_csv_text(csv, column);
  if (*text == '\0' && fallback >= 0) {
    *tokens = fallback;
    return TRUE;
  }
  gint32 value = 0;
  const char *c = text;
  for (; g_ascii_isdigit(*c) && value <= TW_REQUEST_MAX_TOKENS; c++)
    value = value * 10 + (*c - '0');
  if (c > text && *c == '\0' && value >= min && value <= TW_REQUEST_MAX_TOKENS) {
    *tokens = value;
    return TRUE;
  }
  g_autofree char *quoted = tw_input_quote(text);
  return tw_input_fault(tw_csv_input(csv), error, "%s is '%s'; a whole number from %d to %d is needed",
                        tw_csv_name(csv, column), quoted, min, TW_REQUEST_MAX_TOKENS);
}

/* A decimal number whose digits fit the mantissa, over a power of ten that is exact: one correctly rounded
 * division (Clinger, How to Read Floating Point Numbers Accurately, PLDI 1990). FALSE: not so simple. */
static gboolean parse_short_decimal(const char *text, double *value)
{
  static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  guint64 digits = 0;
  guint n = 0, decimals = 0;
  const char *c = text;
  for (; g_ascii_isdigit(*c); c++, n++)
    digits = digits * 10 + (guint64)(*c - '0');
  if (n > 0 && *c == '.')
    for (c++; g_ascii_isdigit(*c); c++, n++, decimals++)
      digits = digits * 10 + (guint64)(*c - '0');
  if (n == 0 || n > 15 || *c != '\0')
    return FALSE;
  *value = (double)digits / powers[decimals];
  return TRUE;
}

gboolean tw_trace_seconds(const tw_csv *csv, int column, double *seconds, GError **error)
{
  const char *text = tw_csv_text(csv, column);
  if ((parse_short_decimal(text, seconds) || tw_number_parse(text, seconds)) && *seconds >= 0 &&
      *seconds <= TW_TRACE_MAX_S)
    return TRUE;
  g_autofree char *quoted = tw_input_quote(text);
  return tw_input_fault(tw_csv_input(csv), error,
                        "%s is '%s'; seconds since the start of the trace, from 0 to 1e9, are needed",
                        tw_csv_name(csv, column), quoted);
}
