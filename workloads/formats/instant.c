#include "workloads/formats/instant.h"

#include "platforms/input/fault.h"

#include <math.h>

enum { NS_PER_S = 1000000000, DAY_S = 86400 };

/* Reads `n` digits; -1 where there are fewer. */
static gint64 digits(const char **c, int n)
{
  gint64 value = 0;
  for (; n > 0; n--, (*c)++) {
    if (!g_ascii_isdigit(**c))
      return -1;
    value = value * 10 + (**c - '0');
  }
  return value;
}

static gboolean skip(const char **c, char expected)
{
  if (**c != expected)
    return FALSE;
  (*c)++;
  return TRUE;
}

static gint64 days_in_month(gint64 year, gint64 month)
{
  static const guint8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  gboolean leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01 in the Gregorian calendar. The year is taken to begin in March, so that the leap day
 * comes last and months before it take 153 days for every five. */
static gint64 days_from_civil(gint64 year, gint64 month, gint64 day)
{
  year -= month <= 2;
  gint64 day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
  return 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

/* "Z", " UTC", "+01:00", "+0100", "+01" or nothing: seconds east of UTC. */
static gboolean parse_zone(const char **c, gint64 *east_s)
{
  *east_s = 0;
  while (skip(c, ' '))
    ;
  if (**c == '\0' || skip(c, 'Z') || skip(c, 'z'))
    return TRUE;
  if (g_str_has_prefix(*c, "UTC") || g_str_has_prefix(*c, "GMT")) {
    *c += 3;
    return TRUE;
  }
  gint64 sign = **c == '-' ? -1 : 1;
  if (!skip(c, '+') && !skip(c, '-'))
    return FALSE;
  gint64 hours = digits(c, 2);
  gint64 minutes = skip(c, ':') || g_ascii_isdigit(**c) ? digits(c, 2) : 0;
  *east_s = sign * (hours * 3600 + minutes * 60);
  return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

gboolean tw_instant_parse(const char *text, tw_instant *instant)
{
  const char *c = text;
  gint64 year = digits(&c, 4);
  gint64 month = skip(&c, '-') || skip(&c, '/') ? digits(&c, 2) : -1;
  gint64 day = skip(&c, '-') || skip(&c, '/') ? digits(&c, 2) : -1;
  gint64 hour = skip(&c, ' ') || skip(&c, 'T') ? digits(&c, 2) : -1;
  gint64 minute = skip(&c, ':') ? digits(&c, 2) : -1;
  gboolean seconds = skip(&c, ':');
  gint64 second = seconds ? digits(&c, 2) : 0;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour < 0 ||
      hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
    return FALSE;
  instant->ns = 0;
  if (seconds && (skip(&c, '.') || skip(&c, ','))) {
    gint64 unit = NS_PER_S;
    for (; g_ascii_isdigit(*c) && unit > 1; c++)
      instant->ns += (unit /= 10) * (*c - '0');
    if (unit == NS_PER_S)
      return FALSE;
    while (g_ascii_isdigit(*c)) /* below a nanosecond */
      c++;
  }
  gint64 east_s;
  if (!parse_zone(&c, &east_s) || *c != '\0')
    return FALSE;
  instant->s = days_from_civil(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second - east_s;
  return TRUE;
}

tw_instant tw_instant_of(guint64 count, guint64 per_s)
{
  return (tw_instant){(gint64)(count / per_s), (gint64)(count % per_s * (NS_PER_S / per_s))};
}

tw_instant tw_instant_of_s(double since_1970_s)
{
  double whole_s = floor(since_1970_s);
  tw_instant instant = {(gint64)whole_s, llround((since_1970_s - whole_s) * NS_PER_S)};
  if (instant.ns == NS_PER_S)
    instant = (tw_instant){instant.s + 1, 0};
  return instant;
}

gboolean tw_trace_since_first(tw_trace_source *source, tw_instant instant, const char *name, const char *text,
                              double *seconds, GError **error)
{
  if (!source->has_origin) {
    source->has_origin = TRUE;
    source->origin_s = instant.s;
    source->origin_ns = instant.ns;
  }
  gint64 whole_s = instant.s - source->origin_s;
  if (ABS(whole_s) > (gint64)TW_TRACE_MAX_S) {
    g_autofree char *quoted = tw_input_quote(text);
    return tw_input_fault(source->input, error,
                          "%s is '%s', over 31 years away from the first; a shorter trace is needed", name,
                          quoted);
  }
  /* One rounding: the sum is exact below 2^53 ns, 104 days. */
  *seconds = (double)(whole_s * NS_PER_S + instant.ns - source->origin_ns) / NS_PER_S;
  return TRUE;
}

gboolean tw_trace_json_instant(tw_trace_source *source, const tw_json *object, const char *path,
                               guint64 per_s, tw_instant *instant, GError **error)
{
  const tw_json *value = tw_trace_json_find(object, path);
  if (value == NULL)
    return tw_trace_json_missing(source, object, path, error);
  if (value->kind == TW_JSON_NUMBER && value->whole && value->number >= 0) {
    *instant = tw_instant_of(value->count, per_s);
    return TRUE;
  }
  if (value->kind == TW_JSON_NUMBER && value->number >= 0 && value->number / (double)per_s < 1e11) {
    *instant = tw_instant_of_s(value->number / (double)per_s);
    return TRUE;
  }
  if (value->kind == TW_JSON_STRING) {
    char *end;
    guint64 count = g_ascii_strtoull(value->text, &end, 10);
    if (g_ascii_isdigit(*value->text) && *end == '\0') {
      *instant = tw_instant_of(count, per_s);
      return TRUE;
    }
    if (tw_instant_parse(value->text, instant))
      return TRUE;
  }
  g_autofree char *quoted = tw_input_quote(value->kind == TW_JSON_STRING ? value->text : "no time");
  return tw_json_fault(
      source->json, value, error,
      "\"%s\" is '%s'; a time such as 2026-06-01T08:00:00.100Z, or a count since 1970, is needed",
      value->key != NULL ? value->key : path, quoted);
}

gboolean tw_trace_json_arrival(tw_trace_source *source, const tw_json *object, const char *path,
                               guint64 per_s, double *seconds, GError **error)
{
  tw_instant instant = {0};
  return tw_trace_json_instant(source, object, path, per_s, &instant, error) &&
         tw_trace_since_first(source, instant, path, "of this row", seconds, error);
}
