/* Logs of one's own: tables or JSON lines whose columns have any names. */
#ifndef TW_WORKLOADS_LOG_H
#define TW_WORKLOADS_LOG_H

#include "workloads/formats/instant.h"

/* The roles that a column of a log may have. */
#define TW_LOG_ROLES(X)                                                                                      \
  X(ARRIVAL, "arrival")                                                                                      \
  X(DATE, "date") /* of an arrival that is a time of day */                                                  \
  X(PROMPT, "prompt")                                                                                        \
  X(CACHE_READ, "cache-read")   /* prompt tokens beside those of `prompt` */                                 \
  X(CACHE_WRITE, "cache-write") /* Prompt tokens written to the cache. */                                    \
  X(OUTPUT, "output")           /* reasoning included */                                                     \
  X(ANSWER, "answer")           /* without it */                                                             \
  X(TOTAL, "total")             /* prompt and output: in place of the output, or to compare with */          \
  X(REASONING, "reasoning")                                                                                  \
  X(SESSION, "session")                                                                                      \
  X(CLASS, "class")                                                                                          \
  X(PRIORITY, "priority")                                                                                    \
  X(STATE, "state")                                                                                          \
  X(REQUEST, "request") /* its name: rows that share one may be parts of an answer */

typedef enum {
#define X(role, name) TW_LOG_##role,
  TW_LOG_ROLES(X)
#undef X
      TW_LOG_N_ROLES
} tw_log_role;
extern const char *const tw_log_role_names[];

/* Columns beside those of the roles, which a map does not name. */
enum {
  TW_LOG_CACHED =
      TW_LOG_N_ROLES,  /* prompt tokens that a cache held: a part of the prompt unless they are more */
  TW_LOG_PROMPT_PARTS, /* disjoint parts, which belong to the prompt beside its own column, */
  TW_LOG_OUTPUT_PARTS = TW_LOG_PROMPT_PARTS + 12, /* and to the output, or the answer */
  TW_LOG_N_COLUMNS = TW_LOG_OUTPUT_PARTS + 12
};

/* The column of each; NULL: none. Borrowed from the names. */
typedef struct tw_log_columns {
  const char *of[TW_LOG_N_COLUMNS];
} tw_log_columns;

/* Guesses by the names ("usage.prompt_tokens" is the prompt's, "Input tokens (count)" too), after what `map` says:
 * "prompt=in,answer=out". FALSE with `error` (TW_INPUT_ERROR_USAGE) where the map names what is not there.
 * What was not found stays NULL. */
gboolean tw_log_guess(const char *const *names, const char *map, tw_log_columns *columns, GError **error);
/* Whether one of output, answer and total is there. */
gboolean tw_log_tells_output(const tw_log_columns *columns);
/* Whether arrival, prompt and one of these are there. */
gboolean tw_log_is_whole(const tw_log_columns *columns);

/* Adds the keys of a JSON object that are not there yet, those of objects within behind a dot. The texts are owned by
 * the array if it has a function to free them. */
void tw_log_add_paths(GPtrArray *paths, const tw_json *object);

/* What to do where columns are missing, as one sentence: "which column holds the arrival? say it with ...". It also says
 * where a table, parted by `delimiter`, has no line of names, and where requests lie in a list or a text within the
 * document (NULL: a table). The caller frees it. */
char *tw_log_hint(const char *const *names, const tw_log_columns *columns, const tw_json *document,
                  char delimiter);

/* The name of a column or field as it may stand in a command that people copy: "NAME" in its place where it holds what a
 * shell might take for something else. */
const char *tw_log_in_command(const char *name);

/* The column by which rows are sums over many requests ("num_requests", "sum(rate(...))"); NULL: there is none. */
const char *tw_log_many(const char *const *names);

/* What to do with lines of which a JSON object is the end; NULL: this one is not such. The caller frees it. */
char *tw_log_line_hint(const char *line);

/* "1234", "1234.0", "1,234", "1 234" and, where commas do not part columns, "1234,0"; where semicolons do, as in countries
 * with decimal commas, "1.234". FALSE: no whole number from 0 to TW_REQUEST_MAX_TOKENS. */
gboolean tw_log_tokens_parse(const char *text, char delimiter, gint32 *tokens);

/* How arrivals are written: tw_log_time_names, of which 0 is to be guessed from the first. */
typedef enum {
  TW_LOG_GUESS,
  TW_LOG_ISO,
  TW_LOG_EPOCH,
  TW_LOG_EPOCH_MS,
  TW_LOG_EPOCH_US,
  TW_LOG_EPOCH_NS,
  TW_LOG_EXCEL,   /* days since 30 December 1899 */
  TW_LOG_SECONDS, /* since any instant */
  TW_LOG_DMY,     /* 31/12/2026 */
  TW_LOG_MDY      /* 12/31/2026 */
} tw_log_time;
extern const char *const tw_log_time_names[];
/* By a time and the name of its column ("ts_ms"). TW_LOG_GUESS: it is none, or its day and month are not told apart,
 * which `unclear` says. */
tw_log_time tw_log_time_guess(const char *text, const char *column, gboolean *unclear);
/* What to write in place of a text that is no time. */
const char *tw_log_time_needed(const char *text);
gboolean tw_log_time_parse(const char *text, tw_log_time time, char delimiter, tw_instant *instant);

#endif
