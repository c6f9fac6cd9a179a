/* The naive twin of SGLang's scheduler: its requests, its batches and its engine, which its two sources share. */
#ifndef TW_TESTS_SIM_NAIVE_SGLANG_H
#define TW_TESTS_SIM_NAIVE_SGLANG_H

#include "tests/sim/naive.h"
#include "tests/sim/naive_radix.h"

typedef struct req {
  const naive_request *request;
  tw_request asked;
  naive_outcome *outcome;
  guint64 *tokens; /* the ids of its tokens */
  gint64 outputs, kv, target;
  gint64 in_tree; /* tokens of its KV that the tree owns, down to `last` */
  naive_node *last;
  gint64 found;  /* by the last look at the whole line */
  int retracted; /* times */
  gboolean finished, deprioritized, scheduled;
} req;

typedef struct row {
  req *r;
  gint64 done, tokens; /* part of a prompt; tokens 0: a decode */
  int retracted;
} row;

typedef enum { EXTEND, MIXED, DECODE } mode;

typedef struct batch {
  mode mode;
  GPtrArray *reqs; /* requests that the running batch gets */
  GArray *rows;
  req *chunked; /* the prompt that it does not complete */
  double end_s;
} batch;

typedef struct engine {
  const naive_config *c;
  GQueue waiting;
  GPtrArray *running; /* the running batch, finished ones too */
  gboolean full;      /* its flag */
  req *chunked;
  batch *last; /* as next_batch sees it */
  naive_radix t;
  gint64 private_pages;
  double ratio, first, least;
  GArray *iterations;
  double device_s; /* when the device is free */
} engine;

/* Tokens that a request asks for. */
static inline gint64 limit(const req *r)
{
  return r->request->reasoning + r->request->answer;
}

/* Looks a request up in the tree; the last token of what is known of it is always computed. */
naive_node *naive_sglang_find(engine *e, req *r, gint64 *matched);
/* Puts the waiting requests into the order in which they are looked at. */
void naive_sglang_order(engine *e);

#endif
