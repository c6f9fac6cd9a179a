/* Caps on power: the governor (sim/energy/governor.h) as a part of the site. Its steps change the limits of
 * engines, and so what their later events take; they are no events of the site themselves. */
#include "sim/site/agenda.h"

typedef struct caps {
  tw_site *site;
  tw_governor *governor;
} caps;

static void *new_caps(tw_site *site)
{
  site->governor = tw_governor_new(site->scenario, site->power, site->engines);
  if (site->governor == NULL)
    return NULL;
  caps *part = g_new(caps, 1);
  *part = (caps){site, site->governor};
  return part;
}

static double due(const void *part)
{
  return tw_governor_due(((const caps *)part)->governor);
}

static gboolean step(void *part, double now_s, GError **error)
{
  (void)now_s, (void)error;
  tw_governor_step(((caps *)part)->governor);
  tw_agenda_touch_all(((caps *)part)->site->agenda);
  return TRUE;
}

static void free_caps(void *part)
{
  tw_governor_free(((caps *)part)->governor);
  g_free(part);
}

const tw_part_kind tw_caps_part = {
    .name = "caps", .life = TW_PART_FOLLOWS, .new = new_caps, .due = due, .step = step, .free = free_caps};
