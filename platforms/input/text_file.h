/* Whole text files, which may be packed with gzip. */
#ifndef TW_PLATFORMS_TEXT_FILE_H
#define TW_PLATFORMS_TEXT_FILE_H

#include <glib.h>

/* The text of a file, with a NUL byte behind its `length` (not NULL) bytes; that of a gzip file is unpacked. NULL with
 * `error` set where it cannot be read, or is longer than `most` bytes. The caller frees it. */
char *tw_text_file_read(const char *path, gsize most, gsize *length, GError **error);

#endif
