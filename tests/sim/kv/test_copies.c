/* Copies that requests leave in the memory of hosts, against a naive twin: a list of pieces that is searched from its
 * beginning, for every policy and admission, with writes that take time. And the cases that one can count by hand. */
#include "sim/kv/offload.h"
#include "tests/check.h"
#include "tests/sim/support.h"

enum { LONGEST = 8, HASH_TOKENS = 4, IDS = 4, MOST = 20000 };

/* ---- The twin ---- */

typedef struct entry {
  guint64 ids[LONGEST];
  int n;          /* ids of the piece, the last of which it stands for */
  gboolean held;  /* FALSE: only its name is remembered, since `entered` */
  gboolean first; /* held, and there for the first time (2q) */
  double used_s, entered_s, ready_s;
  int uses;
  int order; /* the count of events with which it came in, or went and was remembered; -1: unknown */
} entry;

typedef struct twin {
  entry all[MOST];
  int n, events;
  const tw_offload_config *config;
  double written_s;
} twin;

static entry *look(twin *t, const guint64 *ids, int n)
{
  for (int i = 0; i < t->n; i++)
    if (t->all[i].n == n && memcmp(t->all[i].ids, ids, (gsize)n * sizeof *ids) == 0)
      return &t->all[i];
  entry *fresh = &t->all[t->n++];
  g_assert(t->n <= MOST);
  *fresh = (entry){.n = n, .order = -1};
  memcpy(fresh->ids, ids, (gsize)n * sizeof *ids);
  return fresh;
}

static gboolean is_policy(const twin *t, const char *name)
{
  return g_str_equal(tw_kv_policy_names[t->config->policy], name);
}

/* Whether `a` goes before `b`. */
static gboolean goes_first(const twin *t, const entry *a, const entry *b, gboolean first)
{
  if (first && a->entered_s != b->entered_s)
    return a->entered_s < b->entered_s;
  if (!first && is_policy(t, "lfu") && a->uses != b->uses)
    return a->uses < b->uses;
  if (!first && a->used_s != b->used_s)
    return a->used_s < b->used_s;
  return a->n > b->n;
}

static void remember(twin *t, entry *e, gint64 most)
{
  e->order = t->events++;
  for (;;) {
    entry *oldest = NULL;
    gint64 n = 0;
    for (int i = 0; i < t->n; i++) {
      entry *other = &t->all[i];
      if (other->held || other->order < 0)
        continue;
      n++;
      if (oldest == NULL || other->order < oldest->order)
        oldest = other;
    }
    if (n <= most)
      return;
    oldest->order = -1;
  }
}

static void push_out(twin *t)
{
  gint64 room = t->config->host_bytes;
  gboolean second = t->config->admission == TW_KV_ADMIT_SECOND_USE, two = is_policy(t, "2q");
  for (;;) {
    entry *out[2] = {NULL, NULL};
    gint64 n[2] = {0, 0};
    for (int i = 0; i < t->n; i++) {
      entry *e = &t->all[i];
      if (!e->held)
        continue;
      n[e->first]++;
      if (out[e->first] == NULL || goes_first(t, e, out[e->first], e->first))
        out[e->first] = e;
    }
    if (n[0] + n[1] <= room)
      return;
    gboolean first = out[1] != NULL && ((double)n[1] > 0.25 * (double)room || out[0] == NULL);
    entry *gone = out[first];
    gone->held = FALSE;
    gone->order = -1;
    if (first && (two || second))
      remember(t, gone, second ? room : (gint64)(0.5 * (double)room));
  }
}

static gboolean is_old(const twin *t, const entry *e, double now_s)
{
  return t->config->ttl_s > 0 && now_s - e->used_s > t->config->ttl_s;
}

static int twin_find(twin *t, const guint64 *ids, int n, double now_s)
{
  int found = 0;
  for (; found < n; found++) {
    const entry *e = look(t, ids, found + 1);
    if (!e->held || e->ready_s > now_s || is_old(t, e, now_s))
      break;
  }
  return found;
}

