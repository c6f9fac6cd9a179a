#include "tests/sim/naive_sglang.h"

naive_node *naive_sglang_find(engine *e, req *r, gint64 *matched)
{
  *matched = 0;
  if (!e->c->prefix_cache)
    return &e->t.root;
  gint64 known = r->request->prompt + r->outputs;
  return naive_radix_match(&e->t, r->tokens, (known - 1) / e->c->block_tokens * e->c->block_tokens, matched);
}

static gint64 shared(const req *a, const req *b)
{
  gint64 n = 0;
  while (n < MIN(a->request->prompt, b->request->prompt) && a->tokens[n] == b->tokens[n])
    n++;
  return n;
}

static int in_order(gconstpointer a, gconstpointer b, gpointer user)
{
  const req *x = a, *y = b;
  const engine *e = user;
  if (e->c->priorities)
    return (x->request->priority > y->request->priority) - (x->request->priority < y->request->priority);
  if (e->c->order == TW_ORDER_OUTPUT)
    return (limit(x) < limit(y)) - (limit(x) > limit(y));
  if (e->c->order != TW_ORDER_PREFIX)
    return 0;
  if (x->deprioritized != y->deprioritized)
    return x->deprioritized - y->deprioritized;
  return x->deprioritized ? 0 : (x->found < y->found) - (x->found > y->found);
}

void naive_sglang_order(engine *e)
{
  if (!e->c->priorities && e->c->order == TW_ORDER_PREFIX) {
    if (e->waiting.length > 128)
      return;
    for (GList *link = e->waiting.head; link != NULL; link = link->next) {
      req *r = link->data;
      naive_sglang_find(e, r, &r->found);
      r->deprioritized = FALSE;
      for (GList *before = e->waiting.head; e->c->prefix_cache && r->found <= 32 && before != link;
           before = before->next) {
        req *other = before->data;
        if (other->found <= 32 && !other->deprioritized && shared(r, other) >= 32)
          r->deprioritized = TRUE;
      }
    }
  }
  g_queue_sort(&e->waiting, in_order, e);
}
