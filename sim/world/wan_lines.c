#include "sim/world/wan_lines.h"

#include <math.h>

typedef struct line {
  tw_heap parcels; /* by the V at which they have left it */
  double bytes_per_s;
  double v, v_s; /* V, and when it was that */
} line;

struct tw_wan_lines {
  line *lines;
  int n;
  guint64 sent;
  int first; /* the line that a parcel leaves next, -1: none does */
  double due_s;
};

tw_wan_lines *tw_wan_lines_new(int n_lines)
{
  tw_wan_lines *lines = g_new(tw_wan_lines, 1);
  *lines =
      (tw_wan_lines){.lines = g_new0(line, (gsize)n_lines), .n = n_lines, .first = -1, .due_s = INFINITY};
  return lines;
}

void tw_wan_lines_free(tw_wan_lines *lines)
{
  if (lines == NULL)
    return;
  for (int i = 0; i < lines->n; i++)
    tw_heap_clear(&lines->lines[i].parcels);
  g_free(lines->lines);
  g_free(lines);
}

/* When a parcel leaves the line next, as it is shared now. */
static double line_due(const line *l)
{
  const tw_heap_node *top = tw_heap_top(&l->parcels);
  return top != NULL ? l->v_s + (top->key - l->v) * l->parcels.n / l->bytes_per_s : INFINITY;
}

static void find_first(tw_wan_lines *lines)
{
  lines->first = -1;
  lines->due_s = INFINITY;
  for (int i = 0; i < lines->n; i++) {
    double due_s = line_due(&lines->lines[i]);
    if (due_s >= lines->due_s)
      continue;
    lines->first = i;
    lines->due_s = due_s;
  }
}

void tw_wan_lines_send(tw_wan_lines *lines, tw_parcel *parcel, int index, double bytes, double bytes_per_s,
                       double now_s)
{
  line *l = &lines->lines[index];
  g_assert(isfinite(bytes_per_s) && bytes >= 0);
  if (l->parcels.n > 0)
    l->v = fmin(l->v + (now_s - l->v_s) * bytes_per_s / l->parcels.n, tw_heap_top(&l->parcels)->key);
  else
    l->v = 0;
  l->v_s = now_s;
  l->bytes_per_s = bytes_per_s;
  parcel->line = index;
  tw_heap_push(&l->parcels, &parcel->node, l->v + bytes, lines->sent++);
  find_first(lines);
}

double tw_wan_lines_estimate_s(const tw_wan_lines *lines, int index, double bytes, double bytes_per_s)
{
  return bytes * (lines->lines[index].parcels.n + 1) / bytes_per_s;
}

double tw_wan_lines_due(const tw_wan_lines *lines)
{
  return lines->due_s;
}

tw_parcel *tw_wan_lines_take(tw_wan_lines *lines)
{
  g_assert(lines->first >= 0);
  line *l = &lines->lines[lines->first];
  tw_heap_node *node = tw_heap_top(&l->parcels);
  l->v_s = lines->due_s;
  l->v = node->key;
  tw_heap_remove(&l->parcels, node);
  find_first(lines);
  return tw_container(node, tw_parcel, node);
}
