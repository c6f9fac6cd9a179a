/* An answer for people and programs: text, plan.json, plan.csv, plan.html. None of them holds what the
 * machine took, so that the same question gives the same bytes. */
#ifndef TW_SIM_ANSWER_PRINT_H
#define TW_SIM_ANSWER_PRINT_H

#include "sim/planner/answer.h"

#include <stdio.h>

/* The verdict in sentences, the best designs as a table, how the best one fares under other circumstances,
 * and why the others were dropped, each reason with its number. */
void tw_answer_print(const tw_answer *answer, FILE *out);

/* The verdict in sentences, a line each, and the load in one. The caller frees them. */
char *tw_answer_verdict(const tw_answer *answer);
char *tw_answer_load(const tw_answer *answer);

/* Its parts: the layout of a design in words, a size in words of its kind ("1 rack", "5 nodes"); the caller frees
 * them. */
char *tw_answer_layout(const tw_answer *answer, const tw_design *design);
char *tw_answer_size_text(const tw_design *design, double size);
/* How far a ranked design's objective is from the best one's, as a share of that; and whether that is less than
 * the expected error of such simulations, so that it may be the better one. */
double tw_answer_behind(const tw_answer *answer, const tw_design *design);
gboolean tw_answer_within_error(const tw_answer *answer, const tw_design *design);

/* The whole answer:
 *
 *     question, objective, unit, answered
 *     load      {requests, span_s, busiest_requests_per_s, prompt_tokens, output_tokens, cached}
 *     designs   [{name, site, model, weights, kv, tp, pp, dp, ep, prefill, decode, max_batched_tokens,
 *                 max_seqs, router, rounds, dropped | rank, size, load, accelerators, racks, objective,
 *                 directory, prefill_engines, decode_engines, summary...}]
 *     checks    [{name, holds, attainment, ...}]
 *     best      {name, size, load, racks, accelerators, breaks: {...}, levers: [{name, bears, breaks}], levers_on_s...}
 *
 * The caller owns the reference. */
json_t *tw_answer_json(const tw_answer *answer);

/* Writes plan.json, plan.csv (a row per design), plan.html and, where there is an answer, answer.xml, the
 * scenario of the best design in its size, and the reports of the ranked ones below the directory of the
 * designs. */
gboolean tw_answer_write(const tw_answer *answer, GError **error);

#endif
