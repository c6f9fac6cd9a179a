/* Jobs: their table, their places, and what their steps cost. */
#include "sim/scenario/jobs.h"
#include "sim/scenario/scenario.h"
#include "sim/training/training_span.h"

#include <math.h>

const char *const tw_site_job_kind_names[] = {"training", "rl", NULL};
const char *const tw_checkpoint_mode_names[] = {"stall", "asynchronous", NULL};
static const char *const recompute_names[] = {"none", "full", NULL};

#define CENTURY_S        (100 * 365.25 * 86400)
#define JOB(name)        .offset = offsetof(tw_site_job, name)
#define CHECKPOINT(name) .offset = offsetof(tw_site_job_checkpoint, name)
#define COUNT(key, text)                                                                                     \
  {                                                                                                          \
#key, TW_ATTR_INT, .fallback = "1", .min = 1, .max = 1e6, JOB(key), .help = text                         \
  }
#define OVERLAP(name, key, share, text)                                                                      \
  {key "-overlap",                                                                                           \
   TW_ATTR_NUMBER,                                                                                           \
   .fallback = #share,                                                                                       \
   .max = 1,                                                                                                 \
   JOB(overlap[TW_TRAINING_##name]),                                                                         \
   .help = "share of the traffic of " key " that goes on beside computation: " text},

static const tw_attribute checkpoint_attributes[] = {
    {"every", TW_ATTR_INT, .min = 1, .max = 1e9, CHECKPOINT(every), .help = "steps from one to the next"},
    {"mode", TW_ATTR_CHOICE, .fallback = "asynchronous", .choices = tw_checkpoint_mode_names,
     CHECKPOINT(mode),
     .help = "stall: the job waits until all of it is on the platform's storage hosts; asynchronous: until "
             "it is in the "
             "memory of its hosts, from where it goes to storage beside the steps that follow, and must be "
             "there before "
             "the next one"},
    {"bytes", TW_ATTR_QUANTITY, TW_BYTES, TW_ABSENT, .max = 1e18, .positive = TRUE, CHECKPOINT(bytes),
     .help = "of one, if not weights in 16 bits, master weights and two moments in 32 for each parameter"},
    {"restart", TW_ATTR_QUANTITY, TW_TIME, "120s", .max = 86400, CHECKPOINT(restart_s),
     .help = "what processes and communicators take to start again, before the checkpoint is read; the "
             "default is "
             "an estimate"},
    {0}};
static const tw_element checkpoint_element = {"checkpoint", "state of a job that outlives its failures",
                                              checkpoint_attributes, NULL, NULL};

static const tw_attribute job_attributes[] = {
    {"id", TW_ATTR_STRING, JOB(id), .help = "name of the job"},
    {"kind", TW_ATTR_CHOICE, .fallback = "training", .choices = tw_site_job_kind_names, JOB(kind),
     .help =
         "training: steps of all accelerators together; rl: of reinforcement learning, which train on the "
         "<rollouts> that engines generate, and send these the weights"},
    {"model", TW_ATTR_STRING, JOB(model_name),
     .help = "a model of the catalogue, or the path of a model file"},
    {"hosts", TW_ATTR_STRING, .fallback = "*", JOB(hosts),
     .help = "hosts that the job may use, as of a pool; it gets what pools have left"},
    {"placement", TW_ATTR_CHOICE, .fallback = "pack", .choices = tw_placement_names, JOB(placement),
     .help = "as of a pool"},
    COUNT(tp, "tensor parallelism; its accelerators follow each other"),
    COUNT(cp, "context parallelism: accelerators that share each sequence"),
    COUNT(dp, "data parallelism: replicas, or groups that share the state of one (zero)"),
    COUNT(pp, "pipeline parallelism: stages"),
    COUNT(ep, "expert parallelism: groups that divide the experts, within tp * cp * dp"),
    COUNT(chunks,
          "of layers on each stage: 1 is the schedule 1F1B, more the interleaved one, with a shorter bubble"),
    {"batch", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e9, JOB(batch),
     .help = "sequences of a step, over all replicas; needed but for kind=\"rl\""},
    {"micro-batch", TW_ATTR_INT, .fallback = "1", .min = 1, .max = 1e6, JOB(micro_batch),
     .help = "sequences that a replica computes at a time"},
    {"sequence", TW_ATTR_INT, .fallback = "4096", .min = 1, .max = 1e9, JOB(sequence),
     .help = "tokens of each; kind=\"rl\" packs rollouts into them, and counts attention over all of each"},
    {"zero", TW_ATTR_INT, .fallback = "1", .min = 0, .max = 3, JOB(zero),
     .help = "what replicas share: 0 nothing, 1 the optimizer, 2 gradients too, 3 weights too (FSDP)"},
    {"recompute", TW_ATTR_CHOICE, .fallback = "none", .choices = recompute_names, JOB(recompute),
     .help = "full: layers keep their input alone, and are computed again in the backward pass"},
    {"precision", TW_ATTR_CHOICE, .fallback = "bf16", .choices = tw_precision_names, JOB(precision),
     .help = "that products with weights are computed in; attention and the head are in bf16"},
    {"gradients", TW_ATTR_CHOICE, .fallback = "fp32", .choices = tw_precision_names, JOB(gradients),
     .help = "number format that gradients are kept and sent in"},
    TW_TRAINING_TRAFFIC(OVERLAP){"expert-imbalance", TW_ATTR_NUMBER, .fallback = "1", .min = 1, .max = 1e3,
                                 JOB(expert_imbalance),
                                 .help = "experts: load of the busiest rank over the mean"},
    {"start", TW_ATTR_QUANTITY, TW_TIME, "0s", .max = CENTURY_S, JOB(start_s),
     .help = "when its first step begins"},
    {"spares", TW_ATTR_INT, .fallback = "0", .max = 1e6, JOB(spares),
     .help = "with <failures>: accelerators beside those of the job that idle until they take the place of "
             "broken ones; "
             "its traffic then goes as before"},
    {"steps", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e12, JOB(steps),
     .help = "after which it ends; if absent it goes on until <output until=\"...\"/>"},
    COUNT(slices, "in how many parts a step computes and sends what nothing hides, in turn; 1: in one burst, "
                  "before the "
                  "last micro-batch"),
    {"log-every", TW_ATTR_INT, .fallback = "1", .min = 1, .max = 1e9, JOB(log_every),
     .help = "steps of a row of jobs.csv.gz"},
    {0}};
static const tw_child job_children[] = {{&checkpoint_element, 0, 1}, {&tw_site_job_rl_element, 0, 1}, {0}};
const tw_element tw_site_job_element = {"job", "training beside requests, or instead of them", job_attributes,
                                        job_children, NULL};

/* ---- Reading ---- */

static tw_training_setting setting_of(const tw_scenario *scenario, const tw_site_job *job)
{
  tw_training_setting s = {.model = job->model,
                           .device = job->plan.device,
                           .layout = {job->tp, job->cp, job->dp, job->pp, job->ep, job->chunks},
                           .batch = tw_site_job_nominal_batch(scenario, job),
                           .micro_batch = job->micro_batch,
                           .sequence = job->sequence,
                           .zero = (int)job->zero,
                           .recompute = job->recompute != 0,
                           .precision = (tw_precision)job->precision,
                           .gradients = (tw_precision)job->gradients,
                           .expert_imbalance = job->expert_imbalance};
  memcpy(s.overlap, job->overlap, sizeof s.overlap);
  return s;
}

/* Gives a job accelerators that nobody has, or those of the engines. */
static gboolean find_place(tw_scenario *scenario, tw_site_job *job, const xmlNode *node,
                           tw_free_accelerators *free, tw_faults *faults)
{
  g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(tw_engine_place));
  tw_placement_request request = {
      job->id, job->hosts, (tw_placement_kind)job->placement, 1, tw_site_job_accelerators(job) + job->spares,
      job->tp};
  if (tw_site_job_shares(job))
    return tw_site_job_share_place(scenario, job, node, faults);
  if (!tw_place(free, &request, -1, places, node, faults))
    return FALSE;
  job->plan.place = g_array_index(places, tw_engine_place, 0);
  return TRUE;
}

static void place_job(tw_scenario *scenario, tw_site_job *job, const xmlNode *node,
                      tw_free_accelerators *free, tw_faults *faults)
{
  const tw_platform *platform = scenario->platform;
  if (!find_place(scenario, job, node, free, faults))
    return;
  job->plan.device = platform->hosts[job->plan.place.shares[0].host].device;
  for (int i = 1; i < job->plan.place.n_shares; i++)
    if (platform->hosts[job->plan.place.shares[i].host].device != job->plan.device) {
      tw_node_fault(node, faults, "job \"%s\" would run on both %s and %s; narrow hosts=\"%s\" to one device",
                    job->id, job->plan.device->label,
                    platform->hosts[job->plan.place.shares[i].host].device->label, job->hosts);
      return;
    }
  guint before = tw_faults_added(faults);
  job->plan.training = setting_of(scenario, job);
  tw_training_check(&job->plan.training, node, faults);
  if (tw_faults_added(faults) > before)
    return;
  tw_span_free(tw_training_span_new(platform, &job->plan.place, &job->plan.training.layout,
                                    &job->plan.training.reach));
  job->plan.cost = tw_training_cost_of(&job->plan.training);
  job->plan.power = tw_power_law_of(job->plan.device, job->plan.training.precision,
                                    (int)(tw_site_job_accelerators(job) + job->spares), 1);
}

double tw_site_job_work_j(const tw_site_job *job, double flops, double bytes, double work_s)
{
  tw_step_cost cost = {
      .time_s = {work_s, 0}, .kernels_s = {work_s, 0}, .flops = {flops, 0}, .bytes = {bytes, 0}, .valid = 1};
  return tw_power_known(&job->plan.power) && work_s > 0 ? tw_power_dynamic(&job->plan.power, &cost).first : 0;
}

double tw_site_job_most_w(const tw_site_job *job)
{
  const tw_training_cost *cost = &job->plan.cost;
  double moved = cost->optimizer_bytes * (double)tw_site_job_accelerators(job),
         computing_j = tw_site_job_work_j(job, cost->flops, cost->bytes, cost->micro_s),
         updating_j = tw_site_job_work_j(job, 0, moved, cost->optimizer_s);
  return fmax(computing_j > 0 ? computing_j / cost->micro_s : 0,
              updating_j > 0 ? updating_j / cost->optimizer_s : 0);
}

static gboolean has_storage(const tw_platform *platform)
{
  for (int i = 0; i < platform->n_hosts; i++)
    if (platform->zones[platform->hosts[i].zone].role == TW_ROLE_STORAGE)
      return TRUE;
  return FALSE;
}

static void check_job(const tw_scenario *scenario, const tw_site_job *job, const xmlNode *node,
                      tw_faults *faults)
{
  for (int i = 0; i < scenario->n_pools; i++)
    if (g_str_equal(scenario->pools[i].id, job->id))
      tw_node_fault(node, faults, "job id \"%s\" is that of a pool; give the job its own", job->id);
  for (const tw_site_job *other = scenario->jobs; other < job; other++)
    if (g_str_equal(other->id, job->id))
      tw_node_fault(node, faults, "job id \"%s\" is used twice; give each job its own", job->id);
  if (job->steps == G_MININT64 && isnan(scenario->until_s))
    tw_node_fault(node, faults,
                  "job \"%s\" never ends; give it steps=\"...\", or the run <output until=\"...\"/>",
                  job->id);
  const xmlNode *checkpoint = tw_node_child(node, checkpoint_element.name);
  if (checkpoint != NULL && scenario->platform != NULL && !has_storage(scenario->platform))
    tw_node_fault(
        checkpoint, faults,
        "the platform has no host in a zone of role storage that checkpoints could be written to; add one "
        "(tokenworks platform ... --storage), or leave <checkpoint> out");
}

void tw_scenario_read_jobs(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  int n = 0;
  for (const xmlNode *node = tw_node_child(root, "job"); node != NULL; node = tw_node_next(node, "job"))
    n++;
  scenario->jobs = g_new0(tw_site_job, (gsize)n);
  for (const xmlNode *node = tw_node_child(root, "job"); node != NULL; node = tw_node_next(node, "job")) {
    tw_site_job *job = &scenario->jobs[scenario->n_jobs++];
    guint before = tw_faults_added(faults);
    tw_schema_read(node, &tw_site_job_element, job);
    if (tw_node_child(node, checkpoint_element.name) != NULL)
      tw_schema_read_child(node, &checkpoint_element, &job->checkpoint);
    check_job(scenario, job, node, faults);
    job->model = tw_model_load(job->model_name, node, faults);
    tw_scenario_read_rl(scenario, job, node, faults);
    job->sound = tw_faults_added(faults) == before;
  }
  tw_scenario_check_rollouts(scenario, root, faults);
}

void tw_scenario_plan_jobs(tw_scenario *scenario, const xmlNode *root, tw_free_accelerators *free,
                           tw_faults *faults)
{
  const xmlNode *node = tw_node_child(root, "job");
  for (int i = 0; i < scenario->n_jobs; i++, node = tw_node_next(node, "job"))
    if (scenario->jobs[i].sound)
      place_job(scenario, &scenario->jobs[i], node, free, faults);
}

void tw_scenario_clear_jobs(tw_scenario *scenario)
{
  for (int i = 0; i < scenario->n_jobs; i++) {
    tw_site_job *job = &scenario->jobs[i];
    tw_engine_place_clear(&job->plan.place);
    tw_model_free(job->model);
    tw_schema_clear(&tw_site_job_element, job);
  }
  g_free(scenario->jobs);
}

double tw_site_job_checkpoint_bytes(const tw_site_job *job)
{
  return isnan(job->checkpoint.bytes) ? job->plan.cost.state_bytes : job->checkpoint.bytes;
}

gboolean tw_site_job_uses_network(const tw_site_job *job)
{
  gboolean crosses = job->checkpoint.every > 0 || job->kind == TW_SITE_JOB_RL;
  for (int i = 0; i < TW_TRAINING_TRAFFICS; i++)
    crosses |= job->plan.training.reach.groups[i] > 1;
  return crosses;
}
