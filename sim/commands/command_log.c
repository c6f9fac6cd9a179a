#include "analysis/log/log_check.h"
#include "analysis/log/log_print.h"
#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"
#include "platforms/input/units.h"
#include "sim/commands/command.h"

#include <errno.h>
#include <math.h>

/* ---- Operands and options ---- */

/* Takes DIR and, if given, TABLE from argv. */
static gboolean take_operands(const tw_command *verb, int argc, char **argv, const char **directory,
                              const char **table, GError **error)
{
  if (argc < 2 || argc > 3)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "%s: give %s (see `tokenworks %s --help`)",
                              argc < 2 ? "which run?" : "too many operands", verb->usage, verb->name);
  *directory = argv[1];
  if (argc == 3)
    *table = argv[2];
  return TRUE;
}

/* The format that --format names, or the default; GLib would leak a default that stood there before. */
static gboolean take_format(char **name, const char *standard, GError **error)
{
  if (*name == NULL)
    *name = g_strdup(standard);
  g_autofree const char **formats = tw_log_print_formats();
  if (g_strv_contains(formats, *name))
    return TRUE;
  g_autofree char *right = tw_suggestion(*name, formats);
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--format %s: no format is called that; %s",
                            *name, right);
}

/* The columns that `list` names ("a,b,c"), or all if it is NULL: their positions in the reader's. */
static GArray *choose_columns(const tw_log_reader *reader, const char *list, GError **error)
{
  g_autoptr(GArray) chosen = g_array_new(FALSE, FALSE, sizeof(int));
  g_auto(GStrv) names = g_strsplit(list != NULL ? list : "", ",", -1);
  for (int i = 0; list == NULL && i < (int)tw_log_reader_columns(reader)->len; i++)
    g_array_append_val(chosen, i);
  for (char **name = names; *name != NULL; name++) {
    int position = tw_log_reader_column(reader, g_strstrip(*name), error);
    if (position < 0)
      return NULL;
    g_array_append_val(chosen, position);
  }
  return g_steal_pointer(&chosen);
}

/* Whether the printed text has reached its place: a full disk or a closed pipe is told. */
static gboolean finish_output(GError **error)
{
  if (fflush(stdout) == 0 && !ferror(stdout))
    return TRUE;
  g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "cannot write the output: %s",
              g_strerror(errno));
  return FALSE;
}

/* ---- cat and head ---- */

typedef struct {
  char *from, *to, *columns, *format;
  gint64 rows; /* the most rows that are printed; negative: all */
} print_options;

#define OPTION(member) TW_OPTION(print_options, member)
#define COLUMNS_OPTION                                                                                       \
  {                                                                                                          \
    "columns", 'c', 0, G_OPTION_ARG_STRING, OPTION(columns), "These columns, in this order", "A,B,..."       \
  }
#define FORMAT_OPTION                                                                                        \
  {                                                                                                          \
    "format", 'f', 0, G_OPTION_ARG_STRING, OPTION(format),                                                   \
        "CSV, a JSON object a line, or a table for people", "csv|jsonl|table"                                \
  }
static const GOptionEntry cat_options[] = {{"from", 0, 0, G_OPTION_ARG_STRING, OPTION(from),
                                            "Rows whose completion_s (requests), end_s (segments) or start_s "
                                            "(others) is this or later: seconds, or 90min",
                                            "TIME"},
                                           {"to", 0, 0, G_OPTION_ARG_STRING, OPTION(to),
                                            "Rows whose completion_s, end_s or start_s is before this",
                                            "TIME"},
                                           COLUMNS_OPTION,
                                           FORMAT_OPTION,
                                           G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(print_options, cat_options)
static const GOptionEntry head_options[] = {
    {"rows", 'n', 0, G_OPTION_ARG_INT64, OPTION(rows), "So many rows (10)", "N"},
    COLUMNS_OPTION,
    FORMAT_OPTION,
    G_OPTION_ENTRY_NULL};
static const GOptionEntry schema_options[] = {FORMAT_OPTION, G_OPTION_ENTRY_NULL};
#undef FORMAT_OPTION
#undef COLUMNS_OPTION
#undef OPTION

static gboolean print_rows(tw_log_reader *reader, const print_options *options, GError **error)
{
  g_autoptr(GArray) chosen = choose_columns(reader, options->columns, error);
  if (chosen == NULL)
    return FALSE;
  g_autoptr(GArray) columns = g_array_new(FALSE, FALSE, sizeof(tw_column));
  for (guint i = 0; i < chosen->len; i++)
    g_array_append_vals(
        columns, &g_array_index(tw_log_reader_columns(reader), tw_column, g_array_index(chosen, int, i)), 1);

  g_autofree const char **cells = g_new(const char *, columns->len);
  g_autoptr(tw_log_printer) printer = tw_log_printer_new(options->format, columns, stdout);
  GError *damage = NULL;
  for (gint64 row = 0; row != options->rows && tw_log_reader_next(reader, &damage); row++) {
    for (guint i = 0; i < chosen->len; i++)
      cells[i] = tw_log_reader_text(reader, g_array_index(chosen, int, i));
    tw_log_printer_row(printer, cells);
    if (ferror(stdout))
      break;
  }
  if (damage == NULL)
    return TRUE;
  g_propagate_error(error, damage);
  return FALSE;
}

static int print_table(const tw_command *verb, int argc, char **argv, print_options *options,
                       const char *standard_format, GError **error)
{
  const char *directory = NULL, *table = "requests";
  double from_s = -INFINITY, to_s = INFINITY;

  if (!take_operands(verb, argc, argv, &directory, &table, error) ||
      !tw_option_read_time("from", options->from, &from_s, error) ||
      !tw_option_read_time("to", options->to, &to_s, error) ||
      !take_format(&options->format, standard_format, error))
    return TW_EXIT_USAGE;
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, table, error);
  if (reader == NULL)
    return TW_EXIT_USAGE;
  if (options->from != NULL || options->to != NULL)
    tw_log_reader_window(reader, from_s, to_s);
  return print_rows(reader, options, error) && finish_output(error) ? TW_EXIT_OK : TW_EXIT_FAILED;
}

