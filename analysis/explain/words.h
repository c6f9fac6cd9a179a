/* Numbers as people say them. The caller frees every text. */
#ifndef TW_ANALYSIS_WORDS_H
#define TW_ANALYSIS_WORDS_H

#include <glib.h>

char *tw_words_duration(double seconds); /* "4.1 s", "52 ms", "3 h 10 min" */
char *tw_words_share(double share);      /* "71 %", "0.3 %" */
/* Returns a share of requests that met an SLO to four digits: "97.31 %". From 98.5 % on it is rounded down, so that what
 * falls short of 99 %, or of all, is not told as these. */
char *tw_words_met(double share);
char *tw_words_amount(double value);              /* "19,366", "3.1", "2.5 million" */
char *tw_words_count(double n, const char *noun); /* "1 request", "2 requests" */

/* A thing and how much of it there is. */
typedef struct tw_part {
  const char *name; /* borrowed */
  double amount;
} tw_part;

/* "3.2 s queue, 0.6 s prefill": those that make up at least `least` of the sum, the largest first, each as
 * `say` says its amount. Empty for none. */
char *tw_words_parts(const tw_part *parts, guint n, double least, char *(*say)(double amount));
/* Returns parts as shares of their sum: "41 % reading weights, 12 % idle". */
char *tw_words_shares(const tw_part *parts, guint n, double least);

#endif
