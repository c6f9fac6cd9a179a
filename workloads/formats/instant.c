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

/* Names of zones that mean one thing, in minutes east of UTC (RFC 2822, section 4.3, and those of Europe and Japan). */
static const struct {
  const char *name;
  gint16 east_min;
} zones[] = {{"UTC", 0},    {"GMT", 0},    {"UT", 0},     {"Z", 0},      {"EST", -300},
             {"EDT", -240}, {"CST", -360}, {"CDT", -300}, {"MST", -420}, {"MDT", -360},
             {"PST", -480}, {"PDT", -420}, {"WET", 0},    {"WEST", 60},  {"CET", 60},
             {"CEST", 120}, {"EET", 120},  {"EEST", 180}, {"MSK", 180},  {"JST", 540}};

/* Reads letters into `word`, which holds `size` bytes; FALSE: there are none, or too many. */
static gboolean read_word(const char **c, char *word, gsize size)
{
  gsize n = 0;
  for (; g_ascii_isalpha(**c) && n + 1 < size; (*c)++)
    word[n++] = **c;
  word[n] = '\0';
  return n > 0 && !g_ascii_isalpha(**c);
}

static gboolean parse_zone_name(const char **c, gint64 *east_s)
{
  char word[8];
  if (!read_word(c, word, sizeof word))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(zones); i++)
    if (g_ascii_strcasecmp(word, zones[i].name) == 0) {
      *east_s = zones[i].east_min * 60;
      return TRUE;
    }
  return FALSE;
}

/* "Z", " UTC", "+01:00", "+0100", "+01", with a name behind it that says the same ("+0100 CET", "[Europe/Paris]"), or
 * nothing: seconds east of UTC. */
static gboolean parse_zone(const char **c, gint64 *east_s)
{
  *east_s = 0;
  while (skip(c, ' '))
    ;
  if (**c == '\0')
    return TRUE;
  if (g_ascii_isalpha(**c) && !parse_zone_name(c, east_s))
    return FALSE;
  if (**c == '+' || **c == '-') {
    gint64 sign = **c == '-' ? -1 : 1;
    (*c)++;
    gint64 hours = digits(c, 2);
    gint64 minutes = skip(c, ':') || g_ascii_isdigit(**c) ? digits(c, 2) : 0;
    *east_s = sign * (hours * 3600 + minutes * 60);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
      return FALSE;
    gint64 again;
    if (skip(c, ' ') && !parse_zone_name(c, &again))
      return FALSE;
  }
  const char *end = **c == '[' ? strchr(*c, ']') : NULL;
  *c = end != NULL ? end + 1 : *c;
  return TRUE;
}

typedef struct {
  gint64 year, month, day;
} civil;

/* One or two digits; -1: none. */
static gint64 short_digits(const char **c)
{
  return digits(c, g_ascii_isdigit(**c) && g_ascii_isdigit((*c)[1]) ? 2 : 1);
}

/* Four digits, or two that stand for a year of this century. */
static gint64 year_digits(const char **c)
{
  gsize n = 0;
  while (g_ascii_isdigit((*c)[n]))
    n++;
  return n == 4 ? digits(c, 4) : n == 2 ? 2000 + digits(c, 2) : -1;
}

/* "Nov" or "November". */
static gint64 month_word(const char **c)
{
  static const char *const names[] = {"january", "february", "march",     "april",   "may",      "june",
                                      "july",    "august",   "september", "october", "november", "december"};
  char word[12];
  if (!read_word(c, word, sizeof word) || strlen(word) < 3)
    return -1;
  for (gint64 i = 0; i < 12; i++)
    if (g_ascii_strncasecmp(word, names[i], strlen(word)) == 0)
      return i + 1;
  return -1;
}

static void skip_any(const char **c, const char *marks)
{
  *c += strspn(*c, marks);
}

/* "Thu, 16 Nov 2023", "Nov 16, 2023", "16/Nov/2023", "16.11.2023". */
static gboolean parse_written_date(const char **c, civil *date)
{
  const char *begin = *c;
  char weekday[12];
  if (g_ascii_isalpha(**c) && month_word(c) < 0) {
    *c = begin;
    if (!read_word(c, weekday, sizeof weekday))
      return FALSE;
    skip_any(c, ",. ");
    begin = *c;
  }
  *c = begin;
  if (g_ascii_isalpha(**c)) {
    date->month = month_word(c);
    skip_any(c, ". ");
    date->day = short_digits(c);
    skip_any(c, ", ");
  } else {
    date->day = short_digits(c);
    gboolean points = **c == '.';
    skip_any(c, ".-/ ");
    date->month = g_ascii_isalpha(**c) ? month_word(c) : points ? short_digits(c) : -1;
    skip_any(c, ".-/ ,");
  }
  date->year = year_digits(c);
  return TRUE;
}

