#include "workloads/stream/rollouts.h"

#include "workloads/stream/sessions_private.h"

typedef struct group {
  gint64 left; /* sessions that have not ended */
  tw_rollout_sums sums;
} group;

struct tw_rollouts {
  gint64 samples;     /* sessions of a group */
  GHashTable *groups; /* those under way (group), by the serial number of their first session */
  GQueue ended;       /* those to be taken (group), the first to end in front */
  gint32 *prompts;    /* by step: tokens of the prompt of the group that begins */
  gboolean held, closed;
};

static void free_serial(gpointer serial)
{
  g_slice_free(guint64, serial);
}

tw_rollouts *tw_rollouts_new(gint64 samples, int n_steps)
{
  tw_rollouts *rollouts = g_new0(tw_rollouts, 1);
  rollouts->samples = samples;
  rollouts->groups = g_hash_table_new_full(g_int64_hash, g_int64_equal, free_serial, g_free);
  rollouts->prompts = g_new0(gint32, (gsize)n_steps);
  return rollouts;
}

void tw_rollouts_free(tw_rollouts *rollouts)
{
  if (rollouts == NULL)
    return;
  g_hash_table_unref(rollouts->groups);
  g_queue_clear_full(&rollouts->ended, g_free);
  g_free(rollouts->prompts);
  g_free(rollouts);
}

gboolean tw_rollouts_are_held(const tw_rollouts *rollouts)
{
  return rollouts != NULL && rollouts->held;
}

gboolean tw_rollouts_are_over(const tw_rollouts *rollouts)
{
  return rollouts->closed && g_hash_table_size(rollouts->groups) == 0;
}

guint64 tw_rollouts_first(const tw_rollouts *rollouts, guint64 serial)
{
  return rollouts != NULL ? serial - serial % (guint64)rollouts->samples : serial;
}

gint32 *tw_rollouts_prompt(tw_rollouts *rollouts, int step)
{
  return &rollouts->prompts[step];
}

void tw_rollouts_told(tw_rollouts *rollouts, const tw_session *session)
{
  guint64 first = tw_rollouts_first(rollouts, session->serial);
  group *g = g_hash_table_lookup(rollouts->groups, &first);
  g->sums.rollouts += session->tokens > 0;
  g->sums.tokens += session->tokens;
  g->sums.output_tokens += session->output_tokens;
  g->sums.longest = MAX(g->sums.longest, session->output_tokens);
  if (--g->left > 0)
    return;
  g_queue_push_tail(&rollouts->ended, g_memdup2(g, sizeof *g));
  g_hash_table_remove(rollouts->groups, &first);
}

/* ---- What the trainer asks for ---- */

static tw_sessions *source_of(const tw_stream *stream)
{
  g_assert(tw_stream_has_rollouts(stream));
  return (tw_sessions *)stream;
}

void tw_rollouts_begin(tw_stream *stream, gint64 groups, double now_s)
{
  tw_sessions *source = source_of(stream);
  tw_rollouts *rollouts = source->rollouts;
  for (gint64 i = 0; i < groups; i++) {
    group *g = g_new0(group, 1);
    g->left = rollouts->samples;
    g_hash_table_insert(rollouts->groups, g_slice_dup(guint64, &source->counts.started), g);
    for (gint64 k = 0; k < rollouts->samples; k++) {
      source->start_s = now_s;
      tw_sessions_start(source);
    }
  }
}

gint64 tw_rollouts_open(const tw_stream *stream)
{
  return g_hash_table_size(source_of(stream)->rollouts->groups);
}

gint64 tw_rollouts_ended(const tw_stream *stream)
{
  return source_of(stream)->rollouts->ended.length;
}

tw_rollout_sums tw_rollouts_take(tw_stream *stream, gint64 groups)
{
  tw_rollouts *rollouts = source_of(stream)->rollouts;
  tw_rollout_sums sums = {0};
  g_assert(groups <= rollouts->ended.length);
  for (gint64 i = 0; i < groups; i++) {
    g_autofree group *g = g_queue_pop_head(&rollouts->ended);
    sums.rollouts += g->sums.rollouts;
    sums.tokens += g->sums.tokens;
    sums.output_tokens += g->sums.output_tokens;
    sums.longest = MAX(sums.longest, g->sums.longest);
  }
  return sums;
}

void tw_rollouts_hold(tw_stream *stream)
{
  source_of(stream)->rollouts->held = TRUE;
}

void tw_rollouts_release(tw_stream *stream, double now_s)
{
  tw_sessions *source = source_of(stream);
  source->rollouts->held = FALSE;
  source->resumed_s = now_s;
}

void tw_rollouts_drop(tw_stream *stream)
{
  tw_sessions *source = source_of(stream);
  source->counts.broken = source->counts.started - source->counts.completed;
  g_sequence_remove_range(g_sequence_get_begin_iter(source->appointments),
                          g_sequence_get_end_iter(source->appointments));
  g_hash_table_remove_all(source->live);
  g_hash_table_remove_all(source->rollouts->groups);
  g_queue_clear_full(&source->rollouts->ended, g_free);
}

void tw_rollouts_close(tw_stream *stream)
{
  source_of(stream)->rollouts->closed = TRUE;
}
