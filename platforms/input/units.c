#include "platforms/input/units.h"

#include "platforms/input/fault.h"

#include <errno.h>
#include <math.h>

typedef struct prefix {
  const char *text;
  double factor;
} prefix;

static const prefix no_prefix[] = {{"", 1}, {NULL, 0}};
static const prefix decimal[] = {{"", 1},     {"k", 1e3},  {"M", 1e6}, {"G", 1e9},
                                 {"T", 1e12}, {"P", 1e15}, {NULL, 0}};
static const prefix binary[] = {
    {"", 1},     {"k", 1e3},     {"M", 1e6},        {"G", 1e9},           {"T", 1e12},
    {"P", 1e15}, {"Ki", 1024.0}, {"Mi", 1048576.0}, {"Gi", 1073741824.0}, {"Ti", 1099511627776.0},
    {NULL, 0}};
static const prefix watt[] = {{"m", 1e-3}, {"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};
static const prefix joule[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};
static const prefix watt_hour[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {NULL, 0}};

/* The units of a dimension; those without `shown` are read but not written. */
typedef struct unit {
  const char *text;
  double factor;
  const prefix *prefixes;
  gboolean shown;
} unit;

typedef struct dimension_units {
  const char *help;
  unit units[8];
} dimension_units;

static const dimension_units dimensions[TW_DIMENSIONS] = {
    [TW_TIME] = {"a time, such as 50ms",
                 {{"s", 1, no_prefix, TRUE},
                  {"ns", 1e-9, no_prefix, TRUE},
                  {"us", 1e-6, no_prefix, TRUE},
                  {"ms", 1e-3, no_prefix, TRUE},
                  {"min", 60, no_prefix, TRUE},
                  {"h", 3600, no_prefix, TRUE},
                  {"d", 86400, no_prefix, TRUE}}},
    [TW_BYTES] = {"a size, such as 80GB", {{"B", 1, binary, TRUE}}},
    [TW_BANDWIDTH] = {"a bandwidth, such as 50GB/s",
                      {{"B/s", 1, binary, TRUE},
                       {"Bps", 1, binary, FALSE},
                       {"bit/s", 0.125, binary, FALSE},
                       {"bps", 0.125, binary, FALSE}}},
    [TW_FLOP_RATE] = {"a computing rate, such as 989TFLOP/s",
                      {{"FLOP/s", 1, decimal, TRUE}, {"FLOPS", 1, decimal, FALSE}, {"f", 1, decimal, FALSE}}},
    [TW_POWER] = {"a power, such as 700W", {{"W", 1, watt, TRUE}}},
    [TW_ENERGY] = {"an energy, such as 3.6MJ", {{"J", 1, joule, TRUE}, {"Wh", 3600, watt_hour, FALSE}}},
    [TW_RATE] = {"a rate, such as 10/s",
                 {{"/s", 1, no_prefix, TRUE},
                  {"/min", 1.0 / 60, no_prefix, FALSE},
                  {"/h", 1.0 / 3600, no_prefix, FALSE}}},
};

const char *tw_dimension_help(tw_dimension dimension)
{
  return dimensions[dimension].help;
}

/* The end of the decimal number that `text` starts with, or `text`: no hexadecimal, "inf" or "nan", which
 * strtod would take. */
static const char *number_end(const char *text)
{
  const char *at = text;
  if (*at == '+' || *at == '-')
    at++;
  const char *digits = at;
  while (g_ascii_isdigit(*at))
    at++;
  gsize count = (gsize)(at - digits);
  if (*at == '.') {
    const char *fraction = ++at;
    while (g_ascii_isdigit(*at))
      at++;
    count += (gsize)(at - fraction);
  }
  if (count == 0)
    return text;
  if (*at == 'e' || *at == 'E') {
    const char *exponent = at + 1 + (at[1] == '+' || at[1] == '-');
    if (g_ascii_isdigit(*exponent)) {
      at = exponent;
      while (g_ascii_isdigit(*at))
        at++;
    }
  }
  return at;
}

static const char *skip_blanks(const char *text)
{
  while (g_ascii_isspace(*text))
    text++;
  return text;
}

gboolean tw_number_parse(const char *text, double *value)
{
  const char *end = number_end(text);
  if (end == text || *end != '\0')
    return FALSE;
  double number = g_ascii_strtod(text, NULL);
  if (!isfinite(number))
    return FALSE;
  *value = number;
  return TRUE;
}

gboolean tw_integer_parse(const char *text, gint64 *value)
{
  const char *digits = text + (*text == '+' || *text == '-');
  if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
    return FALSE;
  errno = 0;
  gint64 number = g_ascii_strtoll(text, NULL, 10);
  if (errno == ERANGE)
    return FALSE;
  *value = number;
  return TRUE;
}

/* Sets `factor` to the base units in one `text`, which is a prefix and a unit. */
static gboolean unit_parse(const char *text, tw_dimension dimension, double *factor)
{
  for (const unit *u = dimensions[dimension].units; u->text != NULL; u++)
    for (const prefix *p = u->prefixes; p->text != NULL; p++)
      if (g_str_has_prefix(text, p->text) && strcmp(text + strlen(p->text), u->text) == 0) {
        *factor = p->factor * u->factor;
        return TRUE;
      }
  return FALSE;
}

/* Every prefix and unit of the dimension, NULL-terminated; free with g_strfreev. */
static char **unit_words(tw_dimension dimension)
{
  GPtrArray *words = g_ptr_array_new();
  for (const unit *u = dimensions[dimension].units; u->text != NULL; u++)
    for (const prefix *p = u->prefixes; p->text != NULL; p++)
      g_ptr_array_add(words, g_strconcat(p->text, u->text, NULL));
  g_ptr_array_add(words, NULL);
  return (char **)g_ptr_array_free(words, FALSE);
}

static gboolean refuse(char **why, const char *format, ...) G_GNUC_PRINTF(2, 3);
static gboolean refuse(char **why, const char *format, ...)
{
  if (why != NULL) {
    va_list arguments;
    va_start(arguments, format);
    *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
  }
  return FALSE;
}

gboolean tw_quantity_parse(const char *text, tw_dimension dimension, double *value, char **why)
{
  const char *help = dimensions[dimension].help;
  const char *start = skip_blanks(text);
  const char *end = number_end(start);
  if (end == start)
    return refuse(why, "\"%s\" is not a number with a unit; write %s", text, help);

  g_autofree char *word = g_strchomp(g_strdup(skip_blanks(end)));
  double factor = 0;
  if (*word == '\0')
    return refuse(why, "\"%s\" has no unit; write %s", text, help);
  if (dimension == TW_TIME && strcmp(word, "m") == 0)
    return refuse(why, "\"%s\" could mean minutes or milliseconds; write \"min\" or \"ms\"", text);
  if (!unit_parse(word, dimension, &factor)) {
    g_auto(GStrv) words = unit_words(dimension);
    const char *near = tw_nearest(word, (const char *const *)words);
    if (near != NULL)
      return refuse(why, "\"%s\" has the unknown unit \"%s\"; did you mean \"%s\"?", text, word, near);
    return refuse(why, "\"%s\" has the unknown unit \"%s\"; write %s", text, word, help);
  }

  double number = g_ascii_strtod(start, NULL) * factor;
  if (!isfinite(number))
    return refuse(why, "\"%s\" is too large; write %s", text, help);
  *value = number;
  return TRUE;
}

/* The fewest digits that read back as `value` when multiplied by `factor`, without an exponent if the number
 * is below a million. */
static char *shortest_number(double value, double factor)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE], format[8];
  double number = value / factor;
  for (int digits = 1; digits <= 17; digits++) {
    g_snprintf(format, sizeof format, "%%.%dg", digits);
    g_ascii_formatd(text, sizeof text, format, number);
    gboolean plain = strchr(text, 'e') == NULL || fabs(number) >= 1e6 || fabs(number) < 1;
    if (plain && g_ascii_strtod(text, NULL) * factor == value)
      break;
  }
  return g_strdup(text);
}

