/* The lines of a text file, plain or gzip with any number of members, in bounded memory.
 *
 *     file ─read─► raw ─inflate or copy─► text ─► lines
 *            └► SHA-256, progress
 *
 * A file whose size changes while it is read, a truncated or damaged gzip file, a line over TW_INPUT_MAX_LINE and a NUL byte are errors that name the
 * line in which they were met; the lines before it have been given out by then. */
#ifndef TW_WORKLOADS_INPUT_H
#define TW_WORKLOADS_INPUT_H

#include <glib.h>

typedef struct tw_input tw_input;

/* The longest line that is read, in bytes: room for a prompt's 16 Mi tokens in hashed blocks of 256. */
#define TW_INPUT_MAX_LINE (1024 * 1024)

/* NULL with TW_INPUT_ERROR where the file cannot be opened or read. */
tw_input *tw_input_open(const char *path, GError **error);
/* Lets lines be longer than TW_INPUT_MAX_LINE, at least so many bytes. */
void tw_input_set_max_line(tw_input *input, gsize bytes);
/* The number of the line given out last, from 1; 0: none yet. */
long tw_input_line_number(const tw_input *input);
void tw_input_free(tw_input *input);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_input, tw_input_free)

/* The next line without its LF or CR LF, NUL-terminated: the caller may write to it until the next call.
 * FALSE at the end of the file, or with `error` set. */
gboolean tw_input_line(tw_input *input, char **line, gsize *length, GError **error);

/* Starts again at the first byte; fails for what cannot seek, such as a pipe. */
gboolean tw_input_rewind(tw_input *input, GError **error);

/* Reads the rest of the file for its SHA-256 alone, without looking into it: no lines can be read after it.
 */
gboolean tw_input_drain(tw_input *input, GError **error);

/* Hexadecimal SHA-256 of the bytes of the file (compressed, if it is gzip), once the end was reached, or
 * NULL. Borrowed. */
const char *tw_input_sha256(const tw_input *input);
/* The same of a whole file, NULL: it cannot be read. The caller frees it. */
char *tw_file_sha256(const char *path);

const char *tw_input_path(const tw_input *input);
/* Share of the file's bytes that the lines given out so far took, 0 to 1; 0 where the size is unknown. */
double tw_input_progress(const tw_input *input);

/* Sets `error` to TW_INPUT_ERROR_VALUE at the file and the line given out last; returns FALSE. */
gboolean tw_input_fault(const tw_input *input, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* A text from the input, fit to be quoted in a message: clipped, control characters replaced. The caller
 * frees it. */
char *tw_input_quote(const char *text);

#endif
