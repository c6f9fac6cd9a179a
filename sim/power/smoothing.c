#include "sim/power/smoothing.h"

#include <math.h>

static double end_w(const tw_smooth_piece *piece)
{
  return piece->length_s > 0 ? piece->start_w + piece->w_per_s * piece->length_s : piece->start_w;
}

static void add(tw_smooth_course *course, double length_s, double start_w, double w_per_s, double used_w)
{
  if (length_s <= 0)
    return;
  g_assert(course->n < TW_SMOOTH_PIECES);
  course->pieces[course->n++] = (tw_smooth_piece){length_s, start_w, w_per_s, used_w};
}

static double last_w(const tw_smooth_course *course, double from_w)
{
  return course->n > 0 ? end_w(&course->pieces[course->n - 1]) : from_w;
}

/* Power goes from `from_w` towards `to_w` for at most most_s, and stays there for the rest of it. */
static void go(tw_smooth_course *course, const tw_smoothing *s, double from_w, double to_w, double most_s,
               double used_w)
{
  double w_per_s = to_w > from_w ? s->up_w_per_s : -s->down_w_per_s;
  double takes_s = isinf(w_per_s) ? 0 : (to_w - from_w) / w_per_s;
  if (to_w == from_w)
    takes_s = 0;
  add(course, fmin(takes_s, most_s), from_w, w_per_s, used_w);
  add(course, most_s - takes_s, to_w, 0, used_w);
}

/* Work at less than its full power, as power rises to that: all is used. Returns the work that is left, in seconds at
 * full power. */
static double rise(tw_smooth_course *course, const tw_smoothing *s, double from_w, double full_w,
                   double work_s)
{
  double up = s->up_w_per_s;
  if (from_w >= full_w || isinf(up))
    return work_s;
  double rises_s = (full_w - from_w) / up, done_s = rises_s * (from_w + full_w) / (2 * full_w);
  if (done_s >= work_s) { /* from_w t + up t² / 2 = full_w work_s */
    rises_s = (sqrt(from_w * from_w + 2 * up * full_w * work_s) - from_w) / up;
    done_s = work_s;
  }
  add(course, rises_s, from_w, up, NAN);
  return work_s - done_s;
}

tw_smooth_course tw_smooth_course_of(const tw_smoothing *s, double from_w, double full_w, double work_s,
                                     double held_s)
{
  tw_smooth_course course = {.release_s = held_s};
  if (work_s > 0 && full_w > 0) {
    double left_s = rise(&course, s, from_w, full_w, work_s);
    double now_w = isinf(s->up_w_per_s) ? fmax(from_w, full_w) : last_w(&course, from_w);
    go(&course, s, now_w, fmax(full_w, s->floor_w), left_s, full_w);
    for (int i = 0; i < course.n; i++)
      course.work_s += course.pieces[i].length_s;
    course.release_s = course.work_s + s->hold_s;
    from_w = last_w(&course, from_w);
  }
  double held_w = fmin(from_w, s->floor_w);
  go(&course, s, from_w, held_w, fmax(0, course.release_s - course.work_s), 0);
  from_w = last_w(&course, from_w);
  go(&course, s, from_w, 0, INFINITY, 0);
  return course;
}

/* An instant so close behind the edge of a piece is on that edge, and not behind the jump there. */
#define EDGE_S 1e-9

tw_smooth_sums tw_smooth_sums_at(const tw_smooth_course *course, double after_s)
{
  tw_smooth_sums sums = {0};
  for (int i = 0; i < course->n && after_s >= 0; i++) {
    const tw_smooth_piece *p = &course->pieces[i];
    double span_s = fmin(p->length_s, after_s), drawn_j = span_s * (p->start_w + p->w_per_s * span_s / 2);
    sums.drawn_j += drawn_j;
    sums.burnt_j += isnan(p->used_w) ? 0 : drawn_j - p->used_w * span_s;
    if (span_s > EDGE_S || i == 0)
      sums.watts = p->start_w + p->w_per_s * span_s;
    after_s -= p->length_s;
  }
  return sums;
}
