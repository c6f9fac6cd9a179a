#include "sim/engine/gaps.h"

typedef struct entry {
  gint64 count; /* Number of the iterations before. */
  double gap_s;
} entry;

void tw_gaps_init(tw_gaps *gaps)
{
  gaps->longest = g_array_new(FALSE, FALSE, sizeof(entry));
  gaps->fresh = g_ptr_array_new();
  gaps->last_s = NAN;
}

void tw_gaps_clear(tw_gaps *gaps)
{
  if (gaps->longest == NULL)
    return;
  g_array_unref(gaps->longest);
  g_ptr_array_unref(gaps->fresh);
  *gaps = (tw_gaps){0};
}

void tw_gaps_join(tw_gaps *gaps, tw_sequence *sequence)
{
  if (gaps->longest != NULL)
    g_ptr_array_add(gaps->fresh, sequence);
}

static void lengthen(tw_sequence *sequence, double gap_s)
{
  sequence->longest_gap_s = fmax(sequence->longest_gap_s, gap_s); /* NAN: it has none yet */
}

/* The longest of iterations `from` to `end` - 1 of a segment, whose lengths are one line; 0: there are none. */
static double longest_of(const tw_segment *segment, gint64 from, gint64 end)
{
  tw_line line = segment->cost.time_s;
  gint64 j = line.growth > 0 ? end - 1 : from;
  return from < end ? line.first + line.growth * (double)j : 0;
}

/* The gap that ends with the next iteration: where the last token came as that begins, its length. Differences
 * of instants would round in other ways from step to step. */
static double first_gap(const tw_segment *segment, double last_s)
{
  gint64 j = segment->done;
  if (last_s == tw_segment_boundary(segment, j))
    return longest_of(segment, j, j + 1);
  return tw_segment_boundary(segment, j + 1) - last_s;
}

static void add(tw_gaps *gaps, entry e)
{
  GArray *longest = gaps->longest;
  while (longest->len > 0 && g_array_index(longest, entry, longest->len - 1).gap_s <= e.gap_s)
    g_array_set_size(longest, longest->len - 1);
  g_array_append_val(longest, e);
}

void tw_gaps_advance(tw_gaps *gaps, gint64 count, const tw_segment *segment, gint64 iterations)
{
  if (gaps->longest == NULL)
    return;
  gint64 j = segment->done;
  double rest_s = longest_of(segment, j + 1, j + iterations);
  for (guint i = 0; i < gaps->fresh->len; i++) {
    tw_sequence *sequence = gaps->fresh->pdata[i];
    lengthen(sequence, fmax(first_gap(segment, sequence->last_token_s), rest_s));
  }
  g_ptr_array_set_size(gaps->fresh, 0);
  if (!isnan(gaps->last_s))
    add(gaps, (entry){count, fmax(first_gap(segment, gaps->last_s), rest_s)});
  gaps->last_s = tw_segment_boundary(segment, j + iterations);
}

/* The longest gap behind a count: of the first entry whose count is greater; 0: there is none. */
static double longest_behind(const tw_gaps *gaps, gint64 count)
{
  guint low = 0, high = gaps->longest->len;
  while (low < high) {
    guint middle = (low + high) / 2;
    if (g_array_index(gaps->longest, entry, middle).count > count)
      high = middle;
    else
      low = middle + 1;
  }
  return low < gaps->longest->len ? g_array_index(gaps->longest, entry, low).gap_s : 0;
}

void tw_gaps_leave(tw_gaps *gaps, tw_sequence *sequence, gint64 joined, gint64 count)
{
  if (gaps->longest == NULL)
    return;
  if (count == joined) {
    g_ptr_array_remove_fast(gaps->fresh, sequence);
    return;
  }
  lengthen(sequence, longest_behind(gaps, joined));
  sequence->last_token_s = gaps->last_s;
}

void tw_gaps_emit(tw_sequence *sequence, double now_s)
{
  if (sequence->emitted > 0)
    lengthen(sequence, now_s - sequence->last_token_s);
  sequence->last_token_s = now_s;
}