static int run_cat(const tw_command *verb, int argc, char **argv, GError **error)
{
  g_auto(print_options) options = {.rows = -1};
  if (!tw_command_read(verb, &options, &argc, &argv, error))
    return TW_EXIT_USAGE;
  return print_table(verb, argc, argv, &options, "csv", error);
}

static int run_head(const tw_command *verb, int argc, char **argv, GError **error)
{
  g_auto(print_options) options = {.rows = 10};
  if (!tw_command_read(verb, &options, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (options.rows < 0) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--rows must not be negative");
    return TW_EXIT_USAGE;
  }
  return print_table(verb, argc, argv, &options, "table", error);
}

/* ---- verify and repair ---- */

/* An action on one table; FALSE where the table is not well afterwards. */
typedef gboolean (*table_action)(const char *directory, const tw_log_table *table, GError **error);

static gboolean verify_table(const char *directory, const tw_log_table *table, GError **error)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_log_tally tally;
  (void)error;
  tw_log_verify(directory, table, faults, &tally);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    printf("%s\n", tw_faults_get(faults, i));
  printf("%-9s %s: %" G_GUINT64_FORMAT " rows in %" G_GUINT64_FORMAT " blocks, %" G_GUINT64_FORMAT " bytes\n",
         table->name, tw_faults_count(faults) == 0 ? "whole" : "damaged", tally.rows, tally.members,
         tally.bytes);
  return tw_faults_count(faults) == 0;
}

static gboolean repair_table(const char *directory, const tw_log_table *table, GError **error)
{
  tw_log_tally tally;
  if (!tw_log_repair(directory, table, &tally, error))
    return FALSE;
  printf("%-9s whole: %" G_GUINT64_FORMAT " rows in %" G_GUINT64_FORMAT " blocks kept, %" G_GUINT64_FORMAT
         " bytes dropped\n",
         table->name, tally.rows, tally.members, tally.dropped_bytes);
  return TRUE;
}

/* Acts on the table that the operands name, or on all that the run writes. */
static int act_on_tables(const tw_command *verb, int argc, char **argv, table_action act, GError **error)
{
  const char *directory = NULL, *name = NULL;
  if (!tw_command_read(verb, NULL, &argc, &argv, error) ||
      !take_operands(verb, argc, argv, &directory, &name, error))
    return TW_EXIT_USAGE;
  if (name != NULL) {
    const tw_log_table *table = tw_run_table_find(directory, name, error);
    if (table == NULL)
      return TW_EXIT_USAGE;
    return act(directory, table, error) ? TW_EXIT_OK : TW_EXIT_FAILED;
  }
  json_t *run = tw_run_json_read(directory, error);
  if (run == NULL)
    return TW_EXIT_USAGE;
  gboolean well = TRUE;
  GError *failure = NULL;
  for (int i = 0; i < TW_LOG_TABLES && failure == NULL; i++)
    if (tw_run_json_has_table(run, &tw_log_tables[i]))
      well &= act(directory, &tw_log_tables[i], &failure);
  json_decref(run);
  if (failure != NULL)
    g_propagate_error(error, failure);
  return well ? TW_EXIT_OK : TW_EXIT_FAILED;
}

static int run_verify(const tw_command *verb, int argc, char **argv, GError **error)
{
  return act_on_tables(verb, argc, argv, verify_table, error);
}

static int run_repair(const tw_command *verb, int argc, char **argv, GError **error)
{
  return act_on_tables(verb, argc, argv, repair_table, error);
}

/* ---- schema ---- */

static void print_columns(tw_log_printer *printer, const char *table, const tw_column *columns, guint n)
{
  for (guint i = 0; i < n; i++) {
    const char *cells[] = {table, columns[i].name, tw_column_type_name(columns[i].type), columns[i].unit,
                           columns[i].help};
    tw_log_printer_row(printer, cells);
  }
}

/* The columns as the file of a run has them. */
static gboolean print_file_columns(tw_log_printer *printer, const char *directory, const char *table,
                                   GError **error)
{
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, table, error);
  if (reader == NULL)
    return FALSE;
  const GArray *columns = tw_log_reader_columns(reader);
  print_columns(printer, table, (const tw_column *)columns->data, columns->len);
  return TRUE;
}

