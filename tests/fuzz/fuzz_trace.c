/* Any bytes, read as a trace in every format, give requests that keep their contract, then an end or an error
 * that names the file. With TW_FUZZ_FORMAT=NAME in the environment only the reader of that format is tried, in
 * every mode of replay. */
#include "platforms/input/fault.h"
#include "tests/fuzz/fuzz.h"
#include "workloads/stream/stream.h"

#include <sys/mman.h>
#include <unistd.h>

static void check_request(const tw_request *request, guint64 id, double previous_s)
{
  g_assert(request->id == id);
  g_assert(isfinite(request->arrival_s) && request->arrival_s >= previous_s);
  g_assert(request->prompt_tokens >= 1 && request->prompt_tokens <= TW_REQUEST_MAX_TOKENS);
  g_assert(request->reasoning_tokens >= 0 && request->reasoning_tokens <= TW_REQUEST_MAX_TOKENS);
  g_assert(request->answer_tokens >= 0 && request->answer_tokens <= TW_REQUEST_MAX_TOKENS);
  g_assert(tw_request_output_tokens(request) >= 1);
  g_assert((request->n_hashes > 0) == (request->hashes != NULL));
  if (request->n_hashes > 0)
    g_assert((gint64)(request->n_hashes - 1) * request->hash_tokens < request->prompt_tokens);
}

static void read_trace(const char *path, const tw_trace_format *format, gint64 repeat, int mode)
{
  g_autoptr(GError) error = NULL;
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.repeat = repeat;
  options.mode = mode;
  g_autoptr(tw_stream) stream = tw_stream_open(path, format, &options, &error);
  tw_request request;
  double previous_s = 0;
  for (guint64 n = 0; stream != NULL && tw_stream_next(stream, &request, &error); n++) {
    check_request(&request, n, previous_s);
    previous_s = request.arrival_s;
    if (tw_stream_waits(stream)) /* each request is answered at once */
      tw_stream_told(stream, &request, TRUE, request.arrival_s);
    tw_request_clear(&request);
  }
  g_assert(error != NULL || tw_stream_sha256(stream) != NULL);
  if (error != NULL) {
    g_assert(error->domain == TW_INPUT_ERROR);
    g_assert(g_str_has_prefix(error->message, path));
    g_assert(g_utf8_validate(error->message, -1, NULL));
  }
}

static void read_in_every_format(const char *path)
{
  read_trace(path, NULL, 2, TW_REPLAY_RECORDED);
  read_trace(path, NULL, 2, TW_REPLAY_LANES);
  for (int i = 0; tw_trace_format_names[i] != NULL; i++)
    read_trace(path, tw_trace_format_find(tw_trace_format_names[i]), 1,
               i % 2 ? TW_REPLAY_RECORDED : TW_REPLAY_SESSIONS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *only = g_getenv("TW_FUZZ_FORMAT");
  const tw_trace_format *format = only != NULL ? tw_trace_format_find(only) : NULL;
  int file = memfd_create("trace", MFD_CLOEXEC);
  g_assert(only == NULL || format != NULL);
  g_assert(file >= 0 && write(file, data, size) == (ssize_t)size);
  g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", file);
  if (format == NULL)
    read_in_every_format(path);
  else
    for (int mode = TW_REPLAY_RECORDED; mode <= TW_REPLAY_LANES; mode++)
      read_trace(path, format, 2, mode);
  close(file);
  return 0;
}
