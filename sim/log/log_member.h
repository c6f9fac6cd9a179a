/* One member of a table's file, and its line in the index.
 *
 *     1f 8b 08 04 │ time 0 │ 00 ff │ 6 │ 'B' 'C' 2 │ length − 1 │ deflated text │ CRC-32 │ length
 *
 * The first length is that of the member; the CRC-32 and the last length are of the text.
 *
 * This is gzip with BGZF's extra field, by which a reader steps from member to member without inflating. */
#ifndef TW_SIM_LOG_MEMBER_H
#define TW_SIM_LOG_MEMBER_H

#include <glib.h>

#include <libdeflate.h>

#define TW_MEMBER_HEADER_BYTES 18
#define TW_MEMBER_MAX_BYTES    65536 /* the most bytes of a member, and of a text that a reader accepts */

/* libdeflate's level 1: per row of `requests` less time than any level of zlib, and smaller than zlib's 3. */
#define TW_MEMBER_LEVEL 1

/* The empty member that ends a complete file. */
#define TW_MEMBER_END_BYTES 28
extern const guint8 tw_member_end[TW_MEMBER_END_BYTES];

/* Deflates at most TW_LOG_BLOCK_BYTES of text into `member`; the length of the member. */
gsize tw_member_encode(struct libdeflate_compressor *compressor, const char *text, gsize n,
                       guint8 member[TW_MEMBER_MAX_BYTES]);

/* The length of the member that begins with these bytes; 0 if no member of ours does. */
gsize tw_member_length(const guint8 header[TW_MEMBER_HEADER_BYTES]);

/* The place in n bytes where the first member starts; n if none does. */
gsize tw_member_find(const guint8 *bytes, gsize n);

/* Inflates a whole member of that length. Returns the length of its text, or -1 with what is wrong in `fault`
 * (a constant). */
gssize tw_member_decode(struct libdeflate_decompressor *decompressor, const guint8 *member, gsize length,
                        char text[TW_MEMBER_MAX_BYTES], const char **fault);

/* A line of the index. */
typedef struct tw_index_entry {
  guint64 offset;         /* begin of the member in the file */
  guint64 rows;           /* rows of the member; 0 in the one that holds the header */
  double first_s, last_s; /* least and greatest of their time column; NAN for none */
} tw_index_entry;

#define TW_INDEX_HEADER     "offset,rows,first_s,last_s\n"
#define TW_INDEX_LINE_BYTES 768

/* Writes the line with its line break, without a NUL; its length. */
gsize tw_index_line(const tw_index_entry *entry, char line[TW_INDEX_LINE_BYTES]);
/* Reads it back, without the line break. FALSE if it is none. */
gboolean tw_index_parse(const char *line, tw_index_entry *entry);

#endif
