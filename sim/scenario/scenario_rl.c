/* Reinforcement learning: the <rl> of a job, what must fit to it, and accelerators that it shares with engines. */
#include "sim/scenario/scenario.h"

#include <math.h>

const tw_rollout_policy tw_rollout_policies[] = {
#define X(name, text, more, keeps, help) {text, more, keeps},
    TW_ROLLOUT_POLICIES(X)
#undef X
};
const char *const tw_rollout_policy_names[] = {
#define X(name, text, ...) text,
    TW_ROLLOUT_POLICIES(X) NULL
#undef X
};
const char *const tw_weight_sync_names[] = {
#define X(name, text, ...) text,
    TW_WEIGHT_SYNCS(X) NULL
#undef X
};

enum { MOST_PASSES = 8 };

#define RL(name)                                   .offset = offsetof(tw_site_job_rl, name)
#define SAYS_POLICY(name, text, more, keeps, help) text ": " help "; "
#define SAYS_SYNC(name, text, help)                text ": " help "; "
static const tw_attribute rl_attributes[] = {
    {"policy", TW_ATTR_CHOICE, .fallback = "wait", .choices = tw_rollout_policy_names, RL(policy),
     .help = TW_ROLLOUT_POLICIES(SAYS_POLICY) "prompts are taken as they end, with all of their samples"},
    {"over-sampling", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .min = 1, .max = 100, RL(over_sampling),
     .help =
         "prompts under way over those that a step trains on, of policies that begin more; 1.25 if absent"},
    {"off-policy", TW_ATTR_INT, .fallback = "0", .min = 0, .max = 1, RL(off_policy),
     .help = "0: rollouts wait for the weights that training them gives; 1: they go on beside training, with "
             "weights that "
             "are one step old"},
    {"colocated", TW_ATTR_BOOL, .fallback = "false", RL(colocated),
     .help = "the job trains on the accelerators of the engines, in turn with these; else on others"},
    {"updates", TW_ATTR_INT, .fallback = "1", .min = 1, .max = 1e6, RL(updates),
     .help = "of the weights in a step, each by an equal part of its tokens"},
    {"log-probs", TW_ATTR_INT, .fallback = "1", .max = MOST_PASSES, RL(log_probs),
     .help =
         "forward passes over the step's tokens before the first update: one for the old policy, one for a "
         "reference"},
    {"reward", TW_ATTR_QUANTITY, TW_TIME, "0s", .max = 86400, RL(reward_s),
     .help = "from the last rollout that is waited for to where its rewards are known"},
    {"sync", TW_ATTR_CHOICE, .fallback = "chain", .choices = tw_weight_sync_names, RL(sync),
     .help = TW_WEIGHT_SYNCS(SAYS_SYNC) "as flows, in the format in which engines hold weights"},
    {"sync-overhead", TW_ATTR_QUANTITY, TW_TIME, "0.5s", .max = 3600, RL(sync_overhead_s),
     .help = "what a synchronisation takes beside its flows: names, casts, captured graphs; an estimate of "
             "what 0.1 to "
             "1.3 s are reported for"},
    {"swap", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = 3600, RL(swap_s),
     .help = "colocated: from rollouts to training, and back; if absent, what weights, gradients and "
             "optimizer of an "
             "accelerator take over its host link"},
    {0}};
const tw_element tw_site_job_rl_element = {"rl", "kind=\"rl\": how rollouts and training take turns",
                                           rl_attributes, NULL, NULL};

double tw_site_job_over_sampling(const tw_site_job *job)
{
  return !tw_rollout_policies[job->rl.policy].more ? 1
         : isnan(job->rl.over_sampling)            ? 1.25
                                                   : job->rl.over_sampling;
}

const tw_class *tw_scenario_rollouts(const tw_scenario *scenario)
{
  const tw_class *only = tw_scenario_only_class(scenario);
  return only != NULL && only->kind == TW_CLASS_ROLLOUTS ? only : NULL;
}

/* ---- Checks ---- */

