/* The tables of a run directory: one description that the writer, the readers, run.json and the documentation
 * share.
 *
 * A table is CSV with a header line, in a chain of independent gzip members (BGZF framing, SAM/BAM
 * specification section 4.1: at most 65,280 bytes of text each, cut at row boundaries, an empty end marker).
 * Beside NAME.csv.gz lies its index, NAME.csv.gz.index: CSV with one line a member. */
#ifndef TW_SIM_LOG_FORMAT_H
#define TW_SIM_LOG_FORMAT_H

#include <glib.h>

#define TW_LOG_VERSION     1
#define TW_LOG_BLOCK_BYTES 65280

typedef enum {
  TW_COLUMN_INTEGER,
  TW_COLUMN_INSTANT, /* seconds, always 9 decimals; empty where it did not happen (NAN) */
  TW_COLUMN_REAL,    /* rounded to `decimals`, trailing zeros dropped; empty for NAN */
  TW_COLUMN_TEXT     /* quoted where CSV (RFC 4180) asks for it; empty for NULL */
} tw_column_type;

typedef struct tw_column {
  const char *name;
  tw_column_type type;
  int decimals;
  const char *unit; /* "s", "tokens", "W", "" */
  const char *help;
} tw_column;

typedef struct tw_log_table {
  const char *name; /* "requests": the file is requests.csv.gz */
  const char *help;
  int time_column; /* the column by which the index finds rows */
  int n_columns;
  const tw_column *columns;
} tw_log_table;

/* Every table, by the order of this enum. */
typedef enum {
  TW_LOG_REQUESTS,
  TW_LOG_ENGINES,
  TW_LOG_RACKS,
  TW_LOG_SITE,
  TW_LOG_SEGMENTS,
  TW_LOG_TABLES
} tw_log_table_id;
extern const tw_log_table tw_log_tables[TW_LOG_TABLES];

#endif
