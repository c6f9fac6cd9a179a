#include "workloads/traces/profile.h"

#include "workloads/draw/chance.h"
#include "workloads/traces/reuse.h"
#include "workloads/traces/trace_rows.h"

#include <math.h>

const char *const tw_tokens_names[TW_TOKENS_KINDS + 1] = {"prompt", "reasoning", "answer", "output", NULL};

enum { MINUTE_S = 60 };
/* How the chain of ids up to a block was seen: as a block that is not full, or as a whole one. */
enum { AS_PART = 1, AS_WHOLE = 2 };

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
  GHashTable *sessions; /* name, owned -> twice its requests, and 1 if an agent without a name asked */
  GArray *classes;      /* elements are class_count */
  guint64 session_requests, most_turns, reasoning_requests;
  GHashTable *blocks; /* how they were seen, by chains of hash ids, owned */
  GHashTable *pieces; /* Pieces of unequal length, likewise by chains of ids. */
  GArray *chains;     /* guint64: those of the request at hand */
  tw_reuse *reuse;    /* of whole blocks */
  guint64 hit_tokens, zero_outputs, recorded_requests, recorded_cached_tokens;
  gint32 block_tokens;    /* -1: different ones */
  GHashTable *agents;     /* set of "session/agent" of those that have a name, owned */
  guint64 unnamed_agents; /* sessions whose first agent has none */
  GArray *waits_s;        /* double */
  GHashTable *waited;     /* how many wait for a request, by "session/name", owned */
  guint most_fan_out;
  GSequence *ends;  /* double *: of the requests in flight */
  double service_s; /* all added up */
  guint64 served, most_in_flight;
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
  profile->pieces = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  profile->chains = g_array_new(FALSE, FALSE, sizeof(guint64));
  profile->reuse = tw_reuse_new();
  profile->agents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  profile->waited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  profile->waits_s = g_array_new(FALSE, FALSE, sizeof(double));
  profile->ends = g_sequence_new(g_free);
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
  g_hash_table_destroy(profile->pieces);
  g_array_unref(profile->chains);
  tw_reuse_free(profile->reuse);
  g_hash_table_destroy(profile->agents);
  g_hash_table_destroy(profile->waited);
  g_array_unref(profile->waits_s);
  g_sequence_free(profile->ends);
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

/* `unnamed`: the agent that asks is the session's first one, which has no name. */
static void add_session(tw_profile *profile, const char *session, gboolean unnamed)
{
  if (session == NULL)
    return;
  guint before = GPOINTER_TO_UINT(g_hash_table_lookup(profile->sessions, session)), turns = before / 2 + 1;
  gboolean first = unnamed && (before & 1) == 0;
  profile->unnamed_agents += first ? 1 : 0;
  g_hash_table_replace(profile->sessions, g_strdup(session),
                       GUINT_TO_POINTER(2 * turns + ((before & 1) || unnamed ? 1 : 0)));
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

/* The id of a block and of all before it. */
static guint64 chain_on(guint64 chain, guint64 id)
{
  return tw_mix(chain + 1) ^ tw_mix(id + G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));
}

/* How many leading ids were seen before, and how many of these as whole blocks; from now on, all of the
 * request's are, the first `whole` of them as such. `chains` becomes theirs. */
typedef struct {
  gint32 seen, whole;
} leading;

static leading leading_seen(GHashTable *table, const tw_request *request, gint32 whole, GArray *chains)
{
  guint64 chain = (guint64)request->hash_tokens;
  leading found = {0, 0};
  g_array_set_size(chains, 0);
  for (gint32 i = 0; i < request->n_hashes; i++) {
    chain = chain_on(chain, request->hashes[i]);
    g_array_append_val(chains, chain);
    gpointer before = found.seen == i ? g_hash_table_lookup(table, &chain) : NULL;
    found.seen += before != NULL;
    found.whole += GPOINTER_TO_INT(before) == AS_WHOLE && found.whole == i;
    if (before == NULL || (i < whole && GPOINTER_TO_INT(before) != AS_WHOLE))
      g_hash_table_replace(
          table, g_memdup2(&chain, sizeof chain),
          GINT_TO_POINTER(i < whole || GPOINTER_TO_INT(before) == AS_WHOLE ? AS_WHOLE : AS_PART));
  }
  return found;
}