static void check_rl(const tw_site_job *job, const xmlNode *node, tw_faults *faults)
{
  const tw_site_job_rl *rl = &job->rl;
  if (!tw_rollout_policies[rl->policy].more && !isnan(rl->over_sampling))
    tw_node_fault(node, faults,
                  "policy=\"%s\" begins as many prompts as a step trains on; leave over-sampling out, or "
                  "choose another "
                  "policy",
                  tw_rollout_policies[rl->policy].name);
  if (rl->colocated && rl->off_policy > 0)
    tw_node_fault(
        node, faults,
        "colocated engines stand still while the job trains; leave off-policy out, or give the job its own "
        "accelerators");
  if (!rl->colocated && !isnan(rl->swap_s))
    tw_node_fault(node, faults,
                  "swap is of accelerators that engines and training share; write colocated=\"true\" or "
                  "leave it out");
}

static void check_pool(const tw_pool *pool, const tw_site_job *job, const xmlNode *node, tw_faults *faults)
{
  if (pool->role != TW_POOL_MIXED)
    tw_node_fault(node, faults, "rollouts need engines that do both prompts and decodes; leave role out");
  if (tw_node_child(node, tw_autoscaler_element.name) != NULL || pool->start != TW_START_WARM)
    tw_node_fault(node, faults,
                  "engines of rollouts serve all the time; leave <autoscaler> and start=\"cold\" out");
  if (pool->store)
    tw_node_fault(node, faults,
                  "what a shared store keeps of older weights is of no use to rollouts; leave it out");
  if (pool->model != NULL && job->model != NULL && !g_str_equal(pool->model->label, job->model->label))
    tw_node_fault(node, faults, "job \"%s\" trains %s, but pool \"%s\" serves %s; give both the same model",
                  job->id, job->model->label, pool->id, pool->model->label);
}

/* The pool and the rollouts that a job of this kind needs. */
static void check_scenario(const tw_scenario *scenario, const tw_site_job *job, const xmlNode *node,
                           tw_faults *faults)
{
  const xmlNode *pool = tw_node_child(node->parent, tw_pool_element.name);
  for (int i = 0; i < scenario->n_pools; i++, pool = tw_node_next(pool, tw_pool_element.name))
    check_pool(&scenario->pools[i], job, pool, faults);
  if (tw_scenario_rollouts(scenario) == NULL)
    tw_node_fault(
        node, faults,
        "job \"%s\" of kind rl needs <rollouts> in <workload>, and nothing beside them; write them there",
        job->id);
  if (job->rl.colocated && tw_node_child(node->parent, "failures") != NULL)
    tw_node_fault(
        node, faults,
        "job \"%s\" shares its accelerators with engines, of which <failures> know one owner; give the "
        "job its own, or leave failures out",
        job->id);
  const xmlNode *grid = tw_node_child(node->parent, "grid");
  if (job->rl.colocated && grid != NULL && tw_node_child(grid, "smoothing") != NULL)
    tw_node_fault(
        node, faults,
        "job \"%s\" shares its accelerators with engines, which <smoothing> does not know; leave one out",
        job->id);
  if (job->rl.colocated && tw_node_child(node->parent, tw_caps_element.name) != NULL)
    tw_node_fault(node, faults,
                  "job \"%s\": a <power-cap> slows engines down, but no jobs, which have their accelerators "
                  "here; leave one "
                  "of them out",
                  job->id);
  for (const tw_site_job *other = scenario->jobs; other < job; other++)
    if (other->kind == TW_SITE_JOB_RL)
      tw_node_fault(node, faults, "job \"%s\" has the rollouts already; there can be one job of kind rl",
                    other->id);
}

