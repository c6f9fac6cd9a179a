#include "sim/training/training_span.h"

#include "sim/training/training_shape.h"

G_STATIC_ASSERT((int)TW_TRAINING_TRAFFICS <= (int)TW_SPAN_KINDS);

/* Accelerators of one stage are numbered from 0, those of a tensor-parallel group first. */
typedef struct groups {
  tw_span_builder *builder;
  tw_training_reach *reach;
  int stage, stages; /* accelerators of a stage; stages */
} groups;

/* Groups of n members that stand `stride` apart and follow each other by blocks of n · stride, in all stages. */
static void add_groups(groups *g, tw_training_traffic kind, const char *pattern, gint64 ranks, gint64 apart)
{
  int n = (int)ranks, stride = (int)apart;
  g_autofree int *members = g_new(int, (gsize)n);
  g->reach->groups[kind] = 1;
  for (int first = 0; first < g->stage * g->stages; first += n * stride)
    for (int k = 0; k < stride; k++) {
      for (int i = 0; i < n; i++)
        members[i] = first + i * stride + k;
      int domains = tw_span_builder_domains(g->builder, members, n);
      g->reach->groups[kind] = MAX(g->reach->groups[kind], domains);
      tw_span_builder_collective(g->builder, (int)kind, pattern, members, n, 1);
    }
}

/* Each chunk goes to the next stage, and back; from the last stage to the first all but one do. */
static void add_stages(groups *g, const tw_training_layout *layout)
{
  double chunks = (double)layout->chunks, messages = tw_training_stage_messages(layout);
  g->reach->groups[TW_TRAINING_STAGES] = 1;
  for (int stage = 0; g->stages > 1 && stage < g->stages; stage++)
    for (int k = 0; k < g->stage; k++) {
      int from = stage * g->stage + k, to = (stage + 1) % g->stages * g->stage + k;
      double share = (stage + 1 < g->stages ? chunks : chunks - 1) / messages;
      tw_span_builder_send(g->builder, TW_TRAINING_STAGES, from, to, share);
      tw_span_builder_send(g->builder, TW_TRAINING_STAGES, to, from, share);
      if (share > 0 && tw_span_builder_domains(g->builder, (int[]){from, to}, 2) > 1)
        g->reach->groups[TW_TRAINING_STAGES] = 2;
    }
}

tw_span *tw_training_span_new(const tw_platform *platform, const tw_engine_place *place,
                              const tw_training_layout *l, tw_training_reach *reach)
{
  gint64 holders = MAX(l->ep, l->tp), stage = l->tp * l->cp * l->dp;
  groups g = {tw_span_builder_new(platform, place), reach, (int)stage, (int)l->pp};
  add_groups(&g, TW_TRAINING_TENSOR, "all-reduce", l->tp, 1);
  add_groups(&g, TW_TRAINING_CONTEXT, "all-gather", l->cp, l->tp);
  add_groups(&g, TW_TRAINING_EXPERTS, "all-to-all", l->ep, 1);
  add_groups(&g, TW_TRAINING_DATA, "reduce-scatter", l->cp * l->dp, l->tp);
  add_groups(&g, TW_TRAINING_EXPERT_DATA, "reduce-scatter", stage / holders, holders);
  add_stages(&g, l);
  reach->meshed = tw_span_reach(platform, place, &(tw_parallelism){(int)l->tp, 1, 1, 1}).meshed;
  return tw_span_builder_end(g.builder);
}