static gboolean parse_year_first(const char **c, civil *date)
{
  date->year = digits(c, 4);
  date->month = skip(c, '-') || skip(c, '/') ? short_digits(c) : -1;
  date->day = skip(c, '-') || skip(c, '/') ? short_digits(c) : -1;
  return TRUE;
}

static gboolean parse_slashes(const char **c, gboolean month_first, civil *date)
{
  gint64 first = short_digits(c);
  gint64 second = skip(c, '-') || skip(c, '/') ? short_digits(c) : -1;
  date->year = skip(c, '-') || skip(c, '/') ? year_digits(c) : -1;
  date->month = month_first ? first : second;
  date->day = month_first ? second : first;
  return TRUE;
}

/* Nanoseconds behind a point or a comma; -1: not even a digit. */
static gint64 parse_fraction(const char **c)
{
  gint64 unit = NS_PER_S, ns = 0;
  if (!skip(c, '.') && !skip(c, ','))
    return 0;
  for (; g_ascii_isdigit(**c) && unit > 1; (*c)++)
    ns += (unit /= 10) * (**c - '0');
  if (unit == NS_PER_S)
    return -1;
  while (g_ascii_isdigit(**c)) /* below a nanosecond */
    (*c)++;
  return ns;
}

/* Hours of 12 with AM or PM as hours of 24; -1: there is no such hour. */
static gint64 parse_half(const char **c, gint64 hour)
{
  const char *mark = *c + strspn(*c, " ");
  gboolean am = g_ascii_strncasecmp(mark, "AM", 2) == 0, pm = g_ascii_strncasecmp(mark, "PM", 2) == 0;
  if ((!am && !pm) || g_ascii_isalpha(mark[2]))
    return hour;
  *c = mark + 2;
  return hour < 1 || hour > 12 ? -1 : hour % 12 + (pm ? 12 : 0);
}

/* The clock and the zone behind a date, to the end of the text. */
static gboolean parse_rest(const char *c, civil date, tw_instant *instant)
{
  gboolean parted = skip(&c, ' ') || skip(&c, 'T') || skip(&c, ',') || skip(&c, ':');
  skip_any(&c, " @"); /* Kibana writes "Jun 1, 2026 @ 08:00:00.000" */
  gint64 hour = parted ? short_digits(&c) : -1;
  gint64 minute = skip(&c, ':') ? digits(&c, 2) : -1;
  gboolean seconds = skip(&c, ':');
  gint64 second = seconds ? digits(&c, 2) : 0;
  gint64 ns = seconds ? parse_fraction(&c) : 0;
  hour = hour >= 0 ? parse_half(&c, hour) : -1;
  gint64 east_s;
  if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1 ||
      date.day > days_in_month(date.year, date.month) || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 59 || ns < 0 || !parse_zone(&c, &east_s) || *c != '\0')
    return FALSE;
  instant->s =
      days_from_civil(date.year, date.month, date.day) * DAY_S + hour * 3600 + minute * 60 + second - east_s;
  instant->ns = ns;
  return TRUE;
}

gboolean tw_instant_parse(const char *text, tw_instant *instant)
{
  const char *c = text;
  civil date = {0};
  gsize n = strspn(c, "0123456789");
  const char *clock = n == 14                                                     ? c + 8
                      : n == 8 && c[8] == 'T' && strspn(c + 9, "0123456789") == 6 ? c + 9
                                                                                  : NULL;
  if (clock != NULL) { /* 20231116T181546 */
    g_autofree char *marked =
        g_strdup_printf("%.4s-%.2s-%.2sT%.2s:%.2s:%s", c, c + 4, c + 6, clock, clock + 2, clock + 4);
    return tw_instant_parse(marked, instant);
  }
  return (n == 4 ? parse_year_first(&c, &date) : parse_written_date(&c, &date)) &&
         parse_rest(c, date, instant);
}

gboolean tw_instant_parse_slashes(const char *text, gboolean month_first, tw_instant *instant)
{
  const char *c = text;
  civil date = {0};
  return parse_slashes(&c, month_first, &date) && parse_rest(c, date, instant);
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
  g_autofree char *number = g_strdup_printf("%.12g", value->number);
  g_autofree char *quoted = tw_input_quote(value->kind == TW_JSON_STRING   ? value->text
                                           : value->kind == TW_JSON_NUMBER ? number
                                                                           : "no time");
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