void tw_scenario_read_rl(tw_scenario *scenario, tw_site_job *job, const xmlNode *node, tw_faults *faults)
{
  const xmlNode *child = tw_node_child(node, tw_site_job_rl_element.name);
  gboolean batch = job->batch != G_MININT64;
  tw_schema_read_child(node, &tw_site_job_rl_element, &job->rl);
  if (job->kind == TW_SITE_JOB_RL) {
    check_rl(job, child != NULL ? child : node, faults);
    check_scenario(scenario, job, node, faults);
    if (batch)
      tw_node_fault(node, faults, "kind=\"rl\" trains on what its rollouts are; leave batch out");
    return;
  }
  if (child != NULL)
    tw_node_fault(child, faults, "<rl> goes with kind=\"rl\" alone; leave it out, or change the kind");
  if (!batch)
    tw_node_fault(node, faults, "<job> lacks the attribute batch: sequences of a step; write batch=\"...\"");
}

void tw_scenario_check_rollouts(const tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  for (int i = 0; i < scenario->n_jobs; i++)
    if (scenario->jobs[i].kind == TW_SITE_JOB_RL)
      return;
  if (tw_scenario_rollouts(scenario) != NULL)
    tw_node_fault(tw_node_child(tw_node_child(root, tw_workload_element.name), NULL), faults,
                  "<rollouts> begin when a job asks for them; add a <job kind=\"rl\">");
}

/* ---- Planning ---- */

gint64 tw_site_job_micro_batches(const tw_site_job *job, double tokens, gint64 updates)
{
  double replica = (double)(job->dp * job->micro_batch * job->sequence);
  gint64 n = MAX(1, (gint64)ceil(tokens / (replica * (double)updates)));
  return job->chunks > 1 ? (n + job->pp - 1) / job->pp * job->pp : n;
}

gint64 tw_site_job_nominal_batch(const tw_scenario *scenario, const tw_site_job *job)
{
  const tw_class *rollouts = tw_scenario_rollouts(scenario);
  if (job->kind != TW_SITE_JOB_RL || rollouts == NULL)
    return job->batch;
  double tokens = (double)rollouts->prompts * (double)rollouts->samples * (double)job->sequence;
  return tw_site_job_micro_batches(job, tokens, job->rl.updates) * job->dp * job->micro_batch;
}

gboolean tw_site_job_share_place(const tw_scenario *scenario, tw_site_job *job, const xmlNode *node,
                                 tw_faults *faults)
{
  g_autoptr(GArray) shares = g_array_new(FALSE, FALSE, sizeof(tw_host_share));
  gint64 left = tw_site_job_accelerators(job), all = 0;
  for (int i = 0; i < scenario->plan.n_engines; i++)
    for (int k = 0; k < scenario->plan.engines[i].n_shares; k++) {
      tw_host_share share = scenario->plan.engines[i].shares[k];
      all += share.accelerators;
      share.accelerators = (int)MIN(left, share.accelerators);
      left -= share.accelerators;
      tw_host_share *last = shares->len > 0 ? &g_array_index(shares, tw_host_share, shares->len - 1) : NULL;
      if (last != NULL && last->host == share.host)
        last->accelerators += share.accelerators;
      else if (share.accelerators > 0)
        g_array_append_val(shares, share);
    }
  if (left > 0) {
    tw_node_fault(node, faults,
                  "job \"%s\" trains on %" G_GINT64_FORMAT
                  " accelerators, but the engines that it shares them with have %" G_GINT64_FORMAT
                  "; lower tp * cp * dp * pp, or add engines",
                  job->id, tw_site_job_accelerators(job), all);
    return FALSE;
  }
  job->plan.place = (tw_engine_place){.pool = -1, .n_shares = (int)shares->len};
  job->plan.place.shares = (tw_host_share *)(void *)g_array_free(g_steal_pointer(&shares), FALSE);
  return TRUE;
}

double tw_site_job_swap_s(const tw_site_job *job)
{
  tw_training_memory m = tw_training_memory_of(&job->plan.training);
  double host = job->plan.device->host_bytes_per_s;
  if (!job->rl.colocated || !isnan(job->rl.swap_s))
    return job->rl.colocated ? job->rl.swap_s : 0;
  return isnan(host) ? 0 : (m.weight_bytes + m.gradient_bytes + m.optimizer_bytes) / host;
}
