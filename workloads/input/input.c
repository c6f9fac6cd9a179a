#include "workloads/input/input.h"

#include "platforms/input/fault.h"

#include <zlib.h>

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  RAW_BYTES = 64 * 1024,
  TEXT_BYTES = 32 * 1024, /* read at a time: stays in the cache, and moves the progress in small steps */
  QUOTE_BYTES = 60,
  GZIP_WINDOW = 15 + 16, /* zlib: 32 KiB window, gzip header and CRC */
};

struct tw_input {
  char *path;
  int fd;
  gint64 file_bytes; /* 0: unknown */
  gint64 read_bytes; /* bytes that this pass has read */
  struct sha256_ctx checksum;
  char *sha256; /* NULL: not read to the end yet */

  gboolean gzip, in_member, inflating; /* inflating: `z` is initialised */
  z_stream z;                          /* next_in and avail_in also serve plain files */
  guint8 raw[RAW_BYTES];

  char *text; /* lines not given out yet are [begin, end); [begin, scanned) holds no LF */
  gsize capacity, begin, scanned, end;
  gboolean ended; /* no text comes after `end` */
  long line;
  gsize max_line;
};

/* The hexadecimal digits of a checksum, which begins anew. */
static char *digest(struct sha256_ctx *checksum)
{
  guint8 bytes[SHA256_DIGEST_SIZE];
  sha256_digest(checksum, sizeof bytes, bytes);
  char *text = g_malloc(2 * sizeof bytes + 1);
  for (gsize i = 0; i < sizeof bytes; i++)
    g_snprintf(text + 2 * i, 3, "%02x", bytes[i]);
  return text;
}

/* Like read(2), into `raw`. 0 at the end of the file, -1 with `error`. */
static gssize read_raw(tw_input *input, GError **error)
{
  gssize n;
  do
    n = read(input->fd, input->raw, RAW_BYTES);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, input->path, 0, "cannot be read: %s", g_strerror(errno));
    return -1;
  }
  input->z.next_in = input->raw;
  input->z.avail_in = (uInt)n;
  input->read_bytes += n;
  if (n == 0 && input->file_bytes > 0 && input->read_bytes != input->file_bytes) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, input->path, 0,
                       "has changed while it was read: it had %" G_GINT64_FORMAT
                       " bytes, and %" G_GINT64_FORMAT " came; start again once nobody writes it",
                       input->file_bytes, input->read_bytes);
    return -1;
  }
  if (input->sha256 == NULL) {
    if (n > 0)
      sha256_update(&input->checksum, (size_t)n, input->raw);
    else
      input->sha256 = digest(&input->checksum);
  }
  return n;
}

static gboolean damaged(const tw_input *input, GError **error, const char *what)
{
  return tw_input_error_set(error, TW_INPUT_ERROR_FILE, input->path, input->line + 1, "%s", what);
}

/* Inflates what is in `raw` to `to`; returns the bytes written, or -1 with `error`. */
static gssize inflate_raw(tw_input *input, char *to, gsize size, GError **error)
{
  z_stream *z = &input->z;
  if (!input->in_member) {
    inflateReset(z);
    input->in_member = TRUE;
  }
  z->next_out = (Bytef *)to;
  z->avail_out = (uInt)size;
  int code = inflate(z, Z_NO_FLUSH);
  gssize written = (gssize)(size - z->avail_out);
  if (code == Z_STREAM_END)
    input->in_member = FALSE;
  else if (code != Z_OK && code != Z_BUF_ERROR && written == 0) { /* a fault stays, and waits for good text */
    g_autofree char *what = g_strdup_printf("damaged gzip data: %s; fetch or compress the file again",
                                            z->msg ? z->msg : zError(code));
    damaged(input, error, what);
    return -1;
  }
  return written;
}

static gssize copy_raw(tw_input *input, char *to, gsize size)
{
  gsize n = MIN(size, input->z.avail_in);
  memcpy(to, input->z.next_in, n);
  input->z.next_in += n;
  input->z.avail_in -= (uInt)n;
  return (gssize)n;
}

