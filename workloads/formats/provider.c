#include "workloads/formats/provider.h"

#include "workloads/draw/chance.h"

tw_provider_session *tw_provider_session_new(const char *name)
{
  tw_provider_session *session = g_new0(tw_provider_session, 1);
  session->key = tw_trace_text_key(name);
  session->hashes = g_array_new(FALSE, FALSE, sizeof(guint64));
  return session;
}

void tw_provider_session_free(gpointer session)
{
  g_array_unref(((tw_provider_session *)session)->hashes);
  g_free(session);
}

void tw_provider_hashes(tw_provider_session *session, gint32 cached_tokens, gint32 block_tokens,
                        tw_trace_row *row)
{
  tw_request *request = &row->request;
  guint n = (guint)(request->prompt_tokens / block_tokens);
  guint kept = MIN(MIN((guint)(cached_tokens / block_tokens), session->hashes->len), n);
  g_array_set_size(session->hashes, kept);
  while (session->hashes->len < n) {
    guint64 id = tw_mix(session->key + ++session->made);
    g_array_append_val(session->hashes, id);
  }
  request->n_hashes = (gint32)n;
  request->hashes = n > 0 ? g_memdup2(session->hashes->data, n * sizeof(guint64)) : NULL;
  request->hash_tokens = block_tokens;
}
