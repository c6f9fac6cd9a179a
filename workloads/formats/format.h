/* Formats of trace files: what a row of the table of formats must do, and what all of them share.
 *
 *     file ─► lines ─► csv row or JSON document ─► format ─► rows, arrival_s in the trace's own time
 *
 * Order, ids, windows, scaling and repetition are the business of workloads/traces/replay.h. A new format is
 * a file here and its name in TW_TRACE_FORMATS. */
#ifndef TW_WORKLOADS_FORMAT_H
#define TW_WORKLOADS_FORMAT_H

#include "workloads/formats/row.h"
#include "workloads/input/csv.h"
#include "workloads/input/json.h"
#include "workloads/stream/stream.h"

/* One pass over a file. */
typedef struct tw_trace_source {
  const tw_trace_format *format;
  tw_input *input;                 /* borrowed */
  const tw_trace_reading *reading; /* borrowed */
  tw_csv *csv;                     /* reader of a format of tables, */
  tw_json_reader *json;            /* or of one of JSON documents */
  GQueue rows;                     /* tw_trace_row: of the document that was read last */
  guint64 documents;               /* read so far */
  GHashTable *classes;             /* set of the interned names met so far */
  GPtrArray *notes;                /* sentences that the user should know, each once */
  gboolean has_origin;             /* the first instant of a clock that was asked for, */
  gint64 origin_s, origin_ns;      /* the instant from which times count */
  gboolean sorts; /* rows need not be in the order of arrival: as the format says, or its start */
  gpointer own;   /* state of the format */
} tw_trace_source;

struct tw_trace_format {
  const char *name;
  const char *help; /* one line */
  /* The marks by which a first row or document is told to be of this format: keys or columns that must be
   * there, "a|b" for either, "!a" for one that must not. Ends with NULL. */
  const char *const *fields;
  gint32
      block_tokens; /* prompt tokens of one hash id, unless the reading says otherwise; 0: the file says it */
  gboolean sorts;   /* rows need not be in the order of arrival */
  gboolean skips;   /* rows of failed requests belong to the format and are left out */
  gboolean clock;   /* times are of a clock: they count from the earliest request */
  gboolean links;   /* rows say what they wait for, or pieces */
  gboolean by_session;  /* the rows of a session lie together, and its times count from its start */
  const char *no_trace; /* why files of this format cannot be replayed, and what can; NULL: they can */

  gboolean (*start)(tw_trace_source *source, GError **error); /* sets up `own`; NULL: there is none */
  void (*stop)(tw_trace_source *source);
  const tw_csv_column *columns; /* the columns of a format of tables; NULL: JSON */
  /* Fills in a row from the current row of the table. FALSE with `error` set and nothing left to free. */
  gboolean (*read)(tw_trace_source *source, tw_trace_row *row, GError **error);
  /* Adds the rows of a document with tw_trace_source_add; what it added stays the source's where it fails. */
  gboolean (*expand)(tw_trace_source *source, const tw_json *document, GError **error);

  const char *header; /* first line of a file that is written; "" if there is none; NULL: cannot be written */
  const char *header_linked; /* first line for traces that say who waits for whom; NULL: written without */
  /* Appends a row as a line, without its end. Returns the parts (tw_trace_part) that the line holds. */
  guint (*write)(GString *line, const tw_trace_row *row, gboolean linked);
};

/* The parts of a request that not every format can hold. */
#define TW_TRACE_PARTS(X)                                                                                    \
  X(REASONING, "reasoning, apart from the answer")                                                           \
  X(SESSION, "session or client")                                                                            \
  X(PRIORITY, "priority")                                                                                    \
  X(HASHES, "hash ids")                                                                                      \
  X(CLASS, "class")                                                                                          \
  X(WAITS, "what it waits for")                                                                              \
  X(EMPTY, "an output of 0 tokens")

enum {
#define X(part, name) TW_TRACE_BIT_##part,
  TW_TRACE_PARTS(X)
#undef X
};
typedef enum {
#define X(part, name) TW_TRACE_##part = 1 << TW_TRACE_BIT_##part,
  TW_TRACE_PARTS(X)
#undef X
} tw_trace_part;
#define TW_TRACE_ALL G_MAXUINT

