#include "workloads/traces/profile.h"

#include <math.h>

const char *const tw_tokens_names[TW_TOKENS_KINDS + 1] = {"prompt", "reasoning", "answer", "output", NULL};

enum { MINUTE_S = 60 };

typedef struct class_count {
  const char *name; /* interned */
  guint64 requests;
} class_count;

struct tw_profile {
  guint64 requests;
  double first_s, last_s;
  double gap_mean_s, gap_squares; /* Welford's running mean and sum of squared deviations */
  gint64 first_minute;
  GArray *minutes;      /* guint32: requests, from first_minute on */
  GHashTable *sessions; /* requests by name, owned */
  GArray *classes;      /* of class_count */
  guint64 session_requests, most_turns, reasoning_requests;
  GHashTable *blocks; /* set of hash ids, owned */
  guint64 hashed_requests, sharing_requests, shared_prompt_tokens;
  GArray *counts[TW_TOKENS_KINDS]; /* guint64: how many requests have so many tokens, by index */
};

tw_profile *tw_profile_new(void)
{
  tw_profile *profile = g_new0(tw_profile, 1);
  profile->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  profile->minutes = g_array_new(FALSE, TRUE, sizeof(guint32));
  profile->classes = g_array_new(FALSE, FALSE, sizeof(class_count));
  profile->blocks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  for (int i = 0; i < TW_TOKENS_KINDS; i++)
    profile->counts[i] = g_array_new(FALSE, TRUE, sizeof(guint64));
  return profile;
}

void tw_profile_free(tw_profile *profile)
{
  if (profile == NULL)
    return;
  g_array_unref(profile->minutes);
  g_array_unref(profile->classes);
  g_hash_table_destroy(profile->sessions);
  g_hash_table_destroy(profile->blocks);
  for (int i = 0; i < TW_TOKENS_KINDS; i++)
    g_array_free(profile->counts[i], TRUE);
  g_free(profile);
}

static void count_tokens(GArray *counts, gint32 tokens)
{
  if ((guint)tokens >= counts->len)
    g_array_set_size(counts, (guint)tokens + 1);
  g_array_index(counts, guint64, tokens)++;
}

static void add_arrival(tw_profile *profile, double arrival_s)
{
  if (profile->requests == 0) {
    profile->first_s = arrival_s;
  } else {
    double gap_s = arrival_s - profile->last_s, off = gap_s - profile->gap_mean_s;
    profile->gap_mean_s += off / (double)profile->requests;
    profile->gap_squares += off * (gap_s - profile->gap_mean_s);
  }
  profile->last_s = arrival_s;
  gint64 minute = (gint64)floor(arrival_s / MINUTE_S);
  if (profile->requests == 0)
    profile->first_minute = minute;
  guint at = (guint)(minute - profile->first_minute);
  if (at >= profile->minutes->len)
    g_array_set_size(profile->minutes, at + 1);
  g_array_index(profile->minutes, guint32, at)++;
}

static void add_session(tw_profile *profile, const char *session)
{
  if (session == NULL)
    return;
  guint turns = GPOINTER_TO_UINT(g_hash_table_lookup(profile->sessions, session)) + 1;
  g_hash_table_replace(profile->sessions, g_strdup(session), GUINT_TO_POINTER(turns));
  profile->session_requests++;
  profile->most_turns = MAX(profile->most_turns, turns);
}

static void add_class(tw_profile *profile, const char *name)
{
  GArray *classes = profile->classes;
  for (guint i = 0; i < classes->len; i++) {
    class_count *class = &g_array_index(classes, class_count, i);
    if (class->name == name) {
      class->requests++;
      return;
    }
  }
  class_count class = {name, 1};
  g_array_append_val(classes, class);
}

static void add_blocks(tw_profile *profile, const tw_request *request)
{
  if (request->n_hashes == 0)
    return;
  profile->hashed_requests++;
  gint32 leading = 0;
  while (leading < request->n_hashes && g_hash_table_contains(profile->blocks, &request->hashes[leading]))
    leading++;
  profile->sharing_requests += leading > 0;
  gint64 shared = (gint64)leading * request->hash_tokens;
  profile->shared_prompt_tokens += (guint64)MIN(shared, request->prompt_tokens);
  for (gint32 i = leading; i < request->n_hashes; i++)
    g_hash_table_add(profile->blocks, g_memdup2(&request->hashes[i], sizeof(guint64)));
}

