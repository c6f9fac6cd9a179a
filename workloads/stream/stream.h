/* A stream of requests in the order of their arrival: a trace that is read as it is replayed, a generator, or
 * clients that wait for answers.
 *
 * Clients that wait are told how their requests end, and ask again in response. Such a stream may have no
 * request at present and some later: it is over when it has none and every request it gave has ended.
 *
 * Memory does not grow with the length of the trace. A trace is checked as it is read: the first bad line
 * ends the stream with an error that names it. The SHA-256 of the file is taken on the way. */
#ifndef TW_WORKLOADS_STREAM_H
#define TW_WORKLOADS_STREAM_H

#include "workloads/draw/arrival.h"
#include "workloads/draw/length.h"
#include "workloads/request.h"

#include <math.h>

typedef struct tw_stream tw_stream;

/* How the columns and fields of a trace are read, where its format leaves a choice. */
typedef struct tw_trace_reading {
  gint64 block_tokens; /* prompt tokens of one hash id; 0: as the format or the file has it */
  int time_unit;       /* unit of its times: tw_trace_unit_names */
  int delta_context;   /* with sessions, prompts are what a turn adds: tw_trace_context_names */
  int nested_times;    /* times of sub-agents: tw_trace_nested_names */
  const char *map;     /* columns of a log: "prompt=in,answer=out"; NULL: guessed. Borrowed */
  int log_time;        /* how times of a log are written: tw_log_time_names */
  char delimiter;      /* separator of a log's columns; 0: guessed */
} tw_trace_reading;
extern const char *const tw_trace_context_names[]; /* "whole", "delta" */
extern const char *const tw_trace_nested_names[];  /* "auto", "relative", "absolute" */
extern const char *const tw_trace_unit_names[];    /* "format", "s", "ms", "us", "ns" */
extern const double tw_trace_units_s[];

/* The treatment of rows that are out of order, and of those that are broken or of requests that failed. */
typedef enum { TW_ROWS_FORMAT, TW_ROWS_REFUSE, TW_ROWS_SORT, TW_ROWS_SKIP } tw_rows_policy;
extern const char *const tw_rows_order_names[];  /* "format", "refuse", "sort", "skip" */
extern const char *const tw_rows_broken_names[]; /* "format", "refuse", "skip" */

/* Requests that may share prefixes: all; or those of one class, or of one session, whose prompts begin with a salt of their
 * own (cache_salt of vLLM's requests) or are cut by a tokenizer of their own. */
typedef enum { TW_SALT_NONE, TW_SALT_CLASS, TW_SALT_SESSION } tw_trace_salt;
extern const char *const tw_trace_salt_names[];

/* When requests of sessions arrive: as recorded; the first ones of a session as recorded, the others when
 * what they wait for has ended; or so too, but some sessions at a time, each of which begins when another
 * ends. */
typedef enum { TW_REPLAY_RECORDED, TW_REPLAY_SESSIONS, TW_REPLAY_LANES } tw_replay_mode;
extern const char *const tw_replay_mode_names[];

/* The part of a trace that is replayed, and how fast. Start and duration are in the trace's own time: what
 * its column says, or, where that is a time of day, since its first request. The arrivals of the run are
 * (t - start) / rate_scale. Repetitions follow each other at the distance `duration` if given, else at the
 * span of the trace plus one mean gap between arrivals; their prompts are new ones, which share no prefix
 * with those of other repetitions. */
typedef struct tw_trace_options {
  double rate_scale; /* > 0; 2 replays twice as fast */
  double start_s;    /* requests before it are left out */
  double duration_s; /* requests at or after start + duration are left out; INFINITY: all */
  gint64 limit;      /* most requests in all; G_MAXINT64: all */
  gint64 repeat;     /* >= 1 */
  /* Lengths are multiplied and rounded, to at least one token where there was one. The tokens that a hash id
   * stands for grow with the prompts, so that the same share of them is reused. */
  double prompt_scale, output_scale; /* > 0 */
  gint64 reasoning_budget;           /* >= 0: longer reasoning is cut, after the scale; G_MAXINT64: none is */
  tw_trace_reading reading;
  int order;         /* tw_rows_order_names */
  int broken;        /* tw_rows_broken_names */
  int mode;          /* tw_replay_mode */
  gint64 lanes;      /* >= 1: sessions at a time in the mode of lanes */
  double most_gap_s; /* longer waits of closed-loop modes are cut to it; INFINITY: none is */
  int salt;          /* tw_trace_salt */
  /* Sessions of the closed-loop modes that begin first, and that statistics leave out. */
  gint64 warmup_sessions;
  /* Mode of records alone: each request so many times, by as many users, each later by less than the spread. */
  gint64 copies;   /* >= 1 */
  double spread_s; /* >= 0 */
  guint64 seed;    /* of what is drawn below the spread */
} tw_trace_options;
#define TW_TRACE_OPTIONS_DEFAULT                                                                             \
  {                                                                                                          \
    1, 0, INFINITY, G_MAXINT64, 1, 1, 1, G_MAXINT64, {0}, 0, 0, 0, 1, INFINITY, 0, 0, 1, 0, 0                \
  }

