#include "sim/log/log_format.h"

#include <math.h>
#include <stddef.h>

#define COLUMN_INTEGER(name, unit, help)        {#name, TW_COLUMN_INTEGER, 0, unit, help},
#define COLUMN_INSTANT(name, help)              {#name, TW_COLUMN_INSTANT, 9, "s", help},
#define COLUMN_REAL(name, decimals, unit, help) {#name, TW_COLUMN_REAL, decimals, unit, help},
#define COLUMN_TEXT(name, help)                 {#name, TW_COLUMN_TEXT, 0, "", help},
#define COLUMNS(LIST)                           LIST(COLUMN_INTEGER, COLUMN_INSTANT, COLUMN_REAL, COLUMN_TEXT)

#define EMPTY_INTEGER(name, ...) .name = TW_LOG_NONE,
#define EMPTY_NUMBER(name, ...)  .name = NAN,
#define EMPTY_TEXT(name, ...)    .name = NULL,
#define EMPTY(LIST)              LIST(EMPTY_INTEGER, EMPTY_NUMBER, EMPTY_NUMBER, EMPTY_TEXT)

/* A struct with a char a column: its size is their number, the offset of a member is its column. */
#define CHAR(name, ...) char name;
#define CHARS(LIST)     LIST(CHAR, CHAR, CHAR, CHAR)

static const tw_column request_columns[] = {COLUMNS(TW_REQUEST_COLUMNS)};
static const tw_column engine_columns[] = {COLUMNS(TW_ENGINE_COLUMNS)};
static const tw_column rack_columns[] = {COLUMNS(TW_RACK_COLUMNS)};
static const tw_column site_columns[] = {COLUMNS(TW_SITE_COLUMNS)};
static const tw_column sites_columns[] = {COLUMNS(TW_SITES_COLUMNS)};
static const tw_column wan_columns[] = {COLUMNS(TW_WAN_COLUMNS)};
static const tw_column segment_columns[] = {COLUMNS(TW_SEGMENT_COLUMNS)};
static const tw_column link_columns[] = {COLUMNS(TW_LINK_COLUMNS)};
static const tw_column failure_columns[] = {COLUMNS(TW_FAILURE_COLUMNS)};
static const tw_column job_columns[] = {COLUMNS(TW_JOB_COLUMNS)};
static const tw_column rl_columns[] = {COLUMNS(TW_RL_COLUMNS)};

const tw_request_row tw_request_row_empty = {EMPTY(TW_REQUEST_COLUMNS)};
const tw_engine_row tw_engine_row_empty = {EMPTY(TW_ENGINE_COLUMNS)};
const tw_rack_row tw_rack_row_empty = {EMPTY(TW_RACK_COLUMNS)};
const tw_site_row tw_site_row_empty = {EMPTY(TW_SITE_COLUMNS)};
const tw_sites_row tw_sites_row_empty = {EMPTY(TW_SITES_COLUMNS)};
const tw_wan_row tw_wan_row_empty = {EMPTY(TW_WAN_COLUMNS)};
const tw_segment_row tw_segment_row_empty = {EMPTY(TW_SEGMENT_COLUMNS)};
const tw_link_row tw_link_row_empty = {EMPTY(TW_LINK_COLUMNS)};
const tw_failure_row tw_failure_row_empty = {EMPTY(TW_FAILURE_COLUMNS)};
const tw_job_row tw_job_row_empty = {EMPTY(TW_JOB_COLUMNS)};
const tw_rl_row tw_rl_row_empty = {EMPTY(TW_RL_COLUMNS)};

struct request_chars {
  CHARS(TW_REQUEST_COLUMNS)
};
struct engine_chars {
  CHARS(TW_ENGINE_COLUMNS)
};
struct rack_chars {
  CHARS(TW_RACK_COLUMNS)
};
struct site_chars {
  CHARS(TW_SITE_COLUMNS)
};
struct sites_chars {
  CHARS(TW_SITES_COLUMNS)
};
struct wan_chars {
  CHARS(TW_WAN_COLUMNS)
};
struct segment_chars {
  CHARS(TW_SEGMENT_COLUMNS)
};

struct link_chars {
  CHARS(TW_LINK_COLUMNS)
};

struct failure_chars {
  CHARS(TW_FAILURE_COLUMNS)
};

struct job_chars {
  CHARS(TW_JOB_COLUMNS)
};

struct rl_chars {
  CHARS(TW_RL_COLUMNS)
};

/* A row's columns, and the one that time runs by. */
#define SHAPE(row, time) offsetof(struct row##_chars, time), sizeof(struct row##_chars), row##_columns

enum { ONLY_WITH_FAILURES = 2, ONLY_WITH_SITES = 4 }; /* Groups of the columns of requests, at their end. */
enum { ONLY_WITH_GRID = 2 };                          /* Columns of the site, at their end. */

