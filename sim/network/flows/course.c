#include "sim/network/flows/course.h"

#include "sim/base/heap.h"

#include <math.h>

#define MOST_STAGES 64
#define ALIKE       1e-9 /* relative: flows whose ends differ by less in a stage end together */

/* A link that limits its flows together. */
typedef struct shared_link {
  double room;  /* bytes per second that its flows have not been given */
  int unserved; /* number of flows on it whose rates are not known */
  tw_heap_node node;
  guint first, n; /* its flows */
} shared_link;

typedef struct course {
  const tw_convoy_links *links;
  const tw_convoy_flow *flows;
  int n;
  GArray *used;    /* array of shared_link */
  GArray *numbers; /* array of int: the links of `used`, by their numbers among all */
  int *index;      /* by link, its place in `used`, and one more; 0: none */
  int *on_link;    /* the flows on each used link, one link after the other */
  double *caps;    /* by flow, what links allow that limit each flow by itself */
  int *by_cap;     /* flows with the least cap first */
  double *rates;   /* by flow, of this stage; NAN: not known */
  double *left;    /* bytes; 0: it has ended */
} course;

static shared_link *link_at(const course *c, guint i)
{
  return &g_array_index(c->used, shared_link, i);
}

static gboolean limits_together(const course *c, int link)
{
  return c->links->shared[link];
}

static shared_link *link_of(const course *c, int flow, int k)
{
  int link = c->flows[flow].links[k];
  return limits_together(c, link) ? link_at(c, (guint)c->index[link] - 1) : NULL;
}

/* Counts the flows of each link that they share, and finds what each flow may have by itself. */
static void count_flows(course *c)
{
  for (int i = 0; i < c->n; i++) {
    c->caps[i] = INFINITY;
    for (int k = 0; k < c->flows[i].n_links; k++) {
      int link = c->flows[i].links[k];
      if (!limits_together(c, link)) {
        c->caps[i] = fmin(c->caps[i], c->links->rates[link]);
        continue;
      }
      if (c->index[link] == 0) {
        shared_link fresh = {.node = {.place = TW_HEAP_OUT}};
        g_array_append_val(c->used, fresh);
        g_array_append_val(c->numbers, link);
        c->index[link] = (int)c->used->len;
      }
      link_of(c, i, k)->n++;
    }
  }
}

static void list_flows(course *c)
{
  guint sum = 0;
  for (guint i = 0; i < c->used->len; i++) {
    shared_link *l = link_at(c, i);
    l->first = sum;
    sum += l->n;
    l->n = 0;
  }
  c->on_link = g_new(int, sum + 1);
  for (int i = 0; i < c->n; i++)
    for (int k = 0; k < c->flows[i].n_links; k++) {
      shared_link *l = link_of(c, i, k);
      if (l != NULL)
        c->on_link[l->first + l->n++] = i;
    }
}

static int by_cap(gconstpointer a, gconstpointer b, gpointer caps)
{
  double one = ((const double *)caps)[*(const int *)a], other = ((const double *)caps)[*(const int *)b];
  return (one > other) - (one < other);
}

static course *course_new(const tw_convoy_links *links, const tw_convoy_flow *flows, int n)
{
  course *c = g_new(course, 1);
  *c = (course){.links = links,
                .flows = flows,
                .n = n,
                .used = g_array_new(FALSE, FALSE, sizeof(shared_link)),
                .numbers = g_array_new(FALSE, FALSE, sizeof(int)),
                .index = g_new0(int, (gsize)links->n),
                .caps = g_new(double, (gsize)n),
                .by_cap = g_new(int, (gsize)n),
                .rates = g_new(double, (gsize)n),
                .left = g_new(double, (gsize)n)};
  count_flows(c);
  list_flows(c);
  for (int i = 0; i < n; i++) {
    c->by_cap[i] = i;
    c->left[i] = flows[i].bytes;
  }
  g_qsort_with_data(c->by_cap, n, sizeof *c->by_cap, by_cap, c->caps);
  return c;
}

static void free_course(course *c)
{
  g_array_unref(c->used);
  g_array_unref(c->numbers);
  g_free(c->index);
  g_free(c->on_link);
  g_free(c->caps);
  g_free(c->by_cap);
  g_free(c->rates);
  g_free(c->left);
  g_free(c);
}

/* ---- The rates of a stage ---- */

/* What a link has for each of the flows whose rates are not known. */
static double share_of(const shared_link *l)
{
  return fmax(l->room, 0) / l->unserved;
}