/* One format of trace files. */
typedef struct tw_trace_format tw_trace_format;
/* NULL-terminated names of the formats. */
extern const char *const tw_trace_format_names[];
const tw_trace_format *tw_trace_format_find(const char *name);
/* Guesses the format from the first line of a (gzip) file; NULL if it is none of ours. */
const tw_trace_format *tw_trace_format_detect(const char *path);
const char *tw_trace_format_name(const tw_trace_format *format);
const char *tw_trace_format_help(const tw_trace_format *format);

/* The counts of a trace's rows, by what became of them. */
typedef struct tw_trace_tally {
  guint64 rows;         /* rows of requests in the part that was read */
  guint64 moved;        /* rows that arrive before the row above them: sorted, or left out */
  guint64 zero_outputs; /* rows without output; a run lets them end with their first token */
  guint64 skipped;      /* rows that were left out */
  GPtrArray *reasons;   /* texts: "12 rows: failed (0 response tokens)" */
  GPtrArray *notes;     /* texts: what else the user should know */
} tw_trace_tally;
/* NULL for what reads no trace; complete when the stream has ended. Borrowed. */
const tw_trace_tally *tw_stream_tally(const tw_stream *stream);

/* Opens a trace, plain or gzip (any number of members); a NULL format is guessed from its first line. NULL
 * with TW_INPUT_ERROR where it cannot be opened, an option is out of range, or its header lacks a column. A
 * trace without a request to replay is an error of the first tw_stream_next. */
tw_stream *tw_stream_open(const char *path, const tw_trace_format *format, const tw_trace_options *options,
                          GError **error);

/* Closed loop: `clients` clients, each of which sends a request, waits for its end, thinks, and sends the
 * next, as benchmark tools drive a server at fixed concurrency. All at once (MLPerf's offline scenario) is as
 * many clients as requests. */
typedef struct tw_closed_options {
  gint64 clients;
  gint64 limit;      /* requests in all */
  double duration_s; /* none is sent at or after it; INFINITY: no limit */
  double think_s;    /* time from the end of a request to the client's next one */
  double ramp_s;     /* the clients start evenly over this time */
  double pace_s;     /* least time between two requests of any: a client program sends one after the other */
  double jitter_s;   /* each request waits up to this much longer, drawn evenly: clients fall out of step */
  gint64 warmup;     /* requests sent first that statistics leave out */
  tw_length prompt, reasoning, answer;
  guint64 seed;
} tw_closed_options;
gboolean tw_closed_check(const tw_closed_options *options, GError **error);
/* `options` must have passed tw_closed_check. */
tw_stream *tw_stream_closed(const tw_closed_options *options);

/* A stream without any request. */
tw_stream *tw_stream_none(void);

/* Whether the stream has no request, and as far as it knows none will come: clients that wait for answers may
 * still ask again. */
gboolean tw_stream_over(const tw_stream *stream);
/* When the next request arrives, INFINITY if there is none (yet). FALSE with `error` set where the stream is
 * broken. May read ahead. */
gboolean tw_stream_due(tw_stream *stream, double *arrival_s, GError **error);

/* Tells that a request of this stream has ended, completed or in another way. Afterwards tw_stream_due may be
 * earlier than before, but not before `now_s`. */
void tw_stream_told(tw_stream *stream, const tw_request *request, gboolean completed, double now_s);

/* Whether its clients wait: they must be told how their requests end, or the stream stops. */
gboolean tw_stream_waits(const tw_stream *stream);

/* The next request: TRUE with `request` filled in (the caller then owns it and calls tw_request_clear), FALSE
 * at the end or while there is none, or FALSE with `error` set. Arrivals never decrease; ids count from 0. */
gboolean tw_stream_next(tw_stream *stream, tw_request *request, GError **error);

/* Share of the input that was read, 0 to 1, by compressed bytes (all repetitions together), or by requests or
 * time for a generator. */
double tw_stream_progress(const tw_stream *stream);
/* The hexadecimal SHA-256 of the file, once the stream has ended (early, too: the rest is then read for it
 * alone), or NULL. Borrowed. */
const char *tw_stream_sha256(const tw_stream *stream);
const char *tw_stream_path(const tw_stream *stream); /* NULL for a generator. Borrowed */

void tw_stream_free(tw_stream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_stream, tw_stream_free)

/* Writes a trace in a format (NULL: the native one), gzip at level 6 if `path` ends in ".gz", to standard
 * output if it is "-": header first, then one line a request. A file appears under its name when it is closed
 * and whole; what is no regular file is written as it is. */
typedef struct tw_trace_writer tw_trace_writer;
tw_trace_writer *tw_trace_writer_open(const char *path, const tw_trace_format *format, GError **error);
gboolean tw_trace_writer_add(tw_trace_writer *writer, const tw_request *request, GError **error);
/* A sentence that tells what the requests so far had and the format cannot say, with their number. The caller
 * frees it; NULL: nothing was lost. */
char *tw_trace_writer_lost(const tw_trace_writer *writer);
/* Closes and frees; FALSE if what was written did not reach the disk: then there is no file. */
gboolean tw_trace_writer_close(tw_trace_writer *writer, GError **error);
/* Frees, and leaves the place as if nothing had been written. */
void tw_trace_writer_discard(tw_trace_writer *writer);

#endif
