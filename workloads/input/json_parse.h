/* One JSON document in memory: text becomes values. Documents of files are read with json.h. */
#ifndef TW_WORKLOADS_JSON_PARSE_H
#define TW_WORKLOADS_JSON_PARSE_H

#include "workloads/input/json.h"

typedef struct tw_json_parser {
  GPtrArray *chunks; /* memory of values, which documents use again; what is larger goes with its document */
  guint chunk;       /* in use */
  gsize used;
  GPtrArray *large;
  GArray *ids; /* guint64: of the array that is being read, and behind them room for more */

  const char *begin;                /* begin of the text */
  const char *c;                    /* next character to read; in the end, the one behind the document */
  const char *problem, *problem_at; /* the fault and its place; NULL: none */
  int depth;
} tw_json_parser;

void tw_json_parser_init(tw_json_parser *parser);
void tw_json_parser_clear(tw_json_parser *parser);
/* The first document of a text, valid until the next one is parsed; NULL with `problem` set. */
const tw_json *tw_json_parse(tw_json_parser *parser, const char *text);

#endif
