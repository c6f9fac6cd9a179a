#include "sim/engine/waiting.h"

const char *const tw_waiting_order_names[] = {"arrival", "priority", "fair", "lpm", "lof", NULL};

enum { OUTPUT_WEIGHT = 2 };        /* An output token weighs so many tokens of a prompt, as in the paper. */
enum { FEWEST_CLIENTS = 64 };      /* Fewer clients are not worth a sweep. */
enum { MOST_IDLE_CLIENTS = 4096 }; /* So many clients with nothing here are remembered. */

struct tw_client {
  char *name;
  tw_heap line;         /* its sequences that wait, by ticket */
  gint64 served, since; /* the counter at that decode count, */
  gint64 decoding;      /* Sequences by which the counter rises in each iteration. */
  gint64 inside;        /* sequences in the rank */
  guint place;          /* among the active, if any of its sequences waits */
};

static void free_client(gpointer pointer)
{
  tw_client *client = pointer;
  tw_heap_clear(&client->line);
  g_free(client->name);
  g_free(client);
}

void tw_waiting_init(tw_waiting *w, int order)
{
  *w = (tw_waiting){.order = order, .sweep_at = FEWEST_CLIENTS};
  if (order != TW_ORDER_FAIR)
    return;
  w->clients = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_client);
  w->active = g_ptr_array_new();
}

void tw_waiting_clear(tw_waiting *w)
{
  tw_heap_clear(&w->line);
  g_clear_pointer(&w->clients, g_hash_table_unref);
  g_clear_pointer(&w->active, g_ptr_array_unref);
}

/* ---- Counters ---- */

static gint64 counter(const tw_client *client, gint64 count)
{
  return client->served + OUTPUT_WEIGHT * client->decoding * (count - client->since);
}

static tw_client *first_client(const tw_waiting *w, gint64 count)
{
  tw_client *first = NULL;
  gint64 least = 0;
  for (guint i = 0; i < w->active->len; i++) {
    tw_client *client = w->active->pdata[i];
    gint64 c = counter(client, count);
    if (first == NULL || c < least ||
        (c == least && tw_heap_top(&client->line)->tie < tw_heap_top(&first->line)->tie)) {
      first = client;
      least = c;
    }
  }
  return first;
}

/* The service to which a client is lifted as it begins to wait. */
static gint64 level(const tw_waiting *w, gint64 count)
{
  const tw_client *client = w->active->len > 0 ? first_client(w, count) : w->last;
  return client != NULL ? counter(client, count) : 0;
}

static int by_value(gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return (x > y) - (x < y);
}

static gboolean is_idle(const tw_waiting *w, const tw_client *client)
{
  return client->inside == 0 && client != w->last;
}

/* Forgets the clients that have nothing here, and would be lifted if they came back; and, where too many are
 * left, those that would gain the least by being forgotten. */
static void sweep(tw_waiting *w, gint64 count)
{
  GHashTableIter clients;
  gpointer value;
  gint64 least = level(w, count);
  g_autoptr(GArray) above = g_array_new(FALSE, FALSE, sizeof(gint64));
  g_hash_table_iter_init(&clients, w->clients);
  while (g_hash_table_iter_next(&clients, NULL, &value)) {
    const tw_client *client = value;
    if (is_idle(w, client) && client->served > least)
      g_array_append_val(above, client->served);
  }
  if (above->len > MOST_IDLE_CLIENTS) {
    g_array_sort(above, by_value);
    least = g_array_index(above, gint64, above->len - MOST_IDLE_CLIENTS / 2);
  }
  g_hash_table_iter_init(&clients, w->clients);
  while (g_hash_table_iter_next(&clients, NULL, &value)) {
    const tw_client *client = value;
    if (is_idle(w, client) && client->served <= least)
      g_hash_table_iter_remove(&clients);
  }
  w->sweep_at = MAX(2 * g_hash_table_size(w->clients), FEWEST_CLIENTS);
}

static tw_client *client_of(tw_waiting *w, tw_sequence *sequence, gint64 count)
{
  if (sequence->client != NULL)
    return sequence->client;
  const char *name = sequence->request.session != NULL ? sequence->request.session : "";
  tw_client *client = g_hash_table_lookup(w->clients, name);
  if (client == NULL) {
    if (g_hash_table_size(w->clients) >= w->sweep_at)
      sweep(w, count);
    client = g_new0(tw_client, 1);
    client->name = g_strdup(name);
    client->since = count;
    g_hash_table_insert(w->clients, client->name, client);
  }
  client->inside++;
  sequence->client = client;
  return client;
}

static void settle(tw_client *client, gint64 count)
{
  client->served = counter(client, count);
  client->since = count;
}

void tw_waiting_serve(tw_waiting *w, tw_sequence *sequence, gint64 prompt, gint64 output)
{
  if (w->order == TW_ORDER_FAIR)
    sequence->client->served += prompt + OUTPUT_WEIGHT * output;
}

void tw_waiting_decode(tw_waiting *w, tw_sequence *sequence, int change, gint64 count)
{
  if (w->order != TW_ORDER_FAIR)
    return;
  tw_client *client = client_of(w, sequence, count);
  settle(client, count);
  client->decoding += change;
}