char *tw_quantity_format(double value, tw_dimension dimension)
{
  char *best = NULL;
  size_t least = G_MAXSIZE;
  double chosen = 0;
  for (const unit *u = dimensions[dimension].units; u->text != NULL; u++)
    for (const prefix *p = u->prefixes; u->shown && p->text != NULL; p++) {
      double factor = u->factor * p->factor;
      if (fabs(value) < factor) /* no "0.1s" for "100ms" */
        continue;
      g_autofree char *number = shortest_number(value, factor);
      g_autofree char *text = g_strconcat(number, p->text, u->text, NULL);
      size_t length = strlen(text) + (fabs(value) >= 1e6 * factor ? 100 : 0);
      if (length < least || (length == least && factor > chosen)) {
        chosen = factor;
        least = length;
        g_free(best);
        best = g_steal_pointer(&text);
      }
    }
  if (best != NULL)
    return best;
  g_autofree char *number = shortest_number(value, 1);
  return g_strconcat(number, dimensions[dimension].units->text, NULL);
}

char *tw_dimension_pattern(tw_dimension dimension)
{
  g_auto(GStrv) words = unit_words(dimension);
  g_autofree char *units = g_strjoinv("|", words);
  return g_strconcat("\\s*[+\\-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+\\-]?[0-9]+)?\\s*(", units, ")\\s*",
                     NULL);
}