void tw_profile_add(tw_profile *profile, const tw_request *request)
{
  add_arrival(profile, request->arrival_s);
  profile->requests++;
  profile->reasoning_requests += request->reasoning_tokens > 0;
  add_session(profile, request->session);
  add_class(profile, request->class);
  add_blocks(profile, request);
  count_tokens(profile->counts[TW_TOKENS_PROMPT], request->prompt_tokens);
  count_tokens(profile->counts[TW_TOKENS_REASONING], request->reasoning_tokens);
  count_tokens(profile->counts[TW_TOKENS_ANSWER], request->answer_tokens);
  count_tokens(profile->counts[TW_TOKENS_OUTPUT], tw_request_output_tokens(request));
}

static void read_tokens(const GArray *counts, guint64 requests, tw_tokens_facts *facts)
{
  const struct {
    double share;
    gint32 *value;
  } ranks[] = {{0.5, &facts->p50}, {0.9, &facts->p90}, {0.99, &facts->p99}, {1, &facts->max}};
  guint next = 0;
  guint64 seen = 0;
  facts->sum = 0;
  for (guint tokens = 0; tokens < counts->len; tokens++) {
    guint64 here = g_array_index(counts, guint64, tokens);
    seen += here;
    facts->sum += here * tokens;
    while (next < G_N_ELEMENTS(ranks) && (double)seen >= ranks[next].share * (double)requests)
      *ranks[next++].value = (gint32)tokens;
  }
  facts->mean = (double)facts->sum / (double)requests;
}

/* Of the minutes between the first and the last, which may not be whole. */
static double dispersion(const tw_profile *profile)
{
  const GArray *minutes = profile->minutes;
  double sum = 0, squares = 0, n = (double)minutes->len - 2;
  if (n < 2)
    return NAN;
  for (guint i = 1; i + 1 < minutes->len; i++) {
    double requests = g_array_index(minutes, guint32, i);
    sum += requests;
    squares += requests * requests;
  }
  double mean = sum / n;
  return mean > 0 ? (squares / n - mean * mean) / mean : NAN;
}

static guint busiest_minute(const tw_profile *profile)
{
  guint busiest = 0;
  for (guint i = 1; i < profile->minutes->len; i++)
    if (g_array_index(profile->minutes, guint32, i) > g_array_index(profile->minutes, guint32, busiest))
      busiest = i;
  return busiest;
}

void tw_profile_read(const tw_profile *profile, tw_profile_facts *facts)
{
  g_assert(profile->requests > 0);
  double gaps = (double)(profile->requests - 1), span_s = profile->last_s - profile->first_s;
  guint busiest = busiest_minute(profile);
  *facts = (tw_profile_facts){
      .requests = profile->requests,
      .first_s = profile->first_s,
      .last_s = profile->last_s,
      .rate_per_s = span_s > 0 ? gaps / span_s : NAN,
      .peak_requests = g_array_index(profile->minutes, guint32, busiest),
      .peak_start_s = (double)((profile->first_minute + busiest) * MINUTE_S),
      .dispersion = dispersion(profile),
      .reasoning_requests = profile->reasoning_requests,
      .session_requests = profile->session_requests,
      .most_turns = profile->most_turns,
      .gap_cv = span_s > 0 ? sqrt(profile->gap_squares / gaps) / profile->gap_mean_s : NAN,
      .sessions = g_hash_table_size(profile->sessions),
      .hashed_requests = profile->hashed_requests,
      .sharing_requests = profile->sharing_requests,
      .shared_prompt_tokens = profile->shared_prompt_tokens,
  };
  for (int i = 0; i < TW_TOKENS_KINDS; i++)
    read_tokens(profile->counts[i], profile->requests, &facts->tokens[i]);
}

const guint32 *tw_profile_minutes(const tw_profile *profile, guint *n, double *start_s)
{
  *n = profile->minutes->len;
  *start_s = (double)(profile->first_minute * MINUTE_S);
  return (const guint32 *)(void *)profile->minutes->data;
}

guint tw_profile_classes(const tw_profile *profile)
{
  return profile->classes->len;
}

const char *tw_profile_class(const tw_profile *profile, guint i, guint64 *requests)
{
  const class_count *class = &g_array_index(profile->classes, class_count, i);
  *requests = class->requests;
  return class->name;
}
