#include "platforms/input/text_file.h"

#include <zlib.h>

static const char magic[] = {'\x1f', '\x8b'};

/* Unpacks all members of a gzip file into `text`. FALSE where one is broken, or where they are longer than `most`. */
static gboolean unpack(const char *packed, gsize n, gsize most, GString *text)
{
  enum { CHUNK = 1 << 16, GZIP = 16 + MAX_WBITS };
  z_stream stream = {.next_in = (Bytef *)(void *)(guintptr)packed, .avail_in = (uInt)n};
  if (inflateInit2(&stream, GZIP) != Z_OK)
    return FALSE;
  int state = Z_OK;
  while (state == Z_OK && text->len <= most) {
    gsize before = text->len;
    g_string_set_size(text, before + CHUNK);
    stream.next_out = (Bytef *)(void *)(text->str + before);
    stream.avail_out = CHUNK;
    state = inflate(&stream, Z_NO_FLUSH);
    g_string_set_size(text, before + CHUNK - stream.avail_out);
    if (state == Z_STREAM_END && stream.avail_in > 0)
      state = inflateReset(&stream);
  }
  inflateEnd(&stream);
  return state == Z_STREAM_END && text->len <= most;
}

char *tw_text_file_read(const char *path, gsize most, gsize *length, GError **error)
{
  g_autofree char *raw = NULL;
  if (!g_file_get_contents(path, &raw, length, error))
    return NULL;
  if (*length < sizeof magic || memcmp(raw, magic, sizeof magic) != 0)
    return g_steal_pointer(&raw);
  GString *text = g_string_new(NULL);
  if (*length > G_MAXUINT || !unpack(raw, *length, most, text)) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "is no whole gzip file of at most %zu MiB unpacked",
                most >> 20);
    g_string_free(text, TRUE);
    return NULL;
  }
  *length = text->len;
  return g_string_free(text, FALSE);
}
