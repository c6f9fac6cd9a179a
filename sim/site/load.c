#include "sim/site/load.h"

#include "sim/site/dispatcher.h"

#include <math.h>

struct tw_load_part {
  const tw_site *site;
  double start_s;
  gboolean started, over; /* over: no request would come any more, as it looks */
  tw_load_time marks;
};

static tw_load_mark mark(const tw_site *site, double now_s)
{
  tw_load_mark mark = {.time_s = now_s, .arrived = (double)tw_recorder_totals(site->recorder)->arrived};
  tw_energy whole = tw_telemetry_whole(site->telemetry, &mark.whole_s);
  for (int i = 0; i < site->n_engines; i++) {
    const tw_pool *pool = site->seats[i].pool;
    tw_usage usage = tw_engine_total(site->engines[i], now_s);
    mark.prompt_tokens += (double)usage.prompt_tokens;
    mark.output_tokens += (double)usage.output_tokens;
    mark.busy_s += usage.busy_s * (double)(pool->tp * pool->pp * pool->dp);
  }
  mark.site_j = whole.accelerator_j + whole.host_j + whole.network_j + whole.overhead_j;
  mark.usd = whole.usd;
  return mark;
}

static void *new_load(tw_site *site)
{
  const tw_scenario *scenario = site->scenario;
  const tw_class *only = tw_scenario_only_class(scenario);
  double ramp_s = only != NULL ? only->ramp_s : 0;
  site->load = g_new0(struct tw_load_part, 1);
  *site->load = (struct tw_load_part){.site = site, .start_s = fmax(scenario->warmup_s, ramp_s)};
  site->load->started = site->load->start_s <= 0;
  return site->load;
}

static double due(const void *part)
{
  const struct tw_load_part *load = part;
  return load->started ? INFINITY : load->start_s;
}

static gboolean step(void *part, double now_s, GError **error)
{
  struct tw_load_part *load = part;
  (void)error;
  load->started = TRUE;
  load->marks.from = mark(load->site, now_s);
  return TRUE;
}

/* Sessions may ask again after all: then their last request is the last arrival. */
static void settle(void *part, double now_s)
{
  struct tw_load_part *load = part;
  gboolean over = tw_dispatcher_is_idle(load->site->dispatcher);
  if (over && !load->over)
    load->marks.to = mark(load->site, now_s);
  load->over = over;
}

tw_load_time tw_load_time_read(const tw_site *site, double end_s)
{
  tw_load_time marks = site->load->marks;
  if (!site->load->started)
    marks.from = mark(site, end_s);
  if (!site->load->over)
    marks.to = mark(site, end_s);
  return marks;
}

const tw_part_kind tw_load_part = {.name = "load",
                                   .life = TW_PART_FOLLOWS,
                                   .new = new_load,
                                   .due = due,
                                   .step = step,
                                   .settle = settle,
                                   .free = g_free};
