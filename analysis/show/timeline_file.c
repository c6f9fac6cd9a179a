#include "analysis/show/timeline_file.h"

#include "analysis/log/json_text.h"

#include <glib/gstdio.h>
#include <zlib.h>

#include <errno.h>
#include <math.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 18 };

struct tw_timeline_file {
  gzFile out;
  char *path; /* NULL for standard output */
  GString *line;
  guint64 events;
  gboolean failed;
};

tw_timeline_file *tw_timeline_file_open(const char *path, GError **error)
{
  gboolean to_stdout = g_str_equal(path, "-");
  const char *mode = g_str_has_suffix(path, ".gz") ? "wb" : "wbT"; /* T: plain */
  errno = 0;
  gzFile out = to_stdout ? gzdopen(dup(STDOUT_FILENO), mode) : gzopen(path, mode);
  if (out == NULL) {
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: cannot be written: %s", path,
                errno != 0 ? g_strerror(errno) : "out of memory");
    return NULL;
  }
  gzbuffer(out, BUFFER_BYTES);
  tw_timeline_file *file = g_new0(tw_timeline_file, 1);
  file->out = out;
  file->path = to_stdout ? NULL : g_strdup(path);
  file->line = g_string_new("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
  return file;
}

static void write_line(tw_timeline_file *file)
{
  if (!file->failed && gzwrite(file->out, file->line->str, (unsigned)file->line->len) != (int)file->line->len)
    file->failed = TRUE;
  g_string_truncate(file->line, 0);
}

/* Removes what cannot be finished; not a device. */
static void remove_file(const tw_timeline_file *file)
{
  if (file->path != NULL && g_file_test(file->path, G_FILE_TEST_IS_REGULAR))
    g_unlink(file->path);
}

static void free_file(tw_timeline_file *file)
{
  g_free(file->path);
  g_string_free(file->line, TRUE);
  g_free(file);
}

gboolean tw_timeline_file_close(tw_timeline_file *file, GError **error)
{
  g_string_append(file->line, "\n]}\n");
  write_line(file);
  errno = 0;
  gboolean good = gzclose(file->out) == Z_OK && !file->failed;
  if (!good) {
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: cannot be written: %s",
                file->path != NULL ? file->path : "standard output",
                errno != 0 ? g_strerror(errno) : "the device refused it");
    remove_file(file);
  }
  free_file(file);
  return good;
}

void tw_timeline_file_discard(tw_timeline_file *file)
{
  gzclose(file->out);
  remove_file(file);
  free_file(file);
}

guint64 tw_timeline_file_events(const tw_timeline_file *file)
{
  return file->events;
}

/* ---- Events ---- */

static gint64 nanoseconds(double time_s)
{
  return (gint64)llround(time_s * 1e9);
}

static void append_time(GString *line, const char *key, gint64 ns)
{
  g_string_append_printf(line, ",\"%s\":%" G_GINT64_FORMAT ".%03d", key, ns / 1000, (int)(ns % 1000));
}

/* {"ph":"X","pid":1,"tid":2,"name":"..." */
static void begin(tw_timeline_file *file, char phase, tw_track track, const char *name)
{
  if (file->events++ > 0)
    g_string_append(file->line, ",\n");
  g_string_append_printf(file->line, "{\"ph\":\"%c\",\"pid\":%d,\"tid\":%d,\"name\":", phase, track.process,
                         track.track);
  tw_json_text_append(file->line, name);
}

static void end(tw_timeline_file *file, const char *args)
{
  if (args != NULL)
    g_string_append_printf(file->line, ",\"args\":%s", args);
  g_string_append_c(file->line, '}');
  write_line(file);
}

static void name_thing(tw_timeline_file *file, tw_track track, const char *what, const char *name)
{
  g_autoptr(GString) args = g_string_new("{\"name\":");
  tw_json_text_append(args, name);
  g_string_append_c(args, '}');
  begin(file, 'M', track, what);
  end(file, args->str);
}

static void order_thing(tw_timeline_file *file, tw_track track, const char *what, int place)
{
  g_autofree char *args = g_strdup_printf("{\"sort_index\":%d}", place);
  begin(file, 'M', track, what);
  end(file, args);
}

void tw_timeline_name_process(tw_timeline_file *file, int process, const char *name)
{
  name_thing(file, (tw_track){process, 0}, "process_name", name);
  order_thing(file, (tw_track){process, 0}, "process_sort_index", process);
}

void tw_timeline_name_track(tw_timeline_file *file, tw_track track, const char *name)
{
  name_thing(file, track, "thread_name", name);
  order_thing(file, track, "thread_sort_index", track.track);
}

void tw_timeline_slice(tw_timeline_file *file, tw_track track, const char *name, double start_s, double end_s,
                       const char *args)
{
  begin(file, 'X', track, name);
  append_time(file->line, "ts", nanoseconds(start_s));
  append_time(file->line, "dur", nanoseconds(end_s) - nanoseconds(start_s));
  end(file, args);
}

void tw_timeline_instant(tw_timeline_file *file, tw_track track, const char *name, double time_s,
                         const char *args)
{
  begin(file, 'i', track, name);
  append_time(file->line, "ts", nanoseconds(time_s));
  g_string_append(file->line, ",\"s\":\"t\"");
  end(file, args);
}

/* An event of a category whose events belong together by their id. */
static void add_with_id(tw_timeline_file *file, char phase, tw_track track, const char *category, gint64 id,
                        const char *name, gint64 ns, const char *more, const char *args)
{
  begin(file, phase, track, name);
  g_string_append_printf(file->line, ",\"cat\":\"%s\",\"id\":%" G_GINT64_FORMAT "%s", category, id, more);
  append_time(file->line, "ts", ns);
  end(file, args);
}

void tw_timeline_span_begin(tw_timeline_file *file, int process, const char *category, gint64 id,
                            const char *name, double start_s, const char *args)
{
  add_with_id(file, 'b', (tw_track){process, 0}, category, id, name, nanoseconds(start_s), "", args);
}

void tw_timeline_span_end(tw_timeline_file *file, int process, const char *category, gint64 id,
                          const char *name, double end_s)
{
  add_with_id(file, 'e', (tw_track){process, 0}, category, id, name, nanoseconds(end_s), "", NULL);
}

void tw_timeline_span(tw_timeline_file *file, int process, const char *category, gint64 id, const char *name,
                      double start_s, double end_s, const char *args)
{
  tw_timeline_span_begin(file, process, category, id, name, start_s, args);
  tw_timeline_span_end(file, process, category, id, name, end_s);
}

void tw_timeline_arrow(tw_timeline_file *file, tw_track track, tw_arrow point, gint64 id, double time_s)
{
  static const struct {
    char phase;
    const char *more; /* an end without "bp":"e" would bind to the next slice, not to the one around it */
  } points[] = {
      [TW_ARROW_START] = {'s', ""}, [TW_ARROW_STEP] = {'t', ""}, [TW_ARROW_END] = {'f', ",\"bp\":\"e\""}};
  add_with_id(file, points[point].phase, track, "flow", id, "request", nanoseconds(time_s),
              points[point].more, NULL);
}

void tw_timeline_counter(tw_timeline_file *file, int process, const char *name, double time_s,
                         const char *args)
{
  begin(file, 'C', (tw_track){process, 0}, name);
  append_time(file->line, "ts", nanoseconds(time_s));
  end(file, args);
}
