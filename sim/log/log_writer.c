#include "sim/log/log_writer.h"

#include "sim/log/log_cell.h"
#include "sim/log/log_member.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/file.h>
#include <unistd.h>

/* Full blocks that may wait for the thread: half a megabyte, some 5,000 requests. */
enum { QUEUED_BLOCKS = 8 };

typedef struct table_writer table_writer;

typedef struct {
  table_writer *writer; /* NULL ends the thread */
  gsize used;
  tw_index_entry entry; /* all but the offset */
  char text[TW_LOG_BLOCK_BYTES + TW_CELL_NUMBER_BYTES +
            1]; /* a number may pass the end before its row moves */
} text_block;

struct table_writer {
  tw_log *log;

  /* The simulation's side. */
  text_block *block;
  gsize row_start; /* begin in the block of the row that is being written */
  guint64 rows;

  /* The thread's side. */
  char *path, *index_path;
  int file, index; /* -1: not open */
  guint64 offset;
};

struct tw_log {
  table_writer *writers[TW_LOG_TABLES]; /* NULL: not wanted */
  GAsyncQueue *full, *spare;            /* queues of blocks (text_block): to be compressed, and free */
  GThread *thread;
  struct libdeflate_compressor *compressor;
  guint wanted; /* tables, as bits */
  tw_log_site_watcher *watcher;
  void *user;
  GError *failure; /* set once, atomically */
};

/* Keeps the first failure. Takes ownership. */
static void fail(tw_log *log, GError *error)
{
  if (!g_atomic_pointer_compare_and_exchange(&log->failure, NULL, error))
    g_error_free(error);
}

static void fail_errno(tw_log *log, const char *path)
{
  int code = errno;
  fail(log, g_error_new(G_FILE_ERROR, (gint)g_file_error_from_errno(code), "%s: cannot write: %s", path,
                        g_strerror(code)));
}

const GError *tw_log_failure(tw_log *log)
{
  return g_atomic_pointer_get(&log->failure);
}

/* Writes are not buffered: what is written survives the death of the process. */
static gboolean write_all(int file, const void *bytes, gsize n)
{
  const char *from = bytes;
  while (n > 0) {
    gssize written = write(file, from, n);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return FALSE;
    from += written;
    n -= (gsize)written;
  }
  return TRUE;
}

/* The member first, then its line: the index never names what is not there. */
static void write_member(table_writer *writer, const guint8 *member, gsize length, tw_index_entry *entry)
{
  char line[TW_INDEX_LINE_BYTES];

  if (!write_all(writer->file, member, length)) {
    fail_errno(writer->log, writer->path);
    (void)!ftruncate(writer->file, (off_t)writer->offset); /* a full disk may refuse this, too */
    return;
  }
  entry->offset = writer->offset;
  writer->offset += length;
  if (!write_all(writer->index, line, tw_index_line(entry, line)))
    fail_errno(writer->log, writer->index_path);
}

static void write_text(table_writer *writer, const char *text, gsize n, tw_index_entry *entry)
{
  guint8 member[TW_MEMBER_MAX_BYTES];
  if (tw_log_failure(writer->log) == NULL)
    write_member(writer, member, tw_member_encode(writer->log->compressor, text, n, member), entry);
}

static gpointer run_thread(gpointer data)
{
  tw_log *log = data;
  text_block *block;
  while ((block = g_async_queue_pop(log->full))->writer != NULL) {
    write_text(block->writer, block->text, block->used, &block->entry);
    g_async_queue_push(log->spare, block);
  }
  g_async_queue_push(log->spare, block);
  return NULL;
}

static text_block *take_block(table_writer *writer)
{
  text_block *block = g_async_queue_pop(writer->log->spare); /* waits while the thread is behind */
  block->writer = writer;
  block->used = 0;
  block->entry = (tw_index_entry){.first_s = NAN, .last_s = NAN};
  return block;
}

/* Hands the complete rows to the thread and goes on with the started one in another block. If even that
 * leaves no room for n bytes, the row is longer than a block: it fails the log and is dropped. It is rare, and stays out
 * of the cells' way. */
G_GNUC_NO_INLINE static void cut_block(table_writer *writer, gsize n)
{
  text_block *full = writer->block;
  gsize started = full->used - writer->row_start;

  if (started + n > TW_LOG_BLOCK_BYTES) {
    fail(writer->log,
         g_error_new(G_FILE_ERROR, G_FILE_ERROR_INVAL,
                     "%s: row %" G_GUINT64_FORMAT " is longer than the %d bytes that a row may take",
                     writer->path, writer->rows + 1, TW_LOG_BLOCK_BYTES));
    full->used = writer->row_start;
    started = 0;
  }
  if (writer->row_start == 0)
    return;
  writer->block = take_block(writer);
  memcpy(writer->block->text, full->text + writer->row_start, started);
  writer->block->used = started;
  full->used = writer->row_start;
  writer->row_start = 0;
  g_async_queue_push(writer->log->full, full);
}

