/* A segment: iterations of one unchanged batch, whose boundaries follow from one line.
 *
 * Macro-steps and exact steps both compute their boundaries here, from the same start, so that they agree to
 * the bit. */
#ifndef TW_SIM_SEGMENT_H
#define TW_SIM_SEGMENT_H

#include "sim/power/charge.h"

#include <math.h>

typedef struct tw_segment {
  double start_s;
  tw_step_cost cost;
  tw_line joules;          /* dynamic, of iteration j, over all accelerators of the engine */
  tw_charge_rates charges; /* how they fall on the sequences */
  gint64 done;             /* iterations that have ended */
} tw_segment;

/* The end of iteration j (from 1), and the start of the segment for j = 0. */
static inline double tw_segment_boundary(const tw_segment *segment, gint64 j)
{
  return segment->start_s + tw_line_sum(segment->cost.time_s, j);
}

/* Iterations from the segment's start to `now_s`, when `ended` have ended: the one that runs counts for the
 * part that has passed. */
static inline double tw_segment_progress(const tw_segment *segment, gint64 ended, double now_s)
{
  double since_s = now_s - tw_segment_boundary(segment, ended);
  double lasts_s = segment->cost.time_s.first + segment->cost.time_s.growth * (double)ended;
  return (double)ended + (since_s > 0 ? MIN(since_s / lasts_s, 1) : 0);
}

/* Dynamic joules from the segment's start to `now_s`, when `ended` iterations have ended: the one that runs
 * counts for the part that has passed. */
static inline double tw_segment_joules(const tw_segment *segment, gint64 ended, double now_s)
{
  double joules = tw_line_sum(segment->joules, ended);
  double since_s = now_s - tw_segment_boundary(segment, ended);
  if (since_s <= 0)
    return joules;
  double lasts_s = segment->cost.time_s.first + segment->cost.time_s.growth * (double)ended;
  double costs_j = segment->joules.first + segment->joules.growth * (double)ended;
  return joules + MIN(since_s / lasts_s, 1) * costs_j;
}

/* The first boundary at or after `time_s`: an arrival exactly on a boundary joins there. */
static inline gint64 tw_segment_reach(const tw_segment *segment, double time_s)
{
  gint64 j = tw_line_reach(segment->cost.time_s, time_s - segment->start_s);
  while (tw_segment_boundary(segment, j) < time_s)
    j++;
  while (j > 0 && tw_segment_boundary(segment, j - 1) >= time_s)
    j--;
  return j;
}

#endif
