/* A class: traffic of one kind, and the stream that it becomes. <class> within a generator describes it,
 * or one of the short spellings <poisson>, <closed-loop>, <sessions> and <rollouts>, which give it no name. */
#ifndef TW_WORKLOADS_CLASS_H
#define TW_WORKLOADS_CLASS_H

#include "workloads/stream/generator.h"
#include "workloads/stream/servegen.h"
#include "workloads/stream/sessions.h"

typedef enum {
  TW_CLASS_OPEN,
  TW_CLASS_CLOSED,
  TW_CLASS_SESSIONS,
  TW_CLASS_SERVEGEN,
  TW_CLASS_ROLLOUTS
} tw_class_kind;

typedef struct tw_class {
  tw_class_kind kind;
  /* Attributes of <class> and of its children; what is not there has its default. */
  char *name, *source; /* a class without a name is all that there is */
  double duration_s;   /* nothing arrives, and no session begins, at or after it; NAN: no limit */
  gint64 priority, limit, hash_tokens, system_tokens;
  gboolean keeps_reasoning;
  int law;
  double rate_per_s, cv;
  double burst_factor, burst_s, calm_s, swing, peak_s;
  char *rates_file;
  gboolean rates_repeat;
  gint64 clients;
  double skew, length_sigma, cv_sigma;
  gint64 concurrency, sent, warmup;
  double think_s, ramp_s, pace_s, jitter_s;
  char *servegen_arrivals, *servegen_lengths;
  double ttft_s, tpot_s, itl_s, e2e_s;
  /* The files that the arrivals name, read. */
  tw_stairs *rates;
  tw_servegen *servegen;
  tw_length lengths[3];
  gint64 prompts, samples; /* rollouts: prompts of a step, and sessions of each prompt */
  tw_turn *turns;
  int n_turns;
} tw_class;

/* A class of which nothing is said: one client, no limits. */
#define TW_CLASS_NONE                                                                                        \
  ((tw_class){.limit = G_MININT64,                                                                           \
              .duration_s = NAN,                                                                             \
              .clients = 1,                                                                                  \
              .ttft_s = NAN,                                                                                 \
              .tpot_s = NAN,                                                                                 \
              .itl_s = NAN,                                                                                  \
              .e2e_s = NAN})

/* The element <class>. */
extern const tw_element tw_class_element;
/* Reads <class> or one of the short spellings, which the schema has checked, and tells where it cannot be
 * drawn. Adds the paths of the files that it names to `files`. tw_class_clear frees what the class holds. */
void tw_class_read(tw_class *c, const xmlNode *node, GPtrArray *files, tw_faults *faults);
void tw_class_clear(tw_class *c);

/* Whether what the class asks for can be drawn: TW_INPUT_ERROR_USAGE says what is out of range. */
gboolean tw_class_check(const tw_class *c, GError **error);
/* Whether it ends by itself: by a number, a duration, or clients that send so many in all. */
gboolean tw_class_ends(const tw_class *c);

/* The requests of a class that has passed tw_class_check, of which none arrives, and no session begins, at or
 * after end_s; INFINITY: no limit. */
tw_stream *tw_class_stream(const tw_class *c, const tw_generator_use *use, double end_s);

/* A limit as attributes give it, G_MININT64 where it is absent: then the most that is possible. */
gint64 tw_limit_or_most(gint64 limit);

#endif
