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

void tw_provider_hashes(tw_trace_source *source, tw_provider_session *session, tw_trace_row *row)
{
  tw_request *request = &row->request;
  gint32 block_tokens = tw_trace_block_tokens(source);
  if (session->hashes->len > 0 && request->arrival_s < session->sent_s)
    tw_trace_note(
        source,
        "requests of a session come before those that were sent earlier: less is found again than the "
        "provider's cache found");
  session->sent_s = request->arrival_s;
  guint n = (guint)(request->prompt_tokens / block_tokens);
  guint kept = MIN(MIN((guint)(row->cached_tokens / block_tokens), session->hashes->len), n);
  g_array_set_size(session->hashes, kept);
  while (session->hashes->len < n) {
    guint64 id = tw_mix(session->key + ++session->made);
    g_array_append_val(session->hashes, id);
  }
  request->n_hashes = (gint32)n;
  request->hashes = n > 0 ? g_memdup2(session->hashes->data, n * sizeof(guint64)) : NULL;
  request->hash_tokens = block_tokens;
}
