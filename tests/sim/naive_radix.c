#include "tests/sim/naive_radix.h"

static naive_node *new_node(naive_node *parent, const guint64 *tokens, gint64 n)
{
  naive_node *child = g_new0(naive_node, 1);
  child->parent = parent;
  child->key = g_array_new(FALSE, FALSE, sizeof(guint64));
  child->children = g_ptr_array_new();
  g_array_append_vals(child->key, tokens, (guint)n);
  g_ptr_array_add(parent->children, child);
  return child;
}

static void remove_node(naive_node *n)
{
  g_ptr_array_remove(n->parent->children, n);
  g_array_unref(n->key);
  g_ptr_array_unref(n->children);
  g_free(n);
}

static gint64 alike(const naive_node *n, const guint64 *tokens, gint64 most, gint64 page)
{
  gint64 same = 0;
  while (same < MIN((gint64)n->key->len, most) && g_array_index(n->key, guint64, same) == tokens[same])
    same++;
  return same / page * page;
}

static naive_node *split(naive_node *n, gint64 at)
{
  naive_node *parent = n->parent;
  g_ptr_array_remove(parent->children, n);
  naive_node *head = new_node(parent, (guint64 *)(void *)n->key->data, at);
  head->locks = n->locks;
  head->access = n->access;
  g_array_remove_range(n->key, 0, (guint)at);
  n->parent = head;
  g_ptr_array_add(head->children, n);
  return head;
}

naive_node *naive_radix_match(naive_radix *t, const guint64 *tokens, gint64 n, gint64 *matched)
{
  naive_node *at = &t->root;
  *matched = 0;
  for (gboolean on = TRUE; on;) {
    on = FALSE;
    for (guint i = 0; i < at->children->len && !on; i++) {
      naive_node *child = at->children->pdata[i];
      gint64 same = alike(child, tokens + *matched, n - *matched, t->page);
      if (same == 0)
        continue;
      at = same < (gint64)child->key->len ? split(child, same) : child;
      *matched += same;
      on = TRUE;
    }
  }
  if (at != &t->root)
    t->clock++;
  for (naive_node *up = at; up != &t->root; up = up->parent)
    up->access = t->clock;
  return at;
}

naive_node *naive_radix_insert(naive_radix *t, const guint64 *tokens, gint64 n, gint64 *matched)
{
  n = n / t->page * t->page;
  naive_node *at = naive_radix_match(t, tokens, n, matched);
  if (*matched < n) {
    at = new_node(at, tokens + *matched, n - *matched);
    t->pages += (n - *matched) / t->page;
    t->idle_pages += (n - *matched) / t->page;
    t->clock++;
    for (naive_node *up = at; up != &t->root; up = up->parent)
      up->access = t->clock;
  }
  return at;
}

void naive_radix_lock(naive_radix *t, naive_node *n, int change)
{
  for (; n != &t->root; n = n->parent) {
    gboolean was = n->locks == 0;
    n->locks += change;
    t->idle_pages += ((n->locks == 0) - was) * (gint64)n->key->len / t->page;
  }
}

static naive_node *oldest_leaf(naive_node *n)
{
  naive_node *oldest = NULL;
  for (guint i = 0; i < n->children->len; i++) {
    naive_node *child = n->children->pdata[i], *leaf = child->children->len > 0 ? oldest_leaf(child) : child;
    if (leaf != NULL && leaf->locks == 0 && (oldest == NULL || leaf->access < oldest->access))
      oldest = leaf;
  }
  return oldest;
}

void naive_radix_evict(naive_radix *t, gint64 pages)
{
  for (naive_node *leaf; pages > 0 && (leaf = oldest_leaf(&t->root)) != NULL;) {
    gint64 freed = (gint64)leaf->key->len / t->page;
    remove_node(leaf);
    pages -= freed;
    t->pages -= freed;
    t->idle_pages -= freed;
  }
}

void naive_radix_clear(naive_node *n)
{
  while (n->children->len > 0) {
    naive_node *child = n->children->pdata[n->children->len - 1];
    naive_radix_clear(child);
    remove_node(child);
  }
}