static gboolean print_run_columns(tw_log_printer *printer, const char *directory, GError **error)
{
  json_t *run = tw_run_json_read(directory, error);
  gboolean well = run != NULL;
  for (int i = 0; well && i < TW_LOG_TABLES; i++)
    if (tw_run_json_has_table(run, &tw_log_tables[i]))
      well = print_file_columns(printer, directory, tw_log_tables[i].name, error);
  json_decref(run);
  return well;
}

static int run_schema(const tw_command *verb, int argc, char **argv, GError **error)
{
  static const tw_column titles[] = {{"table", TW_COLUMN_TEXT, 0, "", ""},
                                     {"column", TW_COLUMN_TEXT, 0, "", ""},
                                     {"type", TW_COLUMN_TEXT, 0, "", ""},
                                     {"unit", TW_COLUMN_TEXT, 0, "", ""},
                                     {"help", TW_COLUMN_TEXT, 0, "", ""}};
  const char *directory = NULL, *table = NULL;
  g_auto(print_options) options = {.rows = -1};
  if (!tw_command_read(verb, &options, &argc, &argv, error) ||
      !take_format(&options.format, "table", error) ||
      (argc > 1 && !take_operands(verb, argc, argv, &directory, &table, error)))
    return TW_EXIT_USAGE;

  g_autoptr(GArray) columns = g_array_new(FALSE, FALSE, sizeof(tw_column));
  g_array_append_vals(columns, titles, G_N_ELEMENTS(titles));
  g_autoptr(tw_log_printer) printer = tw_log_printer_new(options.format, columns, stdout);
  gboolean well = TRUE;
  if (table != NULL)
    well = print_file_columns(printer, directory, table, error);
  else if (directory != NULL)
    well = print_run_columns(printer, directory, error);
  for (int i = 0; directory == NULL && i < TW_LOG_TABLES; i++)
    print_columns(printer, tw_log_tables[i].name, tw_log_tables[i].columns,
                  (guint)tw_log_tables[i].n_columns);
  return well ? TW_EXIT_OK : TW_EXIT_USAGE;
}

/* ---- The verbs ---- */

static const tw_command verbs[] = {
    {
        .name = "log cat",
        .summary = "print rows of a table",
        .usage = "DIR [TABLE]",
        .description =
            "Prints a table of a run (requests, if none is named), or the rows of a stretch of time,\n"
            "for which only the blocks that hold it are read. Rows are of the time in the table's time\n"
            "column: completion_s for requests, end_s for segments, start_s for the others.",
        .example =
            "tokenworks log cat runs/azure requests --from 3600 --to 3700 --columns id,arrival_s,state",
        .run = run_cat,
        .options = cat_options,
    },
    {
        .name = "log head",
        .summary = "print the first rows of a table",
        .usage = "DIR [TABLE]",
        .description = "Prints the first rows of a table of a run (requests, if none is named).",
        .example = "tokenworks log head runs/azure engines -n 20",
        .run = run_head,
        .options = head_options,
    },
    {
        .name = "log verify",
        .summary = "check tables for damage",
        .usage = "DIR [TABLE]",
        .description = "Checks a table, or all that the run wrote: the CRC of each block, the rows, the end\n"
                       "marker, the index. Exits 1 if anything is wrong, and says what.",
        .example = "tokenworks log verify runs/azure",
        .run = run_verify,
    },
    {
        .name = "log repair",
        .summary = "make damaged tables whole",
        .usage = "DIR [TABLE]",
        .description =
            "Makes the tables of a killed run complete: drops the block that was cut off (and any that\n"
            "is damaged), writes the end marker and rebuilds the index. Whole tables stay as they are.",
        .example = "tokenworks log repair runs/azure",
        .run = run_repair,
    },
    {
        .name = "log schema",
        .summary = "explain the columns of the tables",
        .usage = "[DIR [TABLE]]",
        .description =
            "Prints the columns with their types, units and meaning: of every table, or of those of a run.",
        .example = "tokenworks log schema",
        .run = run_schema,
        .options = schema_options,
    },
    {.name = NULL},
};

const tw_command tw_log_command = {
    .name = "log",
    .summary = "print, check and repair the tables of a run",
    .usage = "cat|head|verify|repair|schema DIR [TABLE]",
    .description =
        "Works on the tables that a run wrote into its directory DIR. They are CSV, gzipped in blocks,\n"
        "which any tool reads (`zcat DIR/requests.csv.gz`); these commands know their index, their\n"
        "columns and their checksums.\n"
        "\n"
        "  cat     print rows of a table, of a stretch of time or all\n"
        "  head    print the first rows\n"
        "  verify  check tables for damage\n"
        "  repair  make the tables of a killed run complete\n"
        "  schema  explain the columns\n"
        "\n"
        "`tokenworks log cat --help` explains cat, and so on.",
    .example = "tokenworks log cat runs/azure requests --from 3600 --to 3700",
    .run = tw_command_run_action,
    .actions = verbs,
};