static void add_blocks(tw_profile *profile, const tw_request *request, gboolean shares)
{
  if (request->n_hashes == 0)
    return;
  gint32 tokens = request->hash_tokens;
  gint32 whole = request->prompt_tokens / tokens;
  leading found = leading_seen(profile->blocks, request, whole, profile->chains);
  if (shares) {
    profile->hashed_requests++;
    profile->sharing_requests += found.seen > 0;
    profile->shared_prompt_tokens += (guint64)MIN((gint64)found.seen * tokens, request->prompt_tokens);
  }
  gint32 hits = MIN(found.whole, (request->prompt_tokens - 1) / tokens);
  profile->hit_tokens += (guint64)((gint64)hits * tokens);
  for (gint32 i = MIN(whole, request->n_hashes); i-- > 0;)
    tw_reuse_add(profile->reuse, g_array_index(profile->chains, guint64, i), tokens, request->arrival_s,
                 i < hits);
  if (profile->block_tokens != tokens)
    profile->block_tokens = profile->block_tokens == 0 ? tokens : -1;
}

/* Pieces of unequal length: all tokens of those that lead, and the whole blocks that they are cut into. */
static void add_pieces(tw_profile *profile, const tw_trace_row *row, gint32 block_tokens)
{
  leading found = leading_seen(profile->pieces, &row->request, 0, profile->chains);
  profile->hashed_requests++;
  profile->sharing_requests += found.seen > 0;
  for (gint32 i = 0; i < found.seen; i++)
    profile->shared_prompt_tokens += (guint64)row->piece_tokens[i];
  tw_trace_row cut = *row;
  cut.request.hashes = g_memdup2(row->request.hashes, (gsize)row->request.n_hashes * sizeof(guint64));
  cut.piece_tokens = g_memdup2(row->piece_tokens, (gsize)row->request.n_hashes * sizeof(gint32));
  tw_trace_row_simplify(&cut, block_tokens);
  add_blocks(profile, &cut.request, FALSE);
  g_free(cut.request.hashes);
}

static int by_time(gconstpointer a, gconstpointer b, gpointer unused)
{
  const double *x = a, *y = b;
  (void)unused;
  return (*x > *y) - (*x < *y);
}

/* Requests in flight at the recorded server. */
static void add_service(tw_profile *profile, const tw_trace_row *row)
{
  if (isnan(row->service_s))
    return;
  double arrival_s = row->request.arrival_s, end_s = arrival_s + row->service_s;
  for (GSequenceIter *first; !g_sequence_is_empty(profile->ends);) {
    first = g_sequence_get_begin_iter(profile->ends);
    if (*(const double *)g_sequence_get(first) > arrival_s)
      break;
    g_sequence_remove(first);
  }
  g_sequence_insert_sorted(profile->ends, g_memdup2(&end_s, sizeof end_s), by_time, NULL);
  profile->most_in_flight = MAX(profile->most_in_flight, (guint64)g_sequence_get_length(profile->ends));
  profile->service_s += row->service_s;
  profile->served++;
}

static void add_session_row(tw_profile *profile, const tw_trace_row *row)
{
  const char *session = row->request.session;
  if (session == NULL)
    return;
  if (row->agent != NULL)
    g_hash_table_add(profile->agents, g_strdup_printf("%s/%s", session, row->agent));
  for (guint i = 0; i < row->n_waits; i++) {
    char *name = g_strdup_printf("%s/%s", session, row->waits[i].name);
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(profile->waited, name)) + 1;
    g_hash_table_replace(profile->waited, name, GUINT_TO_POINTER(n));
    profile->most_fan_out = MAX(profile->most_fan_out, n);
    if (!isnan(row->waits[i].delay_s))
      g_array_append_val(profile->waits_s, row->waits[i].delay_s);
  }
  if (!row->linked && !isnan(row->delay_s))
    g_array_append_val(profile->waits_s, row->delay_s);
}

