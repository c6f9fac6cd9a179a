#include "sim/engine/adapters.h"

void tw_adapters_init(tw_adapters *adapters, const tw_adapters_config *config)
{
  *adapters = (tw_adapters){.config = *config};
  if (config->slots == 0)
    return;
  adapters->loaded = g_ptr_array_new();
  adapters->held = g_ptr_array_new();
  adapters->used = g_ptr_array_new();
}

void tw_adapters_clear(tw_adapters *adapters)
{
  g_clear_pointer(&adapters->loaded, g_ptr_array_unref);
  g_clear_pointer(&adapters->held, g_ptr_array_unref);
  g_clear_pointer(&adapters->used, g_ptr_array_unref);
}

/* NULL: the model as it is. */
static const char *adapter_of(const tw_adapters *adapters, const tw_request *request)
{
  return request->class != adapters->config.base ? request->class : NULL;
}

static gboolean has(const GPtrArray *names, const char *name)
{
  return g_ptr_array_find((GPtrArray *)names, name, NULL);
}

/* Moves a name to the end, or adds it there. TRUE: it was there. */
static gboolean renew(GPtrArray *names, const char *name)
{
  gboolean there = g_ptr_array_remove(names, (gpointer)name);
  g_ptr_array_add(names, (gpointer)name);
  return there;
}

void tw_adapters_run_none(tw_adapters *adapters)
{
  g_ptr_array_set_size(adapters->used, 0);
}

void tw_adapters_run(tw_adapters *adapters, const tw_request *request)
{
  const char *name = adapter_of(adapters, request);
  if (name == NULL || has(adapters->used, name))
    return;
  g_ptr_array_add(adapters->used, (gpointer)name);
  renew(adapters->loaded, name);
  renew(adapters->held, name);
}

gboolean tw_adapters_admit(const tw_adapters *adapters, const tw_request *request)
{
  const char *name = adapter_of(adapters, request);
  return name == NULL || adapters->used->len < adapters->config.slots || has(adapters->used, name);
}

void tw_adapters_load(tw_adapters *adapters, const tw_request *request, tw_adapter_loads *loads)
{
  const tw_adapters_config *config = &adapters->config;
  const char *name = adapter_of(adapters, request);
  if (name == NULL || has(adapters->used, name))
    return;
  g_ptr_array_add(adapters->used, (gpointer)name);
  gboolean held = renew(adapters->held, name);
  if (renew(adapters->loaded, name))
    return;
  /* Those that run were used last: they stand behind the one that has to go. */
  if (adapters->loaded->len > config->slots)
    g_ptr_array_remove_index(adapters->loaded, 0);
  if (adapters->held->len > config->host_slots)
    g_ptr_array_remove_index(adapters->held, 0);
  loads->loads++;
  loads->fetches += !held;
  loads->time_s += config->host_s + (held ? 0 : config->storage_s);
}
