#include "sim/site/failures/wires.h"

#include <math.h>

/* The share of a link that a failure takes. */
typedef struct loss {
  tw_breakage what;
  int lane, lanes; /* The lane that fails, of the equal ones that the link stands for. */
} loss;

struct tw_wires {
  const tw_platform *platform;
  tw_network network;
  GArray **losses;        /* by link, of loss; NULL: none yet */
  double *speeds;         /* by link, the part of its bandwidth that is left */
  gboolean *stopped;      /* by link */
  gboolean turned;        /* a link has stopped, or does no longer, since hosts were looked at */
  gboolean *cut, *before; /* by host; before the failure under way, too */
};

tw_wires *tw_wires_new(const tw_platform *platform, const tw_network *network)
{
  tw_wires *wires = g_new(tw_wires, 1);
  gsize links = (gsize)platform->n_links, hosts = (gsize)platform->n_hosts;
  *wires = (tw_wires){.platform = platform,
                      .network = *network,
                      .losses = g_new0(GArray *, links),
                      .speeds = g_new(double, links),
                      .stopped = g_new0(gboolean, links),
                      .cut = g_new0(gboolean, hosts),
                      .before = g_new0(gboolean, hosts)};
  for (gsize i = 0; i < links; i++)
    wires->speeds[i] = 1;
  return wires;
}

void tw_wires_free(tw_wires *wires)
{
  if (wires == NULL)
    return;
  for (int i = 0; i < wires->platform->n_links; i++)
    if (wires->losses[i] != NULL)
      g_array_unref(wires->losses[i]);
  g_free(wires->losses);
  g_free(wires->speeds);
  g_free(wires->stopped);
  g_free(wires->cut);
  g_free(wires->before);
  g_free(wires);
}

static double lost_by(const loss *l)
{
  return l->what.effect == TW_EFFECT_LIMP ? 1 - l->what.speed : 1;
}

/* Whether another failure takes as much of the same lane, and counts instead of this one. */
static gboolean is_covered(const GArray *losses, guint number)
{
  const loss *l = &g_array_index(losses, loss, number);
  for (guint i = 0; i < losses->len; i++) {
    const loss *other = &g_array_index(losses, loss, i);
    if (i != number && other->lanes > 1 && other->lane == l->lane &&
        (lost_by(other) > lost_by(l) || (lost_by(other) == lost_by(l) && i < number)))
      return TRUE;
  }
  return FALSE;
}

/* Lanes fail beside each other; what hits all of a link slows down those that are left. */
static double speed_of(const GArray *losses)
{
  double lanes = 1, all = 1;
  for (guint i = 0; i < losses->len; i++) {
    const loss *l = &g_array_index(losses, loss, i);
    if (l->lanes == 1)
      all = fmin(all, 1 - lost_by(l));
    else if (!is_covered(losses, i))
      lanes -= lost_by(l) / l->lanes;
  }
  return lanes > 1e-9 ? lanes * all : 0;
}

static void set_speed(tw_wires *wires, int link, double now_s)
{
  double speed = speed_of(wires->losses[link]);
  if (speed == wires->speeds[link])
    return;
  wires->turned |= (speed == 0) != wires->stopped[link];
  wires->speeds[link] = speed;
  wires->stopped[link] = speed == 0;
  if (wires->network.set_speed != NULL)
    wires->network.set_speed(wires->network.state, wires->platform->links[link].id, speed, now_s);
}

/* The hosts that are cut off, or no longer, since the failure under way. */
static GArray *changed(tw_wires *wires)
{
  GArray *hosts = g_array_new(FALSE, FALSE, sizeof(int));
  if (!wires->turned)
    return hosts;
  wires->turned = FALSE;
  memcpy(wires->before, wires->cut, (gsize)wires->platform->n_hosts * sizeof *wires->cut);
  tw_wiring_find_cut(wires->platform, wires->stopped, wires->cut);
  for (int i = 0; i < wires->platform->n_hosts; i++)
    if (wires->cut[i] != wires->before[i])
      g_array_append_val(hosts, i);
  return hosts;
}

GArray *tw_wires_break(tw_wires *wires, const tw_breakage *what, double now_s)
{
  loss l = {.what = *what};
  g_autoptr(GArray) links = tw_failing_links(wires->platform, what->part, what->component, &l.lane, &l.lanes);
  for (guint i = 0; i < links->len; i++) {
    int link = g_array_index(links, int, i);
    if (wires->losses[link] == NULL)
      wires->losses[link] = g_array_new(FALSE, FALSE, sizeof(loss));
    g_array_append_val(wires->losses[link], l);
    set_speed(wires, link, now_s);
  }
  return changed(wires);
}

static gboolean is_same(const tw_breakage *a, const tw_breakage *b)
{
  return a->part == b->part && a->component == b->component && a->start_s == b->start_s &&
         a->repaired_s == b->repaired_s && a->effect == b->effect && a->drawn == b->drawn;
}

GArray *tw_wires_mend(tw_wires *wires, const tw_breakage *what, double now_s)
{
  int lane, lanes;
  g_autoptr(GArray) links = tw_failing_links(wires->platform, what->part, what->component, &lane, &lanes);
  for (guint i = 0; i < links->len; i++) {
    int link = g_array_index(links, int, i);
    GArray *losses = wires->losses[link];
    for (guint k = 0; k < losses->len; k++)
      if (is_same(&g_array_index(losses, loss, k).what, what)) {
        g_array_remove_index(losses, k);
        break;
      }
    set_speed(wires, link, now_s);
  }
  return changed(wires);
}
