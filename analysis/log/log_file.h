/* The file of a table as a chain of members, and its index; rows are left to log_row.h. */
#ifndef TW_ANALYSIS_LOG_FILE_H
#define TW_ANALYSIS_LOG_FILE_H

#include "sim/log/log_format.h"
#include "sim/log/log_member.h"

typedef struct tw_log_file tw_log_file;

typedef enum {
  TW_MEMBER_WHOLE,   /* the member is complete, and its CRC is right */
  TW_MEMBER_DAMAGED, /* or cut off, or none at all */
  TW_MEMBER_NONE     /* the file ends here */
} tw_member_status;

typedef struct tw_member {
  const guint8 *bytes; /* the compressed bytes; borrowed, as the text is, until the next member is read */
  gsize length;
  char *text;        /* ends in a NUL that is not counted */
  gsize text_bytes;  /* 0: the end marker */
  const char *fault; /* says what is wrong with a damaged member; a constant */
} tw_member;

/* Opens the file, to read it or to repair it too. NULL with TW_INPUT_ERROR. */
tw_log_file *tw_log_file_open(const char *directory, const tw_log_table *table, GError **error);
void tw_log_file_close(tw_log_file *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_log_file, tw_log_file_close)

const char *tw_log_file_path(const tw_log_file *file);
/* Bytes that the file has now; a run may still be writing it. */
guint64 tw_log_file_size(const tw_log_file *file);

/* Reads the member at that offset. */
tw_member_status tw_log_file_read(tw_log_file *file, guint64 offset, tw_member *member);
/* The length of the member at that offset, from its header; 0 if there is none. */
gsize tw_log_file_length(tw_log_file *file, guint64 offset);
/* The offset of the first member that starts there or later; the file's size if none does. */
guint64 tw_log_file_find(tw_log_file *file, guint64 offset);

/* The index (of tw_index_entry) as far as its lines are well-formed and their offsets grow; empty if there is
 * none. The caller owns it. */
GArray *tw_log_file_index(tw_log_file *file);

/* Bytes read from the file and its index so far. */
guint64 tw_log_file_bytes_read(const tw_log_file *file);

#endif
