/* Parts that the sections of an explanation share; explain.h is for others. */
#ifndef TW_ANALYSIS_SECTIONS_H
#define TW_ANALYSIS_SECTIONS_H

#include "analysis/explain/binding.h"
#include "analysis/explain/explain.h"
#include "analysis/explain/told.h"

/* The share of the requests for which an SLO is asked. */
#define TW_SECTION_TARGET 0.99

typedef struct tw_explained {
  const char *directory;
  const tw_explain_options *options;
  json_t *run, *summary;
  double end_s;        /* End of the run. */
  double from_s, to_s; /* The time that pools and links are judged over: what is asked for, or the load's. */
  gboolean loaded;     /* that is the time up to the last arrival, and not the long drain behind it */
  GArray *pools;       /* Array of tw_engine_sums, of that time. */
  double *headrooms;   /* of each pool, as tw_headroom_read says; NULL: not asked for */
  json_t *json;        /* the answer as JSON */
} tw_explained;

/* A section to which tw_section_say adds lines. Owned by `json`. */
json_t *tw_section_add(tw_explained *explained, const char *title);
void tw_section_say(json_t *section, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A number of an object; NAN where it has none of that name. */
double tw_section_number(const json_t *object, const char *key);

/* Calls `each` for the limits of all requests, without a name, and for those of each class; `prefix` begins the names of
 * their latencies in the summary, NULL where it has none. */
void tw_section_each_limits(const tw_explained *e,
                            void (*each)(void *user, const char *name, const char *prefix,
                                         const json_t *limits),
                            void *user);

/* Classes of time: in words, and as logs name them. */
extern const char *const tw_section_class_names[TW_TIME_CLASS_COUNT],
    *const tw_section_class_words[TW_TIME_CLASS_COUNT];

/* What run.json says of a pool; NULL: nothing. */
const json_t *tw_section_pool(const tw_explained *e, const char *id);

/* The time of a pool's engines, by class, as shares of it, of at least `least`. The caller frees it. */
char *tw_section_classes(const tw_engine_sums *sums, gboolean with_idle, double least);
/* Returns the cause that most of those in the sums waited for: "tokens of an iteration"; NULL: the end of an
 * iteration. */
const char *tw_section_waits(const tw_engine_sums *sums);

/* As tw_told_each, for the requests of the class and the time that are asked for; where no time is, for those that
 * summaries measure: neither of the warm-up nor of the drain. */
gboolean tw_section_each_told(const tw_explained *e, gboolean (*each)(void *user, const tw_told *told),
                              void *user, GError **error);
/* What people call a part of a request's life. */
const char *tw_section_part_name(tw_life_part part);

/* Latencies at their percentiles, or the one that is asked for; FALSE with `error` set. */
gboolean tw_section_latencies(tw_explained *explained, GError **error);
/* Classes beside each other, where there are several, the time of arrival at which requests fared worst, and how the
 * engines of each pool differ. */
gboolean tw_section_groups(tw_explained *explained, GError **error);
/* A single request. */
gboolean tw_section_request(tw_explained *explained, GError **error);
/* Sessions of several requests: how long they waited between these for tools and people. Nothing for a run without. */
gboolean tw_section_sessions(tw_explained *explained, GError **error);
/* Jobs: what their time went to, and failures took. Nothing for a run without. */
gboolean tw_section_jobs(tw_explained *explained, GError **error);
/* Pools: what binds, what they spend time on, headroom. */
void tw_section_pools(tw_explained *explained);
/* Links that were full. */
gboolean tw_section_links(tw_explained *explained, GError **error);
/* The failures that cost most. Nothing for a run in which nothing failed. */
gboolean tw_section_failures(tw_explained *explained, GError **error);
/* Adds a sentence of what failed; none where nothing may fail. */
void tw_failures_sentence(const tw_explained *explained, GString *text);
/* Adds what is served outside its users' region and what no site takes; nothing for a run of one site. */
void tw_sites_sentence(const tw_explained *explained, GString *text);
/* Explains each site of a run of several, and ends the verdict with what binds each; FALSE with `error` set. */
gboolean tw_section_sites(tw_explained *explained, GError **error);
/* KV caches: what prompts found in them, and whether blocks were short. Nothing for a run without prompts. */
void tw_section_caches(tw_explained *explained);
/* Energy and cost. */
void tw_section_costs(tw_explained *explained);
/* Three sentences: what ran, whether it met its SLO and why not, what binds. Uses what the
 * sections of latencies and of jobs found. */
void tw_section_verdict(tw_explained *explained);

#endif
