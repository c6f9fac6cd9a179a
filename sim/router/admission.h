/* Admission control: which requests the front door lets in.
 *
 * A token bucket holds at most `burst` and fills at `rate`; a request that finds less than it takes is
 * rejected (Turner: New directions in communications, IEEE Communications Magazine 24(10), 1986). It takes
 * one, or its prompt and output tokens, from the bucket of the site or of its client.
 *
 * Pure of any clock. A bucket that is full again is as good as a new one, and forgotten, so that memory does
 * not grow with the number of clients that ever asked. */
#ifndef TW_SIM_ADMISSION_H
#define TW_SIM_ADMISSION_H

#include "workloads/request.h"

typedef enum { TW_TAKES_REQUESTS, TW_TAKES_TOKENS } tw_admission_takes;
extern const char *const tw_admission_takes_names[];
typedef enum { TW_BUCKET_SITE, TW_BUCKET_CLIENT } tw_admission_scope;
extern const char *const tw_admission_scope_names[];

typedef struct tw_admission_config {
  double rate_per_s; /* NAN: no bucket */
  double burst;
  int takes, scope;
} tw_admission_config;

typedef struct tw_admission tw_admission;

tw_admission *tw_admission_new(const tw_admission_config *config); /* NULL without a bucket */
void tw_admission_free(tw_admission *admission);

/* Takes what a request that comes at `now_s` needs. NULL, or why it is not let in, as text for the log. Times
 * do not fall. */
const char *tw_admission_refusal(tw_admission *admission, const tw_request *request, double now_s);

/* Buckets that it remembers. */
guint tw_admission_buckets(const tw_admission *admission);

#endif