const tw_log_table tw_log_tables[TW_LOG_TABLES] = {
    [TW_LOG_REQUESTS] = {"requests", "a row per request, in the order of ending",
                         SHAPE(request, completion_s), ONLY_WITH_FAILURES, ONLY_WITH_SITES, 0},
    [TW_LOG_ENGINES] = {"engines", "a row per interval and engine", SHAPE(engine, start_s), 0, 0, 0},
    [TW_LOG_RACKS] = {"racks", "a row per interval and rack", SHAPE(rack, start_s), 0, 0, 0},
    [TW_LOG_SITE] = {"site", "a row per interval", SHAPE(site, start_s), 0, 0, ONLY_WITH_GRID},
    [TW_LOG_SEGMENTS] = {"segments", "a row per stretch of work, in the order of ending: a timeline",
                         SHAPE(segment, end_s), 0, 0, 0},
    [TW_LOG_LINKS] = {"links", "a row per interval and link that carried anything", SHAPE(link, start_s), 0,
                      0, 0},
    [TW_LOG_FAILURES] = {"failures", "a row per failure, in the order in which they were over",
                         SHAPE(failure, end_s), 0, 0, 0},
    [TW_LOG_JOBS] = {"jobs", "a row per some steps of a job, and per stop", SHAPE(job, end_s), 0, 0, 0},
    [TW_LOG_RL] = {"rl", "a row per step of reinforcement learning", SHAPE(rl, end_s), 0, 0, 0},
    [TW_LOG_SITES] = {"sites", "a row per interval and site, in runs of several", SHAPE(sites, start_s), 0, 0,
                      0},
    [TW_LOG_WANS] =
        {"wans", "a row per interval and way between regions that something took, in runs of several sites",
         SHAPE(wan, start_s), 0, 0, 0},
};

const tw_log_table *tw_log_table_find(const char *name)
{
  for (int i = 0; i < TW_LOG_TABLES; i++)
    if (g_str_equal(tw_log_tables[i].name, name))
      return &tw_log_tables[i];
  return NULL;
}

const char **tw_log_table_names(void)
{
  const char **names = g_new0(const char *, TW_LOG_TABLES + 1);
  for (int i = 0; i < TW_LOG_TABLES; i++)
    names[i] = tw_log_tables[i].name;
  return names;
}

char *tw_log_table_path(const char *directory, const tw_log_table *table)
{
  return g_strdup_printf("%s/%s.csv.gz", directory, table->name);
}

int tw_log_table_columns(const tw_log_table *table, guint wanted)
{
  gboolean sites = (wanted & (1U << TW_LOG_SITES)) != 0;
  return table->n_columns - (wanted & TW_LOG_WITH_GRID ? 0 : table->grid_columns) -
         (sites ? 0 : table->site_columns) -
         (sites || (wanted & (1U << TW_LOG_FAILURES)) ? 0 : table->failure_columns);
}

char *tw_log_table_header(const tw_log_table *table, guint wanted)
{
  GString *header = g_string_new(NULL);
  int n = tw_log_table_columns(table, wanted);
  for (int i = 0; i < n; i++)
    g_string_append_printf(header, "%s%c", table->columns[i].name, i + 1 < n ? ',' : '\n');
  return g_string_free(header, FALSE);
}

const char *tw_column_type_name(tw_column_type type)
{
  static const char *const names[] = {
      [TW_COLUMN_INTEGER] = "integer",
      [TW_COLUMN_INSTANT] = "instant",
      [TW_COLUMN_REAL] = "real",
      [TW_COLUMN_TEXT] = "text",
  };
  return names[type];
}

static json_t *describe_columns(const tw_log_table *table, guint wanted)
{
  json_t *columns = json_array();
  for (int i = 0; i < tw_log_table_columns(table, wanted); i++) {
    const tw_column *column = &table->columns[i];
    json_array_append_new(columns, json_pack("{s:s, s:s, s:s, s:s}", "name", column->name, "type",
                                             tw_column_type_name(column->type), "unit", column->unit, "help",
                                             column->help));
  }
  return columns;
}

json_t *tw_log_describe(guint wanted)
{
  json_t *tables = json_object();
  for (int i = 0; i < TW_LOG_TABLES; i++) {
    const tw_log_table *table = &tw_log_tables[i];
    if (wanted & (1U << i))
      json_object_set_new(tables, table->name,
                          json_pack("{s:s, s:s, s:o}", "help", table->help, "time",
                                    table->columns[table->time_column].name, "columns",
                                    describe_columns(table, wanted)));
  }
  return json_pack("{s:i, s:o}", "version", TW_LOG_VERSION, "tables", tables);
}
