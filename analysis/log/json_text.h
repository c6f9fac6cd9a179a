/* Texts as JSON strings, without a tree of values. */
#ifndef TW_ANALYSIS_JSON_TEXT_H
#define TW_ANALYSIS_JSON_TEXT_H

#include <glib.h>

/* Appends the text as a JSON string, with its quotes; what is not UTF-8 becomes U+FFFD. */
void tw_json_text_append(GString *line, const char *text);

#endif