void tw_waiting_forget(tw_waiting *w, tw_sequence *sequence)
{
  if (w->order != TW_ORDER_FAIR)
    return;
  sequence->client->inside--;
  sequence->client = NULL;
}

/* ---- The line ---- */

static double key(const tw_waiting *w, const tw_request *request)
{
  switch (w->order) {
  case TW_ORDER_PRIORITY:
    return request->priority;
  case TW_ORDER_OUTPUT:
    return -(double)tw_request_output_tokens(request);
  default:
    return 0;
  }
}

static int by_heap_order(gconstpointer a, gconstpointer b)
{
  const tw_heap_node *x = &(*(tw_sequence *const *)a)->waiting, *y = &(*(tw_sequence *const *)b)->waiting;
  if (x->key != y->key)
    return x->key < y->key ? -1 : 1;
  return (x->tie > y->tie) - (x->tie < y->tie);
}

GPtrArray *tw_waiting_list(const tw_waiting *w)
{
  GPtrArray *sequences = g_ptr_array_sized_new(w->line.n);
  for (guint i = 0; i < w->line.n; i++)
    g_ptr_array_add(sequences, tw_container(w->line.entries[i].node, tw_sequence, waiting));
  g_ptr_array_sort(sequences, by_heap_order);
  return sequences;
}

void tw_waiting_reorder(tw_waiting *w, const GPtrArray *sequences)
{
  for (guint i = 0; i < sequences->len; i++) {
    tw_sequence *sequence = sequences->pdata[i];
    tw_heap_remove(&w->line, &sequence->waiting);
    tw_heap_push(&w->line, &sequence->waiting, key(w, &sequence->request), w->entered++);
  }
}

void tw_waiting_push(tw_waiting *w, tw_sequence *sequence, gint64 count)
{
  if (w->order != TW_ORDER_FAIR) {
    tw_heap_push(&w->line, &sequence->waiting, key(w, &sequence->request),
                 w->appends ? w->entered++ : sequence->ticket);
    w->n++;
    return;
  }
  tw_client *client = client_of(w, sequence, count);
  if (client->line.n == 0) {
    settle(client, count);
    client->served = MAX(client->served, level(w, count));
    client->place = w->active->len;
    g_ptr_array_add(w->active, client);
  }
  tw_heap_push(&client->line, &sequence->waiting, 0, sequence->ticket);
  w->n++;
}

/* Keys of those that stand before all others where sequences pass each other. */
#define KEY_PASSED -2.0
#define KEY_FRONT  -1.0

void tw_waiting_pass(tw_waiting *w, tw_sequence *sequence, gint64 count)
{
  w->passed++;
  if (sequence->passed == 0)
    sequence->passed = ++w->entered;
  if (w->order != TW_ORDER_ARRIVAL) {
    tw_waiting_push(w, sequence, count);
    return;
  }
  tw_heap_push(&w->line, &sequence->waiting, KEY_PASSED, sequence->passed);
  w->n++;
}

void tw_waiting_push_front(tw_waiting *w, tw_sequence *sequence, gint64 count)
{
  if (w->order != TW_ORDER_ARRIVAL) {
    tw_waiting_push(w, sequence, count);
    return;
  }
  tw_heap_push(&w->line, &sequence->waiting, KEY_FRONT, G_MAXUINT64 - ++w->entered);
  w->n++;
}

tw_sequence *tw_waiting_first(const tw_waiting *w, gint64 count)
{
  if (w->n == 0)
    return NULL;
  const tw_heap *line = w->order == TW_ORDER_FAIR ? &first_client(w, count)->line : &w->line;
  return tw_container(tw_heap_top(line), tw_sequence, waiting);
}

void tw_waiting_take(tw_waiting *w, tw_sequence *sequence)
{
  w->n--;
  w->passed -= sequence->passed > 0;
  if (w->order != TW_ORDER_FAIR) {
    tw_heap_remove(&w->line, &sequence->waiting);
    return;
  }
  tw_client *client = sequence->client;
  tw_heap_remove(&client->line, &sequence->waiting);
  w->last = client;
  if (client->line.n > 0)
    return;
  g_ptr_array_remove_index_fast(w->active, client->place);
  if (client->place < w->active->len)
    ((tw_client *)w->active->pdata[client->place])->place = client->place;
}

gint64 tw_waiting_steady(const tw_waiting *w, gint64 count)
{
  gint64 steady = G_MAXINT64;
  if (w->order != TW_ORDER_FAIR || w->n == 0)
    return steady;
  const tw_client *first = first_client(w, count);
  for (guint i = 0; i < w->active->len; i++) {
    const tw_client *other = w->active->pdata[i];
    gint64 rate = OUTPUT_WEIGHT * (first->decoding - other->decoding);
    if (other == first || rate <= 0)
      continue;
    /* It comes first where its lead is used up, or, with the later ticket, an iteration after. */
    gint64 lead = counter(other, count) - counter(first, count), iterations = lead / rate;
    if (lead % rate != 0 || tw_heap_top(&other->line)->tie > tw_heap_top(&first->line)->tie)
      iterations++;
    steady = MIN(steady, iterations);
  }
  return steady;
}
