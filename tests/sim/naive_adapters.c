#include "tests/sim/naive_adapters.h"

/* NULL: it uses none. */
static naive_adapter *adapter_of(const naive_adapters *adapters, const char *class)
{
  return adapters->config->slots > 0 && class != NULL ? (naive_adapter *)&adapters->of[*class - 'a'] : NULL;
}

void naive_adapters_run_none(naive_adapters *adapters)
{
  for (int i = 0; i < NAIVE_ADAPTERS; i++)
    adapters->of[i].runs = FALSE;
}

void naive_adapters_run(naive_adapters *adapters, const char *class)
{
  naive_adapter *a = adapter_of(adapters, class);
  if (a == NULL || a->runs)
    return;
  a->runs = TRUE;
  a->used = ++adapters->uses;
}

gboolean naive_adapters_must_wait(const naive_adapters *adapters, const char *class)
{
  const naive_adapter *a = adapter_of(adapters, class);
  gint64 run = 0;
  for (int i = 0; i < NAIVE_ADAPTERS; i++)
    run += adapters->of[i].runs;
  return a != NULL && !a->runs && run == adapters->config->slots;
}

/* Makes room for one more among those that are loaded, or held. */
static void make_room(naive_adapters *adapters, gboolean held, gint64 places)
{
  naive_adapter *oldest = NULL;
  gint64 n = 0;
  for (naive_adapter *a = adapters->of; a < adapters->of + NAIVE_ADAPTERS; a++) {
    if (!(held ? a->held : a->loaded))
      continue;
    n++;
    if (!a->runs && (oldest == NULL || a->used < oldest->used))
      oldest = a;
  }
  g_assert_true(n < places || oldest != NULL);
  if (n == places)
    *(held ? &oldest->held : &oldest->loaded) = FALSE;
}

double naive_adapters_load(naive_adapters *adapters, const char *class)
{
  const tw_adapters_config *config = adapters->config;
  naive_adapter *a = adapter_of(adapters, class);
  if (a == NULL || a->runs)
    return 0;
  double takes_s = a->loaded ? 0 : config->host_s + (a->held ? 0 : config->storage_s);
  if (!a->held)
    make_room(adapters, TRUE, config->host_slots);
  if (!a->loaded)
    make_room(adapters, FALSE, config->slots);
  a->loaded = a->held = a->runs = TRUE;
  a->used = ++adapters->uses;
  return takes_s;
}

tw_request naive_request_of(const naive_config *config, const naive_request *r, guint64 id)
{
  const naive_ids none = {0}, *ids = config->ids != NULL ? &config->ids[id] : &none;
  return (tw_request){.id = id,
                      .arrival_s = r->arrival_s,
                      .prompt_tokens = r->prompt,
                      .reasoning_tokens = r->reasoning,
                      .answer_tokens = r->answer,
                      .priority = r->priority,
                      .n_hashes = ids->n_hashes,
                      .hash_tokens = ids->hash_tokens,
                      .context_tokens = ids->context,
                      .hashes = ids->hashes,
                      .class = config->classes != NULL ? config->classes[id] : NULL};
}

GQueue *naive_next_queue(GQueue *skipped, GQueue *waiting, GCompareDataFunc order, gpointer user)
{
  if (skipped->length == 0 || waiting->length == 0)
    return skipped->length > 0 ? skipped : waiting;
  return order != NULL && order(waiting->head->data, skipped->head->data, user) < 0 ? waiting : skipped;
}

void naive_put_back(GQueue *skipped, GQueue *passed, GCompareDataFunc order, gpointer user)
{
  for (gpointer one; (one = g_queue_pop_tail(passed)) != NULL;)
    if (order != NULL)
      g_queue_insert_sorted(skipped, one, order, user);
    else
      g_queue_push_head(skipped, one);
}