static void serve(course *c, int flow, double rate)
{
  c->rates[flow] = rate;
  for (int k = 0; k < c->flows[flow].n_links; k++) {
    shared_link *l = link_of(c, flow, k);
    if (l == NULL)
      continue;
    l->room -= rate;
    l->unserved--;
  }
}

static void serve_all_on(course *c, const shared_link *l, double rate)
{
  for (guint i = 0; i < l->n; i++)
    if (isnan(c->rates[c->on_link[l->first + i]]))
      serve(c, c->on_link[l->first + i], rate);
}

/* The link that has least for each flow; shares grow as flows are served, and those in the heap follow late. NULL: all
 * flows of all links are served. */
static shared_link *scarcest(tw_heap *heap)
{
  for (tw_heap_node *top; (top = tw_heap_top(heap)) != NULL;) {
    shared_link *l = tw_container(top, shared_link, node);
    if (l->unserved == 0)
      tw_heap_remove(heap, top);
    else if (share_of(l) > top->key)
      tw_heap_update(heap, top, share_of(l));
    else
      return l;
  }
  return NULL;
}

static void begin_stage(course *c, tw_heap *heap)
{
  for (guint i = 0; i < c->used->len; i++) {
    link_at(c, i)->room = c->links->rates[g_array_index(c->numbers, int, i)];
    link_at(c, i)->unserved = 0;
  }
  for (int i = 0; i < c->n; i++) {
    c->rates[i] = c->left[i] > 0 ? NAN : 0;
    for (int k = 0; k < c->flows[i].n_links && c->left[i] > 0; k++)
      if (link_of(c, i, k) != NULL)
        link_of(c, i, k)->unserved++;
  }
  for (guint i = 0; i < c->used->len; i++)
    if (link_at(c, i)->unserved > 0)
      tw_heap_push(heap, &link_at(c, i)->node, share_of(link_at(c, i)), i);
}

static void find_rates(course *c)
{
  tw_heap heap = TW_HEAP_INIT;
  int next = 0; /* of by_cap */
  begin_stage(c, &heap);
  for (;;) {
    while (next < c->n && !isnan(c->rates[c->by_cap[next]]))
      next++;
    if (next == c->n)
      break;
    const shared_link *l = scarcest(&heap);
    double cap = c->caps[c->by_cap[next]];
    if (l == NULL || cap <= share_of(l))
      serve(c, c->by_cap[next], cap);
    else
      serve_all_on(c, l, share_of(l));
  }
  for (tw_heap_node *top; (top = tw_heap_top(&heap)) != NULL;)
    tw_heap_remove(&heap, top);
  tw_heap_clear(&heap);
}

/* ---- Stages ---- */

/* Seconds until the first flow of a stage ends; INFINITY: all have ended. */
static double stage_s(const course *c)
{
  double first_s = INFINITY;
  for (int i = 0; i < c->n; i++)
    if (c->left[i] > 0)
      first_s = fmin(first_s, c->left[i] / c->rates[i]);
  return first_s;
}

/* Lets so many seconds of a stage pass; flows that end with the first do so now. */
static void pass(course *c, double seconds, double now_s, double *ends_s)
{
  for (int i = 0; i < c->n; i++) {
    if (c->left[i] <= 0)
      continue;
    gboolean ends = c->left[i] / c->rates[i] <= seconds * (1 + ALIKE);
    c->left[i] = ends ? 0 : c->left[i] - c->rates[i] * seconds;
    if (ends && ends_s != NULL)
      ends_s[i] = now_s;
  }
}

gboolean tw_course_find(const tw_convoy_links *links, const tw_convoy_flow *flows, int n, double *ends_s)
{
  course *c = course_new(links, flows, n);
  double now_s = 0, seconds = 0;
  int stages = 0;
  for (; stages <= MOST_STAGES; stages++) {
    find_rates(c);
    seconds = stage_s(c);
    if (isinf(seconds))
      break;
    now_s += seconds;
    pass(c, seconds, now_s, ends_s);
  }
  free_course(c);
  return stages <= MOST_STAGES;
}

void tw_course_left(const tw_convoy_links *links, const tw_convoy_flow *flows, int n, double after_s,
                    double *left)
{
  course *c = course_new(links, flows, n);
  double now_s = 0, seconds = 0;
  for (; now_s < after_s; now_s += seconds) {
    find_rates(c);
    seconds = fmin(stage_s(c), after_s - now_s);
    if (seconds == 0 || isinf(seconds))
      break;
    pass(c, seconds, now_s, NULL);
  }
  memcpy(left, c->left, (gsize)n * sizeof *left);
  free_course(c);
}