/* Makes room for the next n bytes of the row, and returns where they go. */
static char *room(table_writer *writer, gsize n)
{
  if (G_UNLIKELY(writer->block->used + n > TW_LOG_BLOCK_BYTES))
    cut_block(writer, n);
  return writer->block->text + writer->block->used;
}

/* Ends a cell, whose text ends there. */
static void end_cell(table_writer *writer, char *end)
{
  *end++ = ',';
  writer->block->used = (gsize)(end - writer->block->text);
}

static void integer_cell(table_writer *writer, gint64 value)
{
  char *to = room(writer, 0);
  end_cell(writer, value == TW_LOG_NONE ? to : tw_cell_integer(to, value));
}

static void instant_cell(table_writer *writer, double value)
{
  end_cell(writer, tw_cell_fixed(room(writer, 0), value, 9));
}

static void real_cell(table_writer *writer, double value, int decimals)
{
  end_cell(writer, tw_cell_short(room(writer, 0), value, decimals));
}

static void text_cell(table_writer *writer, const char *value)
{
  gsize n = tw_cell_text_bytes(value) + 1;
  char *to = room(writer, n);
  end_cell(writer, n <= TW_LOG_BLOCK_BYTES ? tw_cell_text(to, value) : to);
}

static void end_row(table_writer *writer, double time_s)
{
  g_assert(isfinite(time_s));
  writer->block->text[writer->block->used - 1] = '\n';
  room(writer, 0);
  tw_index_entry *entry = &writer->block->entry;
  if (!(entry->first_s <= time_s)) /* also when it is NAN */
    entry->first_s = time_s;
  if (!(entry->last_s >= time_s))
    entry->last_s = time_s;
  entry->rows++;
  writer->rows++;
  writer->row_start = writer->block->used;
}

/* Takes the columns back that the run has not: cells that are empty take a comma each. */
static void leave_out(table_writer *writer, tw_log_table_id id)
{
  const tw_log_table *table = &tw_log_tables[id];
  writer->block->used -= (gsize)(table->n_columns - tw_log_table_columns(table, writer->log->wanted));
}

#define CELL_INTEGER(name, ...)        integer_cell(writer, row->name);
#define CELL_INSTANT(name, ...)        instant_cell(writer, row->name);
#define CELL_REAL(name, decimals, ...) real_cell(writer, row->name, decimals);
#define CELL_TEXT(name, ...)           text_cell(writer, row->name);
#define WRITE_ROW(TABLE, LIST, time)                                                                         \
  table_writer *writer = log->writers[TABLE];                                                                \
  if (writer == NULL)                                                                                        \
    return;                                                                                                  \
  LIST(CELL_INTEGER, CELL_INSTANT, CELL_REAL, CELL_TEXT)                                                     \
  end_row(writer, row->time)

void tw_log_request(tw_log *log, const tw_request_row *row)
{
  table_writer *writer = log->writers[TW_LOG_REQUESTS];
  if (writer == NULL)
    return;
  TW_REQUEST_COLUMNS(CELL_INTEGER, CELL_INSTANT, CELL_REAL, CELL_TEXT)
  leave_out(writer, TW_LOG_REQUESTS);
  end_row(writer, row->completion_s);
}

void tw_log_engine(tw_log *log, const tw_engine_row *row)
{
  WRITE_ROW(TW_LOG_ENGINES, TW_ENGINE_COLUMNS, start_s);
}

void tw_log_rack(tw_log *log, const tw_rack_row *row)
{
  WRITE_ROW(TW_LOG_RACKS, TW_RACK_COLUMNS, start_s);
}

void tw_log_site(tw_log *log, const tw_site_row *row)
{
  if (log->watcher != NULL)
    log->watcher(log->user, row);
  table_writer *writer = log->writers[TW_LOG_SITE];
  if (writer == NULL)
    return;
  TW_SITE_COLUMNS(CELL_INTEGER, CELL_INSTANT, CELL_REAL, CELL_TEXT)
  leave_out(writer, TW_LOG_SITE);
  end_row(writer, row->start_s);
}

void tw_log_watch_site(tw_log *log, tw_log_site_watcher *watcher, void *user)
{
  log->watcher = watcher;
  log->user = user;
}

void tw_log_sites(tw_log *log, const tw_sites_row *row)
{
  WRITE_ROW(TW_LOG_SITES, TW_SITES_COLUMNS, start_s);
}

void tw_log_wan(tw_log *log, const tw_wan_row *row)
{
  WRITE_ROW(TW_LOG_WANS, TW_WAN_COLUMNS, start_s);
}

void tw_log_segment(tw_log *log, const tw_segment_row *row)
{
  WRITE_ROW(TW_LOG_SEGMENTS, TW_SEGMENT_COLUMNS, end_s);
}

void tw_log_link(tw_log *log, const tw_link_row *row)
{
  WRITE_ROW(TW_LOG_LINKS, TW_LINK_COLUMNS, start_s);
}