static void add_request(tw_profile *profile, const tw_request *request, gboolean unnamed)
{
  add_arrival(profile, request->arrival_s);
  profile->requests++;
  profile->reasoning_requests += request->reasoning_tokens > 0;
  add_session(profile, request->session, unnamed);
  add_class(profile, request->class);
  add_blocks(profile, request, TRUE);
  profile->zero_outputs += tw_request_output_tokens(request) == 0;
  count_tokens(profile->counts[TW_TOKENS_PROMPT], request->prompt_tokens);
  count_tokens(profile->counts[TW_TOKENS_REASONING], request->reasoning_tokens);
  count_tokens(profile->counts[TW_TOKENS_ANSWER], request->answer_tokens);
  count_tokens(profile->counts[TW_TOKENS_OUTPUT], tw_request_output_tokens(request));
}

void tw_profile_add_row(tw_profile *profile, const tw_trace_row *row, gint32 block_tokens)
{
  tw_request request = row->request;
  if (row->piece_tokens != NULL)
    request.n_hashes = 0; /* no blocks */
  add_request(profile, &request, row->agent == NULL);
  if (row->piece_tokens != NULL)
    add_pieces(profile, row, block_tokens);
  if (row->cached_tokens >= 0) {
    profile->recorded_requests++;
    profile->recorded_cached_tokens += (guint64)row->cached_tokens;
  }
  add_session_row(profile, row);
  add_service(profile, row);
}

void tw_profile_add(tw_profile *profile, const tw_request *request)
{
  add_request(profile, request, TRUE);
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

/* The index of dispersion over the minutes between the first and the last, which may not be whole. */
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

static int by_value(gconstpointer a, gconstpointer b)
{
  return by_time(a, b, NULL);
}

static void read_waits(const tw_profile *profile, tw_profile_facts *facts)
{
  GArray *waits_s = profile->waits_s;
  facts->waits = waits_s->len;
  facts->wait_mean_s = facts->wait_p50_s = facts->wait_p90_s = facts->wait_max_s = NAN;
  if (waits_s->len == 0)
    return;
  g_array_sort(waits_s, by_value);
  double sum_s = 0;
  for (guint i = 0; i < waits_s->len; i++)
    sum_s += g_array_index(waits_s, double, i);
  facts->wait_mean_s = sum_s / waits_s->len;
  facts->wait_p50_s = g_array_index(waits_s, double, (waits_s->len - 1) / 2);
  facts->wait_p90_s = g_array_index(waits_s, double, (guint)ceil(0.9 * waits_s->len) - 1);
  facts->wait_max_s = g_array_index(waits_s, double, waits_s->len - 1);
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
      .hit_tokens = profile->hit_tokens,
      .zero_outputs = profile->zero_outputs,
      .block_tokens = MAX(profile->block_tokens, 0),
      .recorded_requests = profile->recorded_requests,
      .recorded_cached_tokens = profile->recorded_cached_tokens,
      .agents = g_hash_table_size(profile->agents) + profile->unnamed_agents,
      .most_fan_out = profile->most_fan_out,
      .in_flight_mean = profile->served > 0 && span_s > 0 ? profile->service_s / span_s : NAN,
      .most_in_flight = profile->most_in_flight,
  };
  tw_reuse_read(profile->reuse, &facts->reuse);
  read_waits(profile, facts);
  for (int i = 0; i < TW_TOKENS_KINDS; i++)
    read_tokens(profile->counts[i], profile->requests, &facts->tokens[i]);
}

double tw_profile_distance(const tw_profile *a, const tw_profile *b, tw_tokens_kind kind)
{
  const GArray *of_a = a->counts[kind], *of_b = b->counts[kind];
  guint64 up_to_a = 0, up_to_b = 0;
  double most = 0;
  for (guint tokens = 0; tokens < MAX(of_a->len, of_b->len); tokens++) {
    up_to_a += tokens < of_a->len ? g_array_index(of_a, guint64, tokens) : 0;
    up_to_b += tokens < of_b->len ? g_array_index(of_b, guint64, tokens) : 0;
    most = fmax(most, fabs((double)up_to_a / (double)a->requests - (double)up_to_b / (double)b->requests));
  }
  return most;
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
