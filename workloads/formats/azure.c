/* Azure's traces of LLM inference, 2023 to 2025 (github.com/Azure/AzurePublicDataset): a time of day, prompt
 * and output tokens. All of the output counts as answer. In 2024 the fraction of a second is left out where
 * it is 0, and an output may be of 0 tokens; in 2025 a column counts images. */
#include "workloads/formats/instant.h"

#include <math.h>

enum { TIMESTAMP, CONTEXT_TOKENS, GENERATED_TOKENS, NUM_IMAGES };

static const tw_csv_column columns[] = {{"TIMESTAMP", FALSE},
                                        {"ContextTokens", FALSE},
                                        {"GeneratedTokens", FALSE},
                                        {"NumImages", TRUE},
                                        {NULL, FALSE}};

enum { NS_PER_S = 1000000000 };

static gboolean read_azure(tw_trace_source *source, tw_trace_row *row, GError **error)
{
  const char *text = tw_csv_text(source->csv, TIMESTAMP);
  tw_request *request = &row->request;
  tw_instant instant = {0};
  double number;
  if (!tw_instant_parse(text, &instant)) {
    g_autofree char *quoted = tw_input_quote(text);
    return tw_input_fault(
        source->input, error, "TIMESTAMP is '%s'; a time such as 2023-11-16 18:15:46.6805900 is needed%s",
        quoted, tw_number_parse(text, &number) ? "; a log of your own is read with --format=log" : "");
  }
  if (!tw_trace_tokens(source->csv, CONTEXT_TOKENS, 1, -1, &request->prompt_tokens, error) ||
      !tw_trace_tokens(source->csv, GENERATED_TOKENS, 0, -1, &request->answer_tokens, error))
    return FALSE;
  const char *images = tw_csv_text(source->csv, NUM_IMAGES);
  if (*images != '\0' && !g_str_equal(images, "0"))
    tw_trace_note(source,
                  "NumImages is not simulated: images cost no encoder time; ContextTokens counts as it is");
  return tw_trace_since_first(source, instant, "TIMESTAMP", text, &request->arrival_s, error);
}

/* Times are written as those of the first day of 1970, to the nanosecond. */
static guint write_azure(GString *line, const tw_trace_row *row, gboolean linked)
{
  const tw_request *request = &row->request;
  (void)linked;
  double whole_s = floor(request->arrival_s);
  gint64 ns = llround((request->arrival_s - whole_s) * NS_PER_S);
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc((gint64)whole_s + ns / NS_PER_S);
  g_autofree char *text = g_date_time_format(time, "%Y-%m-%d %H:%M:%S");
  g_string_append_printf(line, "%s.%09" G_GINT64_FORMAT ",%d,%d", text, ns % NS_PER_S, request->prompt_tokens,
                         tw_request_output_tokens(request));
  return TW_TRACE_EMPTY;
}

static const char *const fields[] = {"TIMESTAMP", "ContextTokens", "GeneratedTokens", NULL};

const tw_trace_format tw_trace_azure = {
    .name = "azure",
    .help = "Azure LLM inference traces of 2023, 2024 and 2025: TIMESTAMP, ContextTokens, GeneratedTokens",
    .fields = fields,
    .clock = TRUE,
    .columns = columns,
    .read = read_azure,
    .header = "TIMESTAMP,ContextTokens,GeneratedTokens\n",
    .write = write_azure,
};
