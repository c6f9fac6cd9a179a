#include "workloads/traces/row_sorter.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <unistd.h>

enum { MAX_FILES = 64 };

typedef struct {
  guint64 group;
  double arrival_s;
  guint64 place; /* in the order of adding */
  guint64 bytes; /* size of the packed row */
} key;

/* A sorted piece on disk, and its row that is next. */
typedef struct {
  FILE *file;
  key key;
  gboolean ended;
  GByteArray *row;
} piece;

struct tw_row_sorter {
  gsize memory_bytes;
  guint64 rows;
  GByteArray *packed; /* rows one after the other */
  GArray *keys;       /* keys of the rows in memory */
  GArray *places;     /* place (gsize) of each of these rows in `packed` */
  GPtrArray *pieces;
  guint next; /* in `keys`, if there are no pieces */
};

static void free_piece(gpointer p)
{
  piece *one = p;
  fclose(one->file);
  g_byte_array_unref(one->row);
  g_free(one);
}

tw_row_sorter *tw_row_sorter_new(gsize memory_bytes)
{
  tw_row_sorter *sorter = g_new0(tw_row_sorter, 1);
  sorter->memory_bytes = memory_bytes;
  sorter->packed = g_byte_array_new();
  sorter->keys = g_array_new(FALSE, FALSE, sizeof(key));
  sorter->places = g_array_new(FALSE, FALSE, sizeof(gsize));
  sorter->pieces = g_ptr_array_new_with_free_func(free_piece);
  return sorter;
}

void tw_row_sorter_free(tw_row_sorter *sorter)
{
  if (sorter == NULL)
    return;
  g_byte_array_unref(sorter->packed);
  g_array_unref(sorter->keys);
  g_array_unref(sorter->places);
  g_ptr_array_unref(sorter->pieces);
  g_free(sorter);
}

/* ---- Rows as bytes ---- */

static void pack(GByteArray *to, const void *bytes, gsize n)
{
  g_byte_array_append(to, bytes, (guint)n);
}

static void pack_text(GByteArray *to, const char *text)
{
  guint32 length = text != NULL ? (guint32)strlen(text) + 1 : 0; /* the NUL counts */
  pack(to, &length, sizeof length);
  if (length > 0)
    pack(to, text, length);
}

static void pack_row(GByteArray *to, const tw_trace_row *row)
{
  const tw_request *request = &row->request;
  pack(to, row, sizeof *row);
  pack_text(to, request->session);
  pack_text(to, row->name);
  pack_text(to, row->agent);
  if (request->n_hashes > 0)
    pack(to, request->hashes, (gsize)request->n_hashes * sizeof *request->hashes);
  if (row->piece_tokens != NULL)
    pack(to, row->piece_tokens, (gsize)request->n_hashes * sizeof *row->piece_tokens);
  for (guint i = 0; i < row->n_waits; i++) {
    pack(to, &row->waits[i], sizeof row->waits[i]);
    pack_text(to, row->waits[i].name);
  }
}

static void unpack(const guint8 **from, void *bytes, gsize n)
{
  memcpy(bytes, *from, n);
  *from += n;
}

static char *unpack_text(const guint8 **from)
{
  guint32 length;
  unpack(from, &length, sizeof length);
  char *text = length > 0 ? g_memdup2(*from, length) : NULL;
  *from += length;
  return text;
}

static void unpack_row(const guint8 *from, tw_trace_row *row)
{
  tw_request *request = &row->request;
  unpack(&from, row, sizeof *row);
  request->session = unpack_text(&from);
  row->name = unpack_text(&from);
  row->agent = unpack_text(&from);
  if (request->n_hashes > 0) {
    request->hashes = g_new(guint64, (gsize)request->n_hashes);
    unpack(&from, request->hashes, (gsize)request->n_hashes * sizeof *request->hashes);
  }
  if (row->piece_tokens != NULL) {
    row->piece_tokens = g_new(gint32, (gsize)request->n_hashes);
    unpack(&from, row->piece_tokens, (gsize)request->n_hashes * sizeof *row->piece_tokens);
  }
  row->waits = row->n_waits > 0 ? g_new(tw_trace_wait, row->n_waits) : NULL;
  for (guint i = 0; i < row->n_waits; i++) {
    unpack(&from, &row->waits[i], sizeof row->waits[i]);
    row->waits[i].name = unpack_text(&from);
  }
}

/* ---- Order ---- */

static int by_key(gconstpointer a, gconstpointer b)
{
  const key *x = a, *y = b;
  if (x->group != y->group)
    return x->group < y->group ? -1 : 1;
  if (x->arrival_s != y->arrival_s)
    return x->arrival_s < y->arrival_s ? -1 : 1;
  return (x->place > y->place) - (x->place < y->place);
}

static gboolean failed(GError **error, const char *what)
{
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
              "a temporary file in %s cannot be %s: %s (TMPDIR names "
              "another place)",
              g_get_tmp_dir(), what, g_strerror(errno));
  return FALSE;
}

