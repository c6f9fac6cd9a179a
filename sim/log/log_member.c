#include "sim/log/log_member.h"

#include "sim/log/log_cell.h"
#include "sim/log/log_format.h"

#include <math.h>

enum { FOOTER_BYTES = 8 };

static const guint8 member_start[16] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 'B', 'C', 2, 0};

const guint8 tw_member_end[TW_MEMBER_END_BYTES] = {0x1f, 0x8b, 8,  4, 0, 0, 0, 0, 0, 0xff, 6, 0, 'B', 'C',
                                                   2,    0,    27, 0, 3, 0, 0, 0, 0, 0,    0, 0, 0,   0};

static guint8 *put_little_endian(guint8 *to, guint32 value, int n)
{
  for (int i = 0; i < n; i++)
    *to++ = (guint8)(value >> (8 * i));
  return to;
}

static guint32 get_little_endian(const guint8 *from, int n)
{
  guint32 value = 0;
  for (int i = 0; i < n; i++)
    value |= (guint32)from[i] << (8 * i);
  return value;
}

gsize tw_member_encode(struct libdeflate_compressor *compressor, const char *text, gsize n,
                       guint8 member[TW_MEMBER_MAX_BYTES])
{
  g_assert(n <= TW_LOG_BLOCK_BYTES);
  gsize deflated = libdeflate_deflate_compress(compressor, text, n, member + TW_MEMBER_HEADER_BYTES,
                                               TW_MEMBER_MAX_BYTES - TW_MEMBER_HEADER_BYTES - FOOTER_BYTES);
  g_assert(deflated > 0); /* even text that does not shrink leaves room for its frame */
  gsize length = TW_MEMBER_HEADER_BYTES + deflated + FOOTER_BYTES;
  memcpy(member, member_start, sizeof member_start);
  put_little_endian(member + sizeof member_start, (guint32)(length - 1), 2);
  guint8 *footer = put_little_endian(member + length - FOOTER_BYTES, libdeflate_crc32(0, text, n), 4);
  put_little_endian(footer, (guint32)n, 4);
  return length;
}

gsize tw_member_length(const guint8 header[TW_MEMBER_HEADER_BYTES])
{
  if (memcmp(header, member_start, sizeof member_start) != 0)
    return 0;
  gsize length = get_little_endian(header + sizeof member_start, 2) + 1;
  return length > TW_MEMBER_HEADER_BYTES + FOOTER_BYTES ? length : 0;
}

gsize tw_member_find(const guint8 *bytes, gsize n)
{
  const guint8 *start = memmem(bytes, n, member_start, sizeof member_start);
  return start != NULL ? (gsize)(start - bytes) : n;
}

gssize tw_member_decode(struct libdeflate_decompressor *decompressor, const guint8 *member, gsize length,
                        char text[TW_MEMBER_MAX_BYTES], const char **fault)
{
  const guint8 *footer = member + length - FOOTER_BYTES;
  gsize n = 0, deflated = length - TW_MEMBER_HEADER_BYTES - FOOTER_BYTES, read = 0;
  enum libdeflate_result result = libdeflate_deflate_decompress_ex(
      decompressor, member + TW_MEMBER_HEADER_BYTES, deflated, text, TW_MEMBER_MAX_BYTES, &read, &n);

  if (result != LIBDEFLATE_SUCCESS || read != deflated)
    *fault = "holds damaged data";
  else if (n != get_little_endian(footer + 4, 4))
    *fault = "is not as long as it says";
  else if (libdeflate_crc32(0, text, n) != get_little_endian(footer, 4))
    *fault = "has a wrong CRC";
  else
    return (gssize)n;
  return -1;
}

gsize tw_index_line(const tw_index_entry *entry, char line[TW_INDEX_LINE_BYTES])
{
  char *to = tw_cell_integer(line, (gint64)entry->offset);
  *to++ = ',';
  to = tw_cell_integer(to, (gint64)entry->rows);
  *to++ = ',';
  to = tw_cell_fixed(to, entry->first_s, 9);
  *to++ = ',';
  to = tw_cell_fixed(to, entry->last_s, 9);
  *to++ = '\n';
  return (gsize)(to - line);
}

/* An empty cell is NAN. FALSE unless a number, and nothing else, stands before `end`. */
static gboolean parse_instant(const char *cell, char end, double *value, const char **after)
{
  char *stop = (char *)cell;
  *value = *cell == end ? NAN : g_ascii_strtod(cell, &stop);
  *after = stop + 1;
  return *stop == end && (stop == cell || !isnan(*value));
}

gboolean tw_index_parse(const char *line, tw_index_entry *entry)
{
  char *stop;
  const char *cell = line;
  if (!g_ascii_isdigit(*cell))
    return FALSE;
  entry->offset = g_ascii_strtoull(cell, &stop, 10);
  cell = stop + 1;
  if (*stop != ',' || !g_ascii_isdigit(*cell))
    return FALSE;
  entry->rows = g_ascii_strtoull(cell, &stop, 10);
  cell = stop + 1;
  return *stop == ',' && parse_instant(cell, ',', &entry->first_s, &cell) &&
         parse_instant(cell, '\0', &entry->last_s, &cell);
}