/* Returns the copies that are written. */
static int twin_leave(twin *t, const guint64 *ids, int n, double now_s)
{
  int written = 0;
  for (int k = 1; k <= n; k++) {
    entry *e = look(t, ids, k);
    if (e->held && is_old(t, e, now_s)) {
      e->held = FALSE;
      e->order = -1;
    }
    if (e->held) {
      if (now_s > e->used_s) {
        e->used_s = now_s;
        e->uses++;
      }
      push_out(t);
      continue;
    }
    gboolean known = e->order >= 0;
    e->order = -1;
    if (t->config->admission == TW_KV_ADMIT_SECOND_USE && !known) {
      remember(t, e, t->config->host_bytes);
      continue;
    }
    t->written_s = fmax(t->written_s, now_s) + t->config->write_block_s;
    *e = (entry){.n = e->n,
                 .held = TRUE,
                 .first = is_policy(t, "2q") && !known,
                 .used_s = now_s,
                 .entered_s = now_s,
                 .ready_s = t->written_s,
                 .uses = 1,
                 .order = -1};
    memcpy(e->ids, ids, (gsize)k * sizeof *ids);
    written++;
    push_out(t);
  }
  return written;
}

/* ---- Both ---- */

typedef struct pair {
  tw_offload_config config;
  twin *twin;
  tw_prefix_cache above; /* the cache of an engine that computes nothing: every hit is below */
  tw_offload below;
  gint64 found, sought, written;
} pair;

static tw_request request_of(guint64 *ids, int n)
{
  return (tw_request){
      .prompt_tokens = n * HASH_TOKENS + 1, .n_hashes = n, .hash_tokens = HASH_TOKENS, .hashes = ids};
}

static void serve(pair *p, guint64 *ids, int n, double now_s)
{
  tw_request request = request_of(ids, n);
  tw_prefix_hit none = {0};
  tw_offload_hit hit = tw_offload_find(&p->below, &p->above, &request, &none, now_s);
  assert_int_equal(hit.blocks, twin_find(p->twin, ids, n, now_s));
  p->found += hit.blocks;
  p->sought += n;
  gint64 tokens = request.prompt_tokens;
  tw_offload_leave(&p->below, 0, &p->above, &request, tokens, now_s);
  if (tokens >= p->config.least_tokens)
    p->written += twin_leave(p->twin, ids, n, now_s);
  tw_kv_tier_audit(p->below.host);
}

static void begin(pair *p, const tw_offload_config *config, const tw_step_model *model)
{
  *p = (pair){.config = *config, .twin = g_new0(twin, 1)};
  p->twin->config = &p->config;
  tw_offload_init(&p->below, config, 1);
  p->below.model = model;
  tw_prefix_cache_init(&p->above, HASH_TOKENS, 100);
  tw_offload_attach(&p->below, &p->above);
}

static void end(pair *p)
{
  tw_prefix_cache_clear(&p->above);
  tw_offload_clear(&p->below);
  g_free(p->twin);
}

static void copies_agree_with_a_naive_list_for_every_policy(void **state)
{
  (void)state;
  static const test_costs costs = {1, 0, 0, 1, FALSE};
  g_autoptr(tw_step_model) model = test_step_model(&costs);
  gint64 found[3] = {0}, refused = 0;
  for (guint64 seed = 0; seed < 200; seed++) {
    tw_chance chance = tw_chance_new(seed, "copies");
    int policy = (int)(seed % 3);
    tw_offload_config config = {.host_bytes = 4 + (gint64)tw_chance_below(&chance, 60),
                                .block_bytes = 1,
                                .write = TW_OFFLOAD_THROUGH,
                                .write_block_s = tw_chance_uniform(&chance),
                                .policy = policy,
                                .admission = (int)tw_chance_below(&chance, 2),
                                .least_tokens = (gint64)tw_chance_below(&chance, 3) * HASH_TOKENS + 1,
                                .ttl_s =
                                    tw_chance_below(&chance, 3) == 0 ? 100 * tw_chance_uniform(&chance) : 0};
    pair p;
    begin(&p, &config, model);
    double now_s = 0;
    for (int step = 0; step < 300; step++) {
      guint64 ids[LONGEST];
      int n = 1 + (int)tw_chance_below(&chance, LONGEST);
      for (int i = 0; i < n; i++) /* some ids are asked for often */
        ids[i] = tw_chance_below(&chance, 1 + tw_chance_below(&chance, IDS));
      now_s += (double)(1 + tw_chance_below(&chance, 256)) / 64; /* the steps that "lfu" tells apart */
      serve(&p, ids, n, now_s);
    }
    found[policy] += p.found;
    refused += p.sought - p.found - p.written;
    end(&p);
  }
  for (int i = 0; i < 3; i++)
    assert_true(found[i] > 5000);
  assert_true(refused > 1000); /* sought again before they were written, or not taken in */
}

