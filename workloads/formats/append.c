/* The parts of lines that the written formats share. */
#include "workloads/formats/format.h"

void tw_trace_append_number(GString *row, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  static const char *const formats[] = {"%.9g", "%.15g", "%.16g", "%.17g"};
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    g_ascii_formatd(text, sizeof text, formats[i], value);
    if (g_ascii_strtod(text, NULL) == value)
      break;
  }
  g_string_append(row, text);
}

void tw_trace_append_text(GString *row, const char *text)
{
  if (text == NULL)
    return;
  if (strpbrk(text, "\", \t") == NULL) {
    g_string_append(row, text);
    return;
  }
  g_string_append_c(row, '"');
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == '"')
      g_string_append_c(row, '"');
    g_string_append_c(row, *c);
  }
  g_string_append_c(row, '"');
}

gint32 tw_trace_prompt_hashes(const tw_request *request)
{
  return request->context_tokens > 0 ? MIN(request->n_hashes, request->prompt_tokens / request->hash_tokens)
                                     : request->n_hashes;
}
