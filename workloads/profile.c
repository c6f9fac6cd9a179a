#include "workloads/profile.h"

#include <math.h>

const char *const tw_tokens_names[TW_TOKENS_KINDS + 1] = {"prompt", "reasoning", "answer", "output", NULL};

enum { MINUTE_S = 60 };

struct tw_profile {
  guint64 requests;
  double first_s, last_s;
  double gap_mean_s, gap_squares; /* Welford's running mean and sum of squared deviations */
  gint64 minute;
  guint64 in_minute, peak_requests;
  gint64 peak_minute;
  GHashTable *sessions; /* set of names, owned */
  GHashTable *blocks;   /* set of hash ids, owned */
  guint64 hashed_requests, sharing_requests, shared_prompt_tokens;
  GArray *counts[TW_TOKENS_KINDS]; /* guint64: how many requests have so many tokens, by index */
};

tw_profile *tw_profile_new(void)
{
  tw_profile *profile = g_new0(tw_profile, 1);
  profile->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  profile->blocks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  for (int i = 0; i < TW_TOKENS_KINDS; i++)
    profile->counts[i] = g_array_new(FALSE, TRUE, sizeof(guint64));
  return profile;
}

void tw_profile_free(tw_profile *profile)
{
  if (profile == NULL)
    return;
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
  profile->in_minute = minute == profile->minute ? profile->in_minute + 1 : 1;
  profile->minute = minute;
  if (profile->in_minute > profile->peak_requests) {
    profile->peak_requests = profile->in_minute;
    profile->peak_minute = minute;
  }
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
  if (request->session != NULL && !g_hash_table_contains(profile->sessions, request->session))
    g_hash_table_add(profile->sessions, g_strdup(request->session));
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

void tw_profile_read(const tw_profile *profile, tw_profile_facts *facts)
{
  g_assert(profile->requests > 0);
  double gaps = (double)(profile->requests - 1), span_s = profile->last_s - profile->first_s;
  *facts = (tw_profile_facts){
      .requests = profile->requests,
      .first_s = profile->first_s,
      .last_s = profile->last_s,
      .rate_per_s = span_s > 0 ? gaps / span_s : NAN,
      .peak_requests = profile->peak_requests,
      .peak_start_s = (double)(profile->peak_minute * MINUTE_S),
      .gap_cv = span_s > 0 ? sqrt(profile->gap_squares / gaps) / profile->gap_mean_s : NAN,
      .sessions = g_hash_table_size(profile->sessions),
      .hashed_requests = profile->hashed_requests,
      .sharing_requests = profile->sharing_requests,
      .shared_prompt_tokens = profile->shared_prompt_tokens,
  };
  for (int i = 0; i < TW_TOKENS_KINDS; i++)
    read_tokens(profile->counts[i], profile->requests, &facts->tokens[i]);
}