/* Every format and its name, in the order in which they are listed. */
#define TW_TRACE_FORMATS(X)                                                                                  \
  X(native, "tokenworks")                                                                                    \
  X(azure, "azure")                                                                                          \
  X(mooncake, "mooncake")                                                                                    \
  X(servegen, "servegen")                                                                                    \
  X(bailian, "bailian")                                                                                      \
  X(burstgpt, "burstgpt")                                                                                    \
  X(ragpulse, "ragpulse")                                                                                    \
  X(weka, "weka")                                                                                            \
  X(copilot, "copilot")                                                                                      \
  X(tracelab, "tracelab")                                                                                    \
  X(dynamo, "dynamo")                                                                                        \
  X(agentic_mooncake, "agentic-mooncake")                                                                    \
  X(aiperf, "aiperf")                                                                                        \
  X(vllm_bench, "vllm-bench")                                                                                \
  X(sglang_bench, "sglang-bench")                                                                            \
  X(inference_perf, "inference-perf")                                                                        \
  X(vidur, "vidur")                                                                                          \
  X(splitwise, "splitwise-sim")                                                                              \
  X(llmservingsim, "llmservingsim")                                                                          \
  X(llmservingsim_results, "llmservingsim-results")                                                          \
  X(otel, "otel")                                                                                            \
  X(log, "log")

#define X(format, name) extern const tw_trace_format tw_trace_##format;
TW_TRACE_FORMATS(X)
#undef X

/* ---- Reading ---- */

/* Begins a pass at the current place of `input`. NULL with `error` set. */
tw_trace_source *tw_trace_source_open(const tw_trace_format *format, tw_input *input,
                                      const tw_trace_reading *reading, GPtrArray *notes, GError **error);
/* The next row, which the caller clears. FALSE at the end, or with `error` set; after TW_INPUT_ERROR_VALUE
 * reading may go on with the row behind the bad one. */
gboolean tw_trace_source_next(tw_trace_source *source, tw_trace_row *row, GError **error);
void tw_trace_source_close(tw_trace_source *source);

/* The one format whose fields the first row holds; rewinds. NULL with `error` set where there is none, or
 * more than one. */
const tw_trace_format *tw_trace_detect(tw_input *input, GError **error);

/* ---- For formats ---- */

/* A new empty row of the current document. */
tw_trace_row *tw_trace_source_add(tw_trace_source *source);
/* Prompt tokens that one hash id stands for. */
gint32 tw_trace_block_tokens(const tw_trace_source *source);
/* Seconds of a unit of its times: those of the format, unless the reading says otherwise. */
double tw_trace_unit_s(const tw_trace_source *source, double of_format_s);
/* Tells the user something once. */
void tw_trace_note(tw_trace_source *source, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The latest time in a trace: 31 years; more is a time of day in disguise. */
#define TW_TRACE_MAX_S 1e9

/* Fields of a table's row as numbers. Each sets its value, or reports at the line, under the name of the
 * column, what is out of range. A blank field of tokens takes `fallback`, unless that is negative: then it is
 * a fault too.
 */
gboolean tw_trace_tokens(const tw_csv *csv, int column, gint32 min, gint32 fallback, gint32 *tokens,
                         GError **error);
gboolean tw_trace_seconds(const tw_csv *csv, int column, double *seconds, GError **error);

/* Reads a number of tokens from JSON. `path` may name several keys, "a|b", of which the first that is there and not
 * null counts; the last is what a message names. Numbers may be texts. */
gboolean tw_trace_json_tokens(tw_trace_source *source, const tw_json *object, const char *path, gint32 min,
                              gint32 fallback, gint32 *tokens, GError **error);
/* Seconds, where the field counts in units of `unit_s`; blank ones take `fallback_s` unless that is NAN. */
gboolean tw_trace_json_seconds(tw_trace_source *source, const tw_json *object, const char *path,
                               double unit_s, double fallback_s, double *seconds, GError **error);
const tw_json *tw_trace_json_find(const tw_json *object, const char *path);
gboolean tw_trace_json_missing(const tw_trace_source *source, const tw_json *object, const char *path,
                               GError **error);

/* Takes a list of hash ids for the row's prompt; NULL or null: it has none. `block_tokens` of each. */
gboolean tw_trace_json_hashes(tw_trace_source *source, const tw_json *ids, gint32 block_tokens,
                              tw_trace_row *row, GError **error);
/* Makes the ids of one play differ from those of every other. */
void tw_trace_own_hashes(tw_request *request, guint64 play);
/* A key of 64 bits for a text (FNV-1a, mixed). */
guint64 tw_trace_text_key(const char *text);

/* Interns a class (NULL or "": none). FALSE with `error` set where there are too many. */
gboolean tw_trace_class(tw_trace_source *source, const char *text, const char **class, GError **error);

/* ---- For writers ---- */

/* The shortest decimal that reads back as the same number; a field of CSV, quoted where it must be, nothing
 * for NULL; and how many hash ids are those of the prompt: traces do not name blocks of outputs. */
void tw_trace_append_number(GString *line, double value);
void tw_trace_append_text(GString *line, const char *text);
gint32 tw_trace_prompt_hashes(const tw_request *request);

#endif
