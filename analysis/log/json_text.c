#include "analysis/log/json_text.h"

#include <jansson.h>

/* Whether a JSON string is the text between quotes. */
static gboolean is_plain(const char *text)
{
  while (*text >= ' ' && *text <= '~' && *text != '"' && *text != '\\')
    text++;
  return *text == '\0';
}

void tw_json_text_append(GString *line, const char *text)
{
  if (is_plain(text)) {
    g_string_append_c(line, '"');
    g_string_append(line, text);
    g_string_append_c(line, '"');
    return;
  }
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  json_t *string = json_string(valid);
  char *quoted = json_dumps(string, JSON_ENCODE_ANY);
  g_string_append(line, quoted);
  free(quoted);
  json_decref(string);
}