static piece *new_piece(GError **error)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp("tokenworks-sort-XXXXXX", &path, error);
  if (fd < 0)
    return NULL;
  g_unlink(path); /* its room is given back whatever happens */
  piece *one = g_new0(piece, 1);
  one->file = fdopen(fd, "w+e");
  one->row = g_byte_array_new();
  return one;
}

/* Reads the next row of a piece. */
static gboolean advance(piece *one, GError **error)
{
  if (fread(&one->key, sizeof one->key, 1, one->file) != 1) {
    one->ended = TRUE;
    return !ferror(one->file) || failed(error, "read");
  }
  g_byte_array_set_size(one->row, (guint)one->key.bytes);
  return fread(one->row->data, one->key.bytes, 1, one->file) == 1 || failed(error, "read");
}

static gboolean rewind_pieces(tw_row_sorter *sorter, GError **error)
{
  for (guint i = 0; i < sorter->pieces->len; i++) {
    piece *one = sorter->pieces->pdata[i];
    rewind(one->file);
    one->ended = FALSE;
    if (!advance(one, error))
      return FALSE;
  }
  return TRUE;
}

/* The piece whose row comes first; NULL: all have ended. */
static piece *first_piece(const tw_row_sorter *sorter)
{
  piece *first = NULL;
  for (guint i = 0; i < sorter->pieces->len; i++) {
    piece *one = sorter->pieces->pdata[i];
    if (!one->ended && (first == NULL || by_key(&one->key, &first->key) < 0))
      first = one;
  }
  return first;
}

static gboolean write_row(piece *to, const key *of, const guint8 *row, GError **error)
{
  return (fwrite(of, sizeof *of, 1, to->file) == 1 && fwrite(row, of->bytes, 1, to->file) == 1) ||
         failed(error, "written");
}

/* Makes one piece of all. */
static gboolean merge_pieces(tw_row_sorter *sorter, GError **error)
{
  piece *all = new_piece(error);
  gboolean good = all != NULL && rewind_pieces(sorter, error);
  for (piece *one; good && (one = first_piece(sorter)) != NULL;)
    good = write_row(all, &one->key, one->row->data, error) && advance(one, error);
  if (good && fflush(all->file) != 0)
    good = failed(error, "written");
  g_ptr_array_set_size(sorter->pieces, 0);
  if (all != NULL)
    g_ptr_array_add(sorter->pieces, all);
  return good;
}

/* The place of the row of a key in memory. */
static const guint8 *row_of(const tw_row_sorter *sorter, const key *of)
{
  guint64 first = sorter->rows - sorter->keys->len;
  return sorter->packed->data + g_array_index(sorter->places, gsize, of->place - first);
}

/* Writes what is in memory as a sorted piece. */
static gboolean spill(tw_row_sorter *sorter, GError **error)
{
  piece *one = new_piece(error);
  if (one == NULL)
    return FALSE;
  g_array_sort(sorter->keys, by_key);
  gboolean good = TRUE;
  for (guint i = 0; good && i < sorter->keys->len; i++) {
    const key *of = &g_array_index(sorter->keys, key, i);
    good = write_row(one, of, row_of(sorter, of), error);
  }
  if (good && fflush(one->file) != 0)
    good = failed(error, "written");
  g_ptr_array_add(sorter->pieces, one);
  g_byte_array_set_size(sorter->packed, 0);
  g_array_set_size(sorter->keys, 0);
  g_array_set_size(sorter->places, 0);
  return good && (sorter->pieces->len < MAX_FILES || merge_pieces(sorter, error));
}

gboolean tw_row_sorter_add(tw_row_sorter *sorter, const tw_trace_row *row, guint64 group, GError **error)
{
  if (sorter->packed->len > sorter->memory_bytes && !spill(sorter, error))
    return FALSE;
  gsize at = sorter->packed->len;
  pack_row(sorter->packed, row);
  key of = {group, row->request.arrival_s, sorter->rows++, sorter->packed->len - at};
  g_array_append_val(sorter->keys, of);
  g_array_append_val(sorter->places, at);
  return TRUE;
}

gboolean tw_row_sorter_rewind(tw_row_sorter *sorter, GError **error)
{
  sorter->next = 0;
  if (sorter->pieces->len == 0) {
    g_array_sort(sorter->keys, by_key);
    return TRUE;
  }
  return (sorter->keys->len == 0 || spill(sorter, error)) && rewind_pieces(sorter, error);
}

gboolean tw_row_sorter_next(tw_row_sorter *sorter, tw_trace_row *row, guint64 *group, GError **error)
{
  if (sorter->pieces->len == 0) {
    if (sorter->next == sorter->keys->len)
      return FALSE;
    const key *of = &g_array_index(sorter->keys, key, sorter->next++);
    *group = of->group;
    unpack_row(row_of(sorter, of), row);
    return TRUE;
  }
  piece *one = first_piece(sorter);
  if (one == NULL)
    return FALSE;
  *group = one->key.group;
  unpack_row(one->row->data, row);
  if (advance(one, error))
    return TRUE;
  tw_trace_row_clear(row);
  return FALSE;
}
