/* Azure's traces of LLM inference, 2023 and 2024 (github.com/Azure/AzurePublicDataset): a time of day, prompt
 * and output tokens. All of the output counts as answer. */
#include "workloads/traces/trace.h"

#include <math.h>

enum { TIMESTAMP, CONTEXT_TOKENS, GENERATED_TOKENS };

static const tw_csv_column columns[] = {
    {"TIMESTAMP", FALSE}, {"ContextTokens", FALSE}, {"GeneratedTokens", FALSE}, {NULL, FALSE}};

enum { NS_PER_S = 1000000000, DAY_S = 86400 };

typedef struct {
  tw_csv *csv;
  gboolean started;
  gint64 origin_s, origin_ns; /* of the first request: whole seconds since 1970, and the rest */
} azure;

static void close_azure(void *reader)
{
  azure *trace = reader;
  tw_csv_free(trace->csv);
  g_free(trace);
}

static void *open_azure(tw_input *input, GError **error)
{
  tw_csv *csv = tw_csv_open(input, columns, error);
  if (csv == NULL)
    return NULL;
  azure *trace = g_new0(azure, 1);
  trace->csv = csv;
  return trace;
}

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

/* "Z", "+01:00" or nothing: seconds east of UTC. */
static gboolean parse_zone(const char **c, gint64 *east_s)
{
  *east_s = 0;
  if (**c == '\0' || skip(c, 'Z'))
    return TRUE;
  gint64 sign = **c == '-' ? -1 : 1;
  if (!skip(c, '+') && !skip(c, '-'))
    return FALSE;
  gint64 hours = digits(c, 2);
  gint64 minutes = skip(c, ':') ? digits(c, 2) : -1;
  *east_s = sign * (hours * 3600 + minutes * 60);
  return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

/* "2023-11-16 18:15:46.6805900", to the nanosecond. */
static gboolean parse_timestamp(const char *text, gint64 *whole_s, gint64 *ns)
{
  const char *c = text;
  gint64 year = digits(&c, 4);
  gint64 month = skip(&c, '-') ? digits(&c, 2) : -1;
  gint64 day = skip(&c, '-') ? digits(&c, 2) : -1;
  gint64 hour = skip(&c, ' ') || skip(&c, 'T') ? digits(&c, 2) : -1;
  gint64 minute = skip(&c, ':') ? digits(&c, 2) : -1;
  gint64 second = skip(&c, ':') ? digits(&c, 2) : -1;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour < 0 ||
      hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
    return FALSE;
  *ns = 0;
  if (skip(&c, '.')) {
    gint64 unit = NS_PER_S;
    for (; g_ascii_isdigit(*c) && unit > 1; c++)
      *ns += (unit /= 10) * (*c - '0');
    if (unit == NS_PER_S)
      return FALSE;
  }
  gint64 east_s;
  if (!parse_zone(&c, &east_s) || *c != '\0')
    return FALSE;
  *whole_s = days_from_civil(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second - east_s;
  return TRUE;
}

static gboolean read_time(azure *trace, double *time_s, GError **error)
{
  const char *text = tw_csv_text(trace->csv, TIMESTAMP);
  gint64 whole_s, ns;
  if (!parse_timestamp(text, &whole_s, &ns)) {
    g_autofree char *quoted = tw_input_quote(text);
    return tw_input_fault(tw_csv_input(trace->csv), error,
                          "TIMESTAMP is '%s'; a time such as 2023-11-16 18:15:46.6805900 is needed", quoted);
  }
  if (!trace->started) {
    trace->started = TRUE;
    trace->origin_s = whole_s;
    trace->origin_ns = ns;
  }
  whole_s -= trace->origin_s;
  if (ABS(whole_s) > (gint64)TW_TRACE_MAX_S)
    return tw_input_fault(tw_csv_input(trace->csv), error,
                          "TIMESTAMP is '%s', over 31 years away from the first; a shorter trace is needed",
                          text);
  /* One rounding: the sum is exact below 2^53 ns, 104 days. */
  *time_s = (double)(whole_s * NS_PER_S + ns - trace->origin_ns) / NS_PER_S;
  return TRUE;
}

static gboolean read_azure(void *reader, tw_request *request, GError **error)
{
  azure *trace = reader;
  *request = (tw_request){0};
  return tw_csv_next(trace->csv, error) && read_time(trace, &request->arrival_s, error) &&
         tw_trace_tokens(trace->csv, CONTEXT_TOKENS, 1, -1, &request->prompt_tokens, error) &&
         tw_trace_tokens(trace->csv, GENERATED_TOKENS, 1, -1, &request->answer_tokens, error);
}

/* As times of the first day of 1970, to the nanosecond. */
static guint write_azure(GString *row, const tw_request *request)
{
  double whole_s = floor(request->arrival_s);
  gint64 ns = llround((request->arrival_s - whole_s) * NS_PER_S);
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc((gint64)whole_s + ns / NS_PER_S);
  g_autofree char *text = g_date_time_format(time, "%Y-%m-%d %H:%M:%S");
  g_string_append_printf(row, "%s.%09" G_GINT64_FORMAT ",%d,%d", text, ns % NS_PER_S, request->prompt_tokens,
                         tw_request_output_tokens(request));
  return 0;
}

const tw_trace_format tw_trace_azure = {
    "azure",
    "Azure LLM inference traces: TIMESTAMP, ContextTokens, GeneratedTokens",
    "ContextTokens",
    open_azure,
    read_azure,
    close_azure,
    "TIMESTAMP,ContextTokens,GeneratedTokens\n",
    write_azure};