/* Two pieces of one block each at 2 s a block, left at t = 10: the first is there from 12 on, the second from 14. */
static void a_copy_is_found_once_it_is_written(void **state)
{
  (void)state;
  static const test_costs costs = {1, 0, 0, 1, FALSE};
  g_autoptr(tw_step_model) model = test_step_model(&costs);
  tw_offload_config config = {
      .host_bytes = 10, .block_bytes = 1, .write = TW_OFFLOAD_THROUGH, .write_block_s = 2};
  pair p;
  begin(&p, &config, model);
  guint64 ids[] = {7, 8};
  tw_request request = request_of(ids, 2);
  tw_prefix_hit none = {0};
  tw_offload_leave(&p.below, 0, &p.above, &request, 2 * HASH_TOKENS + 1, 10);
  const double at_s[] = {11.9, 12, 13.9, 14};
  const gint64 blocks[] = {0, 1, 1, 2};
  for (int i = 0; i < 4; i++)
    assert_int_equal(tw_offload_find(&p.below, &p.above, &request, &none, at_s[i]).blocks, blocks[i]);
  end(&p);
}

/* Room for four pieces; a is used twice, then b, c, d and e come once each. By last use a goes; by number of uses it
 * stays, and b goes. */
static void what_is_used_often_outlives_what_is_used_once(void **state)
{
  (void)state;
  const gboolean stays[] = {FALSE, TRUE}; /* lru, lfu */
  for (int policy = 0; policy < 2; policy++) {
    g_autoptr(tw_kv_tier) tier = tw_kv_tier_new(&(tw_kv_tier_config){.capacity_bytes = 4, .policy = policy});
    const guint64 uses[] = {1, 1, 2, 3, 4, 5};
    for (int i = 0; i < 6; i++) {
      tw_kv_piece piece = {.chain = uses[i] << 32, .depth = 1, .bytes = 1, .used_s = i};
      tw_kv_tier_put(tier, &piece);
    }
    assert_int_equal(tw_kv_tier_find(tier, 1ULL << 32, 9) != NULL, stays[policy]);
    assert_int_equal(tw_kv_tier_find(tier, 2ULL << 32, 9) != NULL, !stays[policy]);
    assert_non_null(tw_kv_tier_find(tier, 5ULL << 32, 9));
  }
}

/* A scan of pieces that are used once does not push out those that were used again after they had gone. Room for
 * eight, of which two are on probation: 1 and 2 come, 3 and 4 push them out, they come again and stay through a
 * hundred others. */
static void a_scan_does_not_push_out_what_came_twice(void **state)
{
  (void)state;
  g_autoptr(tw_kv_tier) tier = tw_kv_tier_new(&(tw_kv_tier_config){.capacity_bytes = 8, .policy = 2});
  double now_s = 0;
  guint64 uses[120];
  int n = 0;
  for (guint64 i = 1; i <= 10; i++)
    uses[n++] = i;
  uses[n++] = 1;
  uses[n++] = 2;
  for (guint64 i = 11; i <= 110; i++)
    uses[n++] = i;
  for (int i = 0; i < n; i++) {
    tw_kv_piece piece = {.chain = uses[i] << 32, .depth = 1, .bytes = 1, .used_s = now_s++};
    tw_kv_tier_put(tier, &piece);
    tw_kv_tier_audit(tier);
  }
  assert_non_null(tw_kv_tier_find(tier, 1ULL << 32, now_s));
  assert_non_null(tw_kv_tier_find(tier, 2ULL << 32, now_s));
  assert_null(tw_kv_tier_find(tier, 50ULL << 32, now_s));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(copies_agree_with_a_naive_list_for_every_policy),
      cmocka_unit_test(a_copy_is_found_once_it_is_written),
      cmocka_unit_test(what_is_used_often_outlives_what_is_used_once),
      cmocka_unit_test(a_scan_does_not_push_out_what_came_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