/* Appends text, or sets `ended`. */
static gboolean fill(tw_input *input, GError **error)
{
  if (input->begin > 0) {
    memmove(input->text, input->text + input->begin, input->end - input->begin);
    input->scanned -= input->begin;
    input->end -= input->begin;
    input->begin = 0;
  }
  if (input->capacity < input->end + TEXT_BYTES) {
    input->capacity = input->end + TEXT_BYTES + input->end / 2;
    /* One byte more for the NUL after a last line without LF. */
    input->text = g_realloc(input->text, input->capacity + 1);
  }
  for (;;) {
    gssize n;
    /* inflate() may hold back output when its input is used up, so a member that is open is asked first. */
    if (input->gzip && (input->in_member || input->z.avail_in > 0))
      n = inflate_raw(input, input->text + input->end, TEXT_BYTES, error);
    else
      n = input->gzip ? 0 : copy_raw(input, input->text + input->end, TEXT_BYTES);
    if (n < 0)
      return FALSE;
    input->end += (gsize)n;
    if (n > 0)
      return TRUE;
    if (input->z.avail_in > 0)
      continue;
    n = read_raw(input, error);
    if (n < 0)
      return FALSE;
    if (n == 0) {
      input->ended = TRUE;
      if (!input->in_member)
        return TRUE;
      return damaged(input, error, "the gzip data ends too early: the file is truncated; fetch it again");
    }
  }
}

/* Kinds of files that hold no text, by their first bytes, and what makes text of them. */
static const struct {
  const char *magic, *advice;
} binaries[] = {
    {"PAR1", "Parquet; write CSV first: duckdb -c \"COPY (FROM 'log.parquet') TO 'log.csv'\""},
    {"ARROW1", "Arrow; write CSV first, as with pandas: read_feather(FILE).to_csv('log.csv')"},
    {"Obj\x01", "Avro; write CSV or JSON lines first"},
    {"SQLite format 3", "a database of SQLite; write CSV first: sqlite3 -header -csv FILE 'SELECT ...'"},
    {"PK\x03\x04", "a ZIP archive or a workbook; unpack it, or save its sheet as CSV"},
    {"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it (zstd -d), or compress with gzip"},
    {"\xfd"
     "7zXZ",
     "compressed by xz; unpack it (xz -d), or compress with gzip"},
    {"BZh9", "compressed by bzip2; unpack it (bzip2 -d), or compress with gzip"},
    {"\x04\x22\x4d\x18", "compressed by lz4; unpack it (lz4 -d), or compress with gzip"},
    {"\xff\xfe", "UTF-16; write UTF-8 first: iconv -f UTF-16 -t UTF-8 FILE > log.csv"},
    {"\xfe\xff", "UTF-16; write UTF-8 first: iconv -f UTF-16 -t UTF-8 FILE > log.csv"},
};

static gboolean check_text(const tw_input *input, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS(binaries); i++) {
    gsize length = strlen(binaries[i].magic);
    if (input->z.avail_in >= length && memcmp(input->raw, binaries[i].magic, length) == 0)
      return tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, input->path, 0,
                                "a text file, plain or gzip, is needed; this is %s", binaries[i].advice);
  }
  return TRUE;
}

/* Reads the first bytes and decides whether they are gzip. */
static gboolean start(tw_input *input, GError **error)
{
  input->read_bytes = 0;
  input->begin = input->scanned = input->end = 0;
  input->line = 0;
  input->ended = input->in_member = FALSE;
  if (read_raw(input, error) < 0 || !check_text(input, error))
    return FALSE;
  input->gzip = input->z.avail_in >= 2 && input->raw[0] == 0x1f && input->raw[1] == 0x8b;
  if (input->gzip && !input->inflating) {
    if (inflateInit2(&input->z, GZIP_WINDOW) != Z_OK)
      g_error("zlib: out of memory");
    input->inflating = TRUE;
  }
  return TRUE;
}

tw_input *tw_input_open(const char *path, GError **error)
{
  g_autoptr(tw_input) input = g_new0(tw_input, 1);
  input->path = g_strdup(path);
  sha256_init(&input->checksum);
  input->capacity = TEXT_BYTES;
  input->max_line = TW_INPUT_MAX_LINE;
  input->text = g_malloc(input->capacity + 1);
  input->fd = open(path, O_RDONLY | O_CLOEXEC);
  if (input->fd < 0) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, path, 0, "cannot be opened: %s", g_strerror(errno));
    return NULL;
  }
  struct stat status;
  if (fstat(input->fd, &status) == 0 && S_ISREG(status.st_mode))
    input->file_bytes = status.st_size;
  if (!start(input, error))
    return NULL;
  return g_steal_pointer(&input);
}

