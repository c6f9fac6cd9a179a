#include "sim/router/admission.h"

#include <math.h>

const char *const tw_admission_takes_names[] = {"requests", "tokens", NULL};
const char *const tw_admission_scope_names[] = {"site", "client", NULL};

enum { FEWEST_BUCKETS = 64 }; /* the fewest buckets that are worth a sweep */
#define ROUNDING 1e-9         /* a request that comes just as the bucket holds enough is let in */

typedef struct bucket {
  double level, since_s;
} bucket;

struct tw_admission {
  tw_admission_config config;
  GHashTable *buckets; /* the buckets by client; "" is the one for all */
  guint sweep_at;
};

tw_admission *tw_admission_new(const tw_admission_config *config)
{
  if (isnan(config->rate_per_s))
    return NULL;
  tw_admission *admission = g_new(tw_admission, 1);
  *admission =
      (tw_admission){*config, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free), FEWEST_BUCKETS};
  return admission;
}

void tw_admission_free(tw_admission *admission)
{
  if (admission == NULL)
    return;
  g_hash_table_unref(admission->buckets);
  g_free(admission);
}

static double level_at(const tw_admission *admission, const bucket *b, double now_s)
{
  return fmin(admission->config.burst, b->level + admission->config.rate_per_s * (now_s - b->since_s));
}

static void sweep(tw_admission *admission, double now_s)
{
  GHashTableIter buckets;
  gpointer value;
  g_hash_table_iter_init(&buckets, admission->buckets);
  while (g_hash_table_iter_next(&buckets, NULL, &value))
    if (level_at(admission, value, now_s) >= admission->config.burst)
      g_hash_table_iter_remove(&buckets);
  admission->sweep_at = MAX(2 * g_hash_table_size(admission->buckets), FEWEST_BUCKETS);
}

const char *tw_admission_refusal(tw_admission *admission, const tw_request *request, double now_s)
{
  const tw_admission_config *config = &admission->config;
  const char *name = config->scope == TW_BUCKET_CLIENT && request->session != NULL ? request->session : "";
  double needs = config->takes == TW_TAKES_REQUESTS
                     ? 1
                     : (double)request->prompt_tokens + tw_request_output_tokens(request);
  bucket *b = g_hash_table_lookup(admission->buckets, name);
  if (needs > config->burst)
    return "it takes more than the token bucket holds";
  if (b == NULL) {
    if (g_hash_table_size(admission->buckets) >= admission->sweep_at)
      sweep(admission, now_s);
    b = g_new(bucket, 1);
    *b = (bucket){config->burst, now_s};
    g_hash_table_insert(admission->buckets, g_strdup(name), b);
  }
  double level = level_at(admission, b, now_s);
  *b = (bucket){level, now_s};
  if (needs > level + ROUNDING)
    return "the token bucket is empty";
  b->level = fmax(0, level - needs);
  return NULL;
}

guint tw_admission_buckets(const tw_admission *admission)
{
  return g_hash_table_size(admission->buckets);
}
