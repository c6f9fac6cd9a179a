#include "sim/placement/span.h"

#include "platforms/input/pair_hash.h"
#include "sim/collectives/collectives.h"

/* Endpoints and domains of the accelerators of an engine, in the order of its ranks. */
typedef struct layout {
  int n;
  int *endpoints, *domains;
  int *offsets;       /* places of their NICs in their share, where these count on the fabric; else 0 */
  int rails, on_rail; /* tw_group */
} layout;

static layout lay_out(const tw_platform *platform, const tw_engine_place *place)
{
  layout l = {0};
  for (int i = 0; i < place->n_shares; i++)
    l.n += place->shares[i].accelerators;
  l.endpoints = g_new0(int, (gsize)l.n);
  l.domains = g_new0(int, (gsize)l.n);
  l.offsets = g_new0(int, (gsize)l.n);
  tw_planes_set_rails(platform, place->shares[0].host, &l.rails, &l.on_rail);
  int at = 0;
  for (int i = 0; i < place->n_shares; i++) {
    int zone = tw_platform_domain(platform, place->shares[i].host);
    for (int k = 0; k < place->shares[i].accelerators; k++, at++) {
      l.endpoints[at] = tw_share_endpoint(&place->shares[i]);
      l.offsets[at] = l.on_rail > 0 ? k / l.on_rail : 0;
      l.domains[at] = zone >= 0 ? zone : platform->n_zones + place->shares[i].host;
    }
  }
  return l;
}

static void clear_layout(layout *l)
{
  g_free(l->endpoints);
  g_free(l->domains);
  g_free(l->offsets);
}

/* Accelerators of an engine stand rank by rank, in a rank stage by stage. */
static int place_of(const tw_parallelism *p, int rank, int stage, int k)
{
  return (rank * p->pp + stage) * p->tp + k;
}

struct tw_span_builder {
  layout layout;
  GArray *pairs;      /* elements are tw_span_pair */
  GHashTable *places; /* from << 32 | to << 8 | shift -> index */
};

tw_span_builder *tw_span_builder_new(const tw_platform *platform, const tw_engine_place *place)
{
  tw_span_builder *builder = g_new(tw_span_builder, 1);
  *builder = (tw_span_builder){lay_out(platform, place), g_array_new(FALSE, FALSE, sizeof(tw_span_pair)),
                               g_hash_table_new_full(tw_pair_hash, g_int64_equal, g_free, NULL)};
  return builder;
}

tw_span *tw_span_builder_end(tw_span_builder *builder)
{
  tw_span *span = g_new(tw_span, 1);
  span->n_pairs = (int)builder->pairs->len;
  span->pairs = (tw_span_pair *)(void *)g_array_free(builder->pairs, FALSE);
  clear_layout(&builder->layout);
  g_hash_table_unref(builder->places);
  g_free(builder);
  return span;
}

/* The pair of the endpoints of two accelerators, shifted as these are. */
static tw_span_pair *pair_between(tw_span_builder *builder, int sender, int receiver)
{
  const layout *l = &builder->layout;
  int from = l->endpoints[sender], to = l->endpoints[receiver];
  int shift = l->offsets[receiver] - l->offsets[sender];
  gint64 key = (gint64)from << 32 | (gint64)to << 8 | (guint8)shift;
  gpointer place = NULL;
  if (!g_hash_table_lookup_extended(builder->places, &key, NULL, &place)) {
    tw_span_pair pair = {from, to, shift, {0}};
    place = GUINT_TO_POINTER(builder->pairs->len);
    g_hash_table_insert(builder->places, g_memdup2(&key, sizeof key), place);
    g_array_append_val(builder->pairs, pair);
  }
  return &g_array_index(builder->pairs, tw_span_pair, GPOINTER_TO_UINT(place));
}

void tw_span_builder_send(tw_span_builder *builder, int kind, int from, int to, double share)
{
  const layout *l = &builder->layout;
  if (share > 0 && l->domains[from] != l->domains[to])
    pair_between(builder, from, to)->bytes[kind] += share;
}

void tw_span_builder_collective(tw_span_builder *builder, int kind, const char *pattern, const int *members,
                                int n, double share)
{
  g_autofree int *domains = g_new(int, (gsize)n);
  for (int i = 0; i < n; i++)
    domains[i] = builder->layout.domains[members[i]];
  tw_group group = {n, domains, 1, 0, FALSE, builder->layout.rails, builder->layout.on_rail};
  if (n < 2 || tw_group_domain_size(&group) == n)
    return;
  g_auto(tw_plan) plan = tw_method_plan(tw_pattern_find(pattern)->methods, &group, 1);
  const tw_phase *phase = &g_array_index(plan.phases, tw_phase, 0);
  double most = tw_phase_load(phase, &group).outside;
  for (guint i = 0; i < phase->transfers->len; i++) {
    const tw_send *t = &g_array_index(phase->transfers, tw_send, i);
    tw_span_builder_send(builder, kind, members[t->from], members[t->to], share * (t->bytes / most));
  }
}

