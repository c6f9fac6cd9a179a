/* Logs of one's own: tables or JSON lines whose columns have any names. */
#ifndef TW_WORKLOADS_LOG_H
#define TW_WORKLOADS_LOG_H

#include "workloads/formats/instant.h"

/* The roles that a column of a log may have. */
#define TW_LOG_ROLES(X)                                                                                      \
  X(ARRIVAL, "arrival")                                                                                      \
  X(PROMPT, "prompt")                                                                                        \
  X(CACHE_READ, "cache-read")   /* prompt tokens beside those of `prompt` */                                 \
  X(CACHE_WRITE, "cache-write") /* Prompt tokens written to the cache. */                                    \
  X(OUTPUT, "output")           /* reasoning included */                                                     \
  X(ANSWER, "answer")           /* without it */                                                             \
  X(REASONING, "reasoning")                                                                                  \
  X(SESSION, "session")                                                                                      \
  X(CLASS, "class")                                                                                          \
  X(PRIORITY, "priority")                                                                                    \
  X(STATE, "state")

typedef enum {
#define X(role, name) TW_LOG_##role,
  TW_LOG_ROLES(X)
#undef X
      TW_LOG_N_ROLES
} tw_log_role;
extern const char *const tw_log_role_names[];

/* The column of each role; NULL: none. Borrowed from the names. */
typedef struct tw_log_columns {
  const char *of[TW_LOG_N_ROLES];
} tw_log_columns;

/* Guesses by the names ("usage.prompt_tokens" is the prompt's), after what `map` says:
 * "prompt=in,answer=out". FALSE with `error` (TW_INPUT_ERROR_USAGE) where the map names what is not there.
 * What was not found stays NULL. */
gboolean tw_log_guess(const char *const *names, const char *map, tw_log_columns *columns, GError **error);
/* Whether arrival, prompt and output or answer are there. */
gboolean tw_log_is_whole(const tw_log_columns *columns);

/* The keys of a JSON object, those of objects within behind a dot. The caller frees it. */
GPtrArray *tw_log_paths(const tw_json *object);

/* How arrivals are written: tw_log_time_names, of which 0 is to be guessed from the first. */
typedef enum {
  TW_LOG_GUESS,
  TW_LOG_ISO,
  TW_LOG_EPOCH,
  TW_LOG_EPOCH_MS,
  TW_LOG_EPOCH_US,
  TW_LOG_EPOCH_NS,
  TW_LOG_EXCEL,  /* days since 30 December 1899 */
  TW_LOG_SECONDS /* since any instant */
} tw_log_time;
extern const char *const tw_log_time_names[];
tw_log_time tw_log_time_guess(const char *text);
gboolean tw_log_time_parse(const char *text, tw_log_time time, char delimiter, tw_instant *instant);

#endif
