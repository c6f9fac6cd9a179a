#include "sim/steptime/step_time.h"

#include <math.h>

struct tw_step_model {
  const tw_step_kind *kind;
  void *state;
  tw_step_model *drafter; /* NULL: none */
};

const char *const tw_step_kind_names[] = {"roofline", "table", NULL};
static const tw_step_kind *const kinds[] = {&tw_step_roofline, &tw_step_table};

const tw_step_kind *tw_step_kind_get(int index)
{
  g_assert(index >= 0 && index < (int)G_N_ELEMENTS(kinds));
  return kinds[index];
}

tw_step_setting tw_step_drafter_setting(const tw_step_setting *setting)
{
  tw_step_setting drafter = *setting;
  drafter.model = setting->drafter;
  drafter.drafter = NULL;
  drafter.parallelism.pp = 1;
  drafter.software.iteration_s = drafter.software.per_seq_s = 0;
  if (drafter.model->experts == 0) {
    drafter.parallelism.ep = 1;
    drafter.redundant_experts = 0;
  }
  return drafter;
}

tw_step_model *tw_step_model_new(const tw_step_kind *kind, const tw_step_setting *setting,
                                 const xmlNode *node, tw_faults *faults)
{
  void *state = kind->create(setting, node, faults);
  if (state == NULL)
    return NULL;
  tw_step_model *model = g_new(tw_step_model, 1);
  *model = (tw_step_model){.kind = kind, .state = state};
  if (setting->drafter != NULL) {
    tw_step_setting drafter = tw_step_drafter_setting(setting);
    model->drafter = tw_step_model_new(kind, &drafter, node, faults);
  }
  return model;
}

void tw_step_model_free(tw_step_model *model)
{
  if (model == NULL)
    return;
  model->kind->destroy(model->state);
  tw_step_model_free(model->drafter);
  g_free(model);
}

const tw_step_model *tw_step_model_drafter(const tw_step_model *model)
{
  return model->drafter;
}

void tw_step_model_cost(const tw_step_model *model, const tw_batch *ranks, int n_ranks, tw_step_cost *cost)
{
  model->kind->cost(model->state, ranks, n_ranks, cost);
  if (!model->kind->classifies)
    cost->classes[TW_TIME_MEASURED] = cost->time_s;
  g_assert(cost->time_s.first > 0 && cost->valid >= 1);
}

/* Σ over i = 1..n of min(done + i, window). */
static double capped_sum(double done, double n, double window)
{
  double below = CLAMP(window - done, 0, n); /* tokens whose context is not capped */
  return below * done + below * (below + 1) / 2 + (n - below) * window;
}

void tw_batch_add_chunk(tw_batch *batch, gint64 done, gint64 tokens, gint64 window, gboolean last)
{
  double d = (double)done, n = (double)tokens;
  batch->prefill_seqs++;
  batch->prefill_tokens += tokens;
  batch->prefill_context += n * d + n * (n + 1) / 2;
  batch->prefill_windowed += capped_sum(d, n, (double)window);
  batch->prefill_read += d + n;
  batch->sampled += last;
}

void tw_batch_add_prompt(tw_batch *batch, const tw_context_caps *caps, gint64 done, gint64 tokens,
                         gboolean last)
{
  tw_batch_add_chunk(batch, done, tokens, caps->n > 0 ? caps->tokens[0] : 0, last);
  for (int i = 1; i < caps->n; i++)
    batch->further[i - 1].prefill += capped_sum((double)done, (double)tokens, (double)caps->tokens[i]);
}

tw_batch tw_batch_of_decodes(const tw_context_caps *caps, gint64 seqs, gint64 context)
{
  tw_batch batch = {.decode_seqs = seqs,
                    .decode_context = seqs * context,
                    .decode_windowed = seqs * context,
                    .next_full = G_MAXINT64,
                    .sampled = seqs};
  for (int i = 0; i < caps->n; i++) {
    gint64 cap = caps->tokens[i];
    tw_capped sums = {.decode = seqs * MIN(context, cap), .growing = context < cap ? seqs : 0};
    if (context < cap)
      batch.next_full = MIN(batch.next_full, cap - context);
    if (i > 0)
      batch.further[i - 1] = sums;
    else
      batch.decode_windowed = sums.decode, batch.decode_growing = sums.growing;
  }
  return batch;
}

tw_line tw_line_max(tw_line a, tw_line b, gint64 *valid)
{
  if (b.first > a.first || (b.first == a.first && b.growth > a.growth)) {
    tw_line swap = a;
    a = b;
    b = swap;
  }
  if (b.growth > a.growth && *valid > 1) {
    double crossing = (a.first - b.first) / (b.growth - a.growth);
    if (crossing + 1 < (double)*valid)
      *valid = (gint64)crossing + 1;
  }
  return a;
}

tw_line tw_line_min(tw_line a, tw_line b, gint64 *valid)
{
  return tw_line_scale(tw_line_max(tw_line_scale(a, -1), tw_line_scale(b, -1), valid), -1);
}

gint64 tw_line_reach(tw_line line, double elapsed)
{
  if (elapsed <= 0)
    return 0;
  /* g/2·j² + (f − g/2)·j = elapsed, in the form that does not cancel for a small g. */
  double h = line.first - line.growth / 2;
  double root = sqrt(fmax(h * h + 2 * line.growth * elapsed, 0));
  gint64 j = (gint64)ceil(2 * elapsed / (h + root));
  /* The root carries rounding errors; the boundary function has the last word. */
  while (j > 0 && tw_line_sum(line, j - 1) >= elapsed)
    j--;
  while (tw_line_sum(line, j) < elapsed)
    j++;
  return j;
}

void tw_step_cost_shift(tw_step_cost *cost)
{
  tw_line *const lines[] = {&cost->time_s, &cost->kernels_s, &cost->flops, &cost->bytes};
  for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
    lines[i]->first += lines[i]->growth;
  for (int c = 0; c < TW_ITERATION_CLASSES; c++)
    cost->classes[c].first += cost->classes[c].growth;
  cost->valid--;
}
