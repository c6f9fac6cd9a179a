#include "platforms/reader/availability.h"

#include "platforms/input/text_file.h"
#include "platforms/input/units.h"

#include <math.h>

#define MOST_BYTES (64 << 20)

/* The state while a file is read. */
typedef struct reading {
  tw_availability *profile;
  const char *path;
  gboolean of_speed;
  tw_faults *faults;
} reading;

static gboolean read_loop(const reading *r, char **words, long line)
{
  if (!tw_number_parse(words[1], &r->profile->loop_s) || r->profile->loop_s < 0)
    tw_faults_add(r->faults, r->path, line, "%s \"%s\" is no time; write seconds, such as %s 5", words[0],
                  words[1], words[0]);
  return TRUE;
}

static double last_s(const tw_availability *profile)
{
  guint n = profile->changes->len;
  return n > 0 ? g_array_index(profile->changes, tw_availability_change, n - 1).at_s : 0;
}

static void read_change(const reading *r, char **words, long line)
{
  tw_availability_change change;
  if (!tw_number_parse(words[0], &change.at_s) || change.at_s < last_s(r->profile)) {
    tw_faults_add(
        r->faults, r->path, line,
        "\"%s\" is no time in seconds from %g on, the one before it; write lines of a time and a value",
        words[0], last_s(r->profile));
    return;
  }
  if (!tw_number_parse(words[1], &change.left) || (r->of_speed && (change.left <= 0 || change.left > 1))) {
    tw_faults_add(r->faults, r->path, line,
                  r->of_speed ? "\"%s\" is no speed; write a part of the full one, above 0 and at most 1 (a "
                                "state_file turns hosts off)"
                              : "\"%s\" is no state; write 0 for off or 1 for on",
                  words[1]);
    return;
  }
  change.left = r->of_speed ? change.left : change.left > 0;
  g_array_append_val(r->profile->changes, change);
}

static void read_line(const reading *r, char *text, long line)
{
  g_strstrip(text);
  if (*text == '\0' || *text == '#' || *text == '%')
    return;
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  g_auto(GStrv) all = g_strsplit_set(text, " \t", -1);
  for (char **word = all; *word != NULL; word++)
    if (**word != '\0')
      g_ptr_array_add(words, *word);
  if (words->len != 2)
    tw_faults_add(r->faults, r->path, line, "\"%s\" is not a time and a value; write such as \"10.0 0\"",
                  text);
  else if (g_str_equal(words->pdata[0], "LOOPAFTER") || g_str_equal(words->pdata[0], "PERIODICITY"))
    read_loop(r, (char **)words->pdata, line);
  else
    read_change(r, (char **)words->pdata, line);
}

gboolean tw_availability_read(tw_availability *profile, const xmlNode *node, const char *attribute,
                              const char *name, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  g_autofree char *path = tw_node_path(node, name);
  g_autoptr(GError) error = NULL;
  gsize length = 0;
  g_autofree char *text = tw_text_file_read(path, MOST_BYTES, &length, &error);
  if (text == NULL) {
    tw_node_fault(node, faults, "%s of <%s>: %s", attribute, node->name, error->message);
    return FALSE;
  }
  reading r = {profile, path, g_str_equal(attribute, "speed_file"), faults};
  profile->changes = g_array_new(FALSE, FALSE, sizeof(tw_availability_change));
  profile->loop_s = NAN;
  profile->file = g_strdup(path);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (long i = 0; lines[i] != NULL; i++)
    read_line(&r, lines[i], i + 1);
  if (tw_faults_added(faults) == before && profile->changes->len == 0)
    tw_faults_add(faults, path, 0, "says nothing; write lines of a time and a value, such as \"10.0 0\"");
  if (last_s(profile) + profile->loop_s == 0)
    tw_faults_add(faults, path, 0, "begins anew without end at one instant; write a longer loop");
  return tw_faults_added(faults) == before;
}

void tw_availability_clear(tw_availability *profile)
{
  g_free(profile->file);
  if (profile->changes != NULL)
    g_array_unref(profile->changes);
}

/* The next change, when it comes; FALSE: there is none any more. */
static gboolean next_change(const tw_availability *profile, tw_availability_place *place,
                            tw_availability_change *change)
{
  if (place->next == profile->changes->len) {
    if (isnan(profile->loop_s))
      return FALSE;
    place->begun_s += last_s(profile) + profile->loop_s;
    place->next = 0;
  }
  *change = g_array_index(profile->changes, tw_availability_change, place->next++);
  change->at_s += place->begun_s;
  return TRUE;
}

/* The next change to anything but `left`: within one turn through the file, or never. `place` is then before it. */
static double lasts_until_s(const tw_availability *profile, tw_availability_place *place, double left)
{
  tw_availability_change change;
  for (guint i = 0; i <= profile->changes->len; i++) {
    tw_availability_place before = *place;
    if (!next_change(profile, place, &change))
      break;
    if (change.left != left) {
      *place = before;
      return change.at_s;
    }
  }
  *place = (tw_availability_place){profile->changes->len, INFINITY};
  return INFINITY;
}

gboolean tw_availability_next(const tw_availability *profile, tw_availability_place *place,
                              tw_availability_dip *dip)
{
  tw_availability_change change;
  for (guint i = 0; i <= profile->changes->len && place->begun_s < INFINITY; i++) {
    if (!next_change(profile, place, &change))
      return FALSE;
    if (change.left == 1)
      continue;
    *dip = (tw_availability_dip){change.at_s, lasts_until_s(profile, place, change.left), change.left};
    if (dip->end_s > dip->start_s)
      return TRUE;
  }
  return FALSE;
}