int tw_span_builder_domains(const tw_span_builder *builder, const int *members, int n)
{
  int domains = 1;
  for (int i = 1; i < n; i++)
    domains += builder->layout.domains[members[i]] != builder->layout.domains[members[i - 1]];
  return domains;
}

/* The all-reduces of every stage and rank: a stage has its share of the layers. */
static void add_tensor(tw_span_builder *builder, const tw_parallelism *p)
{
  g_autofree int *members = g_new(int, (gsize)p->tp);
  for (int rank = 0; rank < p->dp; rank++) {
    for (int stage = 0; stage < p->pp; stage++) {
      for (int k = 0; k < p->tp; k++)
        members[k] = place_of(p, rank, stage, k);
      tw_span_builder_collective(builder, TW_SPAN_TENSOR, "all-reduce", members, p->tp, 1.0 / p->pp);
    }
  }
}

/* The all-to-alls of every stage, over the accelerators of all ranks. */
static void add_experts(tw_span_builder *builder, const tw_parallelism *p)
{
  int n = p->tp * p->dp;
  g_autofree int *members = g_new(int, (gsize)n);
  for (int stage = 0; stage < p->pp; stage++) {
    for (int i = 0; i < n; i++)
      members[i] = place_of(p, i / p->tp, stage, i % p->tp);
    tw_span_builder_collective(builder, TW_SPAN_EXPERTS, "all-to-all", members, n, 1.0 / p->pp);
  }
}

/* Activations from stage to stage: each accelerator sends its part. */
static void add_stages(tw_span_builder *builder, const tw_parallelism *p)
{
  for (int rank = 0; rank < p->dp; rank++)
    for (int stage = 0; stage + 1 < p->pp; stage++)
      for (int k = 0; k < p->tp; k++)
        tw_span_builder_send(builder, TW_SPAN_STAGES, place_of(p, rank, stage, k),
                             place_of(p, rank, stage + 1, k), 1.0 / p->tp);
}

tw_span *tw_span_new(const tw_platform *platform, const tw_engine_place *place,
                     const tw_parallelism *parallel)
{
  tw_span_builder *builder = tw_span_builder_new(platform, place);
  add_tensor(builder, parallel);
  add_experts(builder, parallel);
  add_stages(builder, parallel);
  return tw_span_builder_end(builder);
}

void tw_span_free(tw_span *span)
{
  if (span == NULL)
    return;
  g_free(span->pairs);
  g_free(span);
}

/* How many domains accelerators first .. first + n − 1 lie in. */
static int domains_of(const layout *l, int first, int n)
{
  int domains = 1;
  for (int i = first + 1; i < first + n; i++)
    domains += l->domains[i] != l->domains[i - 1];
  return domains;
}

tw_reach tw_span_reach(const tw_platform *platform, const tw_engine_place *place,
                       const tw_parallelism *parallel)
{
  layout l = lay_out(platform, place);
  tw_reach reach = {.tensor = 1, .experts = 1, .stages = FALSE};
  /* Accelerators behind the last whole group are spares of a job. */
  for (int first = 0; first + parallel->tp <= l.n; first += parallel->tp)
    reach.tensor = MAX(reach.tensor, domains_of(&l, first, parallel->tp));
  /* A stage's accelerators, over all ranks. */
  for (int rank = 1; rank < parallel->dp; rank++)
    reach.experts +=
        l.domains[place_of(parallel, rank, 0, 0)] != l.domains[place_of(parallel, rank - 1, 0, 0)];
  reach.experts = MAX(reach.experts, reach.tensor);
  for (int stage = 0; stage + 1 < parallel->pp; stage++)
    reach.stages |=
        l.domains[place_of(parallel, 0, stage, 0)] != l.domains[place_of(parallel, 0, stage + 1, 0)];
  for (int i = 1; i < place->n_shares; i++) {
    int host = place->shares[i].host, before = place->shares[i - 1].host;
    reach.meshed |= host != before &&
                    tw_platform_domain(platform, host) == tw_platform_domain(platform, before) &&
                    !tw_platform_switched(platform, host);
  }
  clear_layout(&l);
  return reach;
}