void tw_input_free(tw_input *input)
{
  if (input == NULL)
    return;
  if (input->inflating)
    inflateEnd(&input->z);
  if (input->fd >= 0)
    close(input->fd);
  g_free(input->sha256);
  g_free(input->text);
  g_free(input->path);
  g_free(input);
}

gboolean tw_input_line(tw_input *input, char **line, gsize *length, GError **error)
{
  char *lf;
  while ((lf = memchr(input->text + input->scanned, '\n', input->end - input->scanned)) == NULL) {
    input->scanned = input->end;
    if (input->ended)
      break;
    if (input->end - input->begin > input->max_line) {
      g_autofree char *what =
          g_strdup_printf("the line is longer than %" G_GSIZE_FORMAT " MiB; one request a line is needed",
                          input->max_line >> 20);
      return damaged(input, error, what);
    }
    if (!fill(input, error))
      return FALSE;
  }
  if (lf == NULL && input->begin == input->end)
    return FALSE;

  char *start_of_line = input->text + input->begin;
  char *end_of_line = lf != NULL ? lf : input->text + input->end;
  input->begin = input->scanned = lf != NULL ? (gsize)(lf + 1 - input->text) : input->end;
  input->line++;
  if (end_of_line > start_of_line && end_of_line[-1] == '\r')
    end_of_line--;
  *end_of_line = '\0';
  *line = start_of_line;
  *length = (gsize)(end_of_line - start_of_line);
  const char *nul = memchr(start_of_line, '\0', *length);
  if (nul != NULL)
    return tw_input_fault(input, error, "NUL byte in column %td; a text file is needed",
                          nul - start_of_line + 1);
  return TRUE;
}

gboolean tw_input_rewind(tw_input *input, GError **error)
{
  if (lseek(input->fd, 0, SEEK_SET) < 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, input->path, 0,
                              "cannot be read a second time: %s; copy it to a file", g_strerror(errno));
  if (input->sha256 == NULL)
    sha256_init(&input->checksum);
  return start(input, error);
}

gboolean tw_input_drain(tw_input *input, GError **error)
{
  gssize n = 1;
  while (input->sha256 == NULL && n > 0)
    n = read_raw(input, error);
  return n >= 0;
}

void tw_input_set_max_line(tw_input *input, gsize bytes)
{
  input->max_line = MAX(input->max_line, bytes);
}

long tw_input_line_number(const tw_input *input)
{
  return input->line;
}

char *tw_file_sha256(const char *path)
{
  g_autofree char *bytes = NULL;
  gsize length = 0;
  struct sha256_ctx checksum;
  if (!g_file_get_contents(path, &bytes, &length, NULL))
    return NULL;
  sha256_init(&checksum);
  sha256_update(&checksum, length, (const guint8 *)bytes);
  return digest(&checksum);
}

const char *tw_input_sha256(const tw_input *input)
{
  return input->sha256;
}

const char *tw_input_path(const tw_input *input)
{
  return input->path;
}

double tw_input_progress(const tw_input *input)
{
  if (input->file_bytes == 0)
    return 0;
  gint64 waiting = input->z.avail_in;
  if (!input->gzip)
    waiting += (gint64)(input->end - input->begin);
  return CLAMP((double)(input->read_bytes - waiting) / (double)input->file_bytes, 0, 1);
}

gboolean tw_input_fault(const tw_input *input, GError **error, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *bytes = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_autofree char *message = g_utf8_make_valid(bytes, -1); /* names of columns may be any bytes */
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, input->path, input->line, "%s", message);
}

char *tw_input_quote(const char *text)
{
  g_autofree char *clipped = g_strndup(text, QUOTE_BYTES);
  char *quoted = g_utf8_make_valid(clipped, -1);
  for (char *c = quoted; *c != '\0'; c++)
    if (g_ascii_iscntrl(*c))
      *c = '?';
  if (strlen(text) <= QUOTE_BYTES)
    return quoted;
  char *marked = g_strconcat(quoted, "...", NULL);
  g_free(quoted);
  return marked;
}