void tw_log_failure_row(tw_log *log, const tw_failure_row *row)
{
  WRITE_ROW(TW_LOG_FAILURES, TW_FAILURE_COLUMNS, end_s);
}

void tw_log_job(tw_log *log, const tw_job_row *row)
{
  WRITE_ROW(TW_LOG_JOBS, TW_JOB_COLUMNS, end_s);
}

void tw_log_rl(tw_log *log, const tw_rl_row *row)
{
  WRITE_ROW(TW_LOG_RL, TW_RL_COLUMNS, end_s);
}

gboolean tw_log_wants(const tw_log *log, tw_log_table_id table)
{
  return log->writers[table] != NULL;
}

guint64 tw_log_rows(const tw_log *log, tw_log_table_id table)
{
  return log->writers[table] != NULL ? log->writers[table]->rows : 0;
}

/* Creates or empties a file, and locks it against other runs and repairs for as long as it is open. */
static int create_file(tw_log *log, const char *path)
{
  int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) {
    fail_errno(log, path);
  } else if (flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    fail(log, g_error_new(G_FILE_ERROR, G_FILE_ERROR_AGAIN, "%s: another run is writing it", path));
  } else if (ftruncate(file, 0) != 0 && errno != EINVAL) { /* EINVAL: a device */
    fail_errno(log, path);
  }
  return file;
}

static void close_file(tw_log *log, int file, const char *path)
{
  if (file >= 0 && close(file) != 0)
    fail_errno(log, path);
}

/* Creates the files, with the header's member. */
static table_writer *open_table(tw_log *log, const tw_log_table *table, const char *directory)
{
  table_writer *writer = g_new0(table_writer, 1);
  writer->log = log;
  writer->path = tw_log_table_path(directory, table);
  writer->index_path = g_strconcat(writer->path, ".index", NULL);
  writer->file = create_file(log, writer->path);
  writer->index = create_file(log, writer->index_path);
  if (writer->index >= 0 && !write_all(writer->index, TW_INDEX_HEADER, strlen(TW_INDEX_HEADER)))
    fail_errno(log, writer->index_path);

  g_autofree char *header = tw_log_table_header(table, log->wanted);
  tw_index_entry entry = {.first_s = NAN, .last_s = NAN};
  write_text(writer, header, strlen(header), &entry);
  g_async_queue_push(log->spare, g_new(text_block, 1));
  writer->block = take_block(writer);
  return writer;
}

/* An earlier run's table would be taken for this one's. */
static void remove_table(const tw_log_table *table, const char *directory)
{
  g_autofree char *path = tw_log_table_path(directory, table);
  g_autofree char *index_path = g_strconcat(path, ".index", NULL);
  unlink(path);
  unlink(index_path);
}

static void close_table(tw_log *log, table_writer *writer)
{
  if (tw_log_failure(log) == NULL && !write_all(writer->file, tw_member_end, TW_MEMBER_END_BYTES))
    fail_errno(log, writer->path);
  close_file(log, writer->file, writer->path);
  close_file(log, writer->index, writer->index_path);
  g_free(writer->path);
  g_free(writer->index_path);
  g_free(writer);
}

tw_log *tw_log_open(const char *directory, guint wanted, GError **error)
{
  tw_log *log = g_new0(tw_log, 1);
  log->wanted = wanted;
  log->compressor = libdeflate_alloc_compressor(TW_MEMBER_LEVEL);
  log->full = g_async_queue_new();
  log->spare = g_async_queue_new_full(g_free);
  for (int i = 0; i < QUEUED_BLOCKS; i++)
    g_async_queue_push(log->spare, g_new(text_block, 1));
  for (int i = 0; i < TW_LOG_TABLES; i++)
    if (wanted & (1U << i))
      log->writers[i] = open_table(log, &tw_log_tables[i], directory);
    else
      remove_table(&tw_log_tables[i], directory);
  log->thread = g_thread_new("log", run_thread, log);
  if (tw_log_failure(log) == NULL)
    return log;
  tw_log_close(log, error);
  return NULL;
}

gboolean tw_log_close(tw_log *log, GError **error)
{
  for (int i = 0; i < TW_LOG_TABLES; i++)
    if (log->writers[i] != NULL) {
      text_block *last = log->writers[i]->block;
      last->used = log->writers[i]->row_start;
      g_async_queue_push(last->used > 0 ? log->full : log->spare, last);
    }
  text_block *end = g_async_queue_pop(log->spare);
  end->writer = NULL;
  g_async_queue_push(log->full, end);
  g_thread_join(log->thread);

  for (int i = 0; i < TW_LOG_TABLES; i++)
    if (log->writers[i] != NULL)
      close_table(log, log->writers[i]);
  g_async_queue_unref(log->full);
  g_async_queue_unref(log->spare);
  libdeflate_free_compressor(log->compressor);
  GError *failure = log->failure;
  g_free(log);
  if (failure == NULL)
    return TRUE;
  g_propagate_error(error, failure);
  return FALSE;
}
