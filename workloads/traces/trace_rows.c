#include "workloads/traces/trace_rows.h"

#include "platforms/input/fault.h"
#include "workloads/draw/chance.h"
#include "workloads/traces/row_sorter.h"

enum { PIECE_BLOCK_TOKENS = 16 };

struct tw_trace_rows {
  tw_input *input;
  const tw_trace_format *format;
  const tw_trace_options *options;
  tw_trace_source *source;
  tw_row_sorter *sorter;                /* NULL: rows are given as they are read */
  gboolean by_session, sorted, counted; /* counted: the tally is that of the first pass */
  double previous_s;                    /* arrival of the row given or read last; -1: none */
  double earliest_s;                    /* arrival of all rows that were sorted */
  guint64 given;
  GHashTable *reasons; /* guint64 by text */
  tw_trace_tally tally;
};

const char *const tw_rows_order_names[] = {"format", "refuse", "sort", "skip", NULL};
const char *const tw_rows_broken_names[] = {"format", "refuse", "skip", NULL};
const char *const tw_replay_mode_names[] = {"recorded", "sessions", "lanes", NULL};

enum { BROKEN_REFUSE = 1, BROKEN_SKIP = 2 }; /* places in tw_rows_broken_names */

void tw_trace_rows_free(tw_trace_rows *rows)
{
  if (rows == NULL)
    return;
  tw_trace_source_close(rows->source);
  tw_row_sorter_free(rows->sorter);
  tw_input_free(rows->input);
  g_hash_table_unref(rows->reasons);
  g_ptr_array_unref(rows->tally.reasons);
  g_ptr_array_unref(rows->tally.notes);
  g_free(rows);
}

static gboolean start_pass(tw_trace_rows *rows, GError **error)
{
  tw_trace_source_close(rows->source);
  rows->source =
      tw_trace_source_open(rows->format, rows->input, &rows->options->reading, rows->tally.notes, error);
  rows->previous_s = -1;
  rows->given = 0;
  return rows->source != NULL;
}

/* Names the format that a file seems to have, if it begins otherwise than the one that was named. */
static void name_likely_format(const char *path, const tw_trace_format *named, GError **error)
{
  const tw_trace_format *likely = named != NULL ? tw_trace_format_detect(path) : NULL;
  if (likely == NULL || likely == named || error == NULL || *error == NULL)
    return;
  const char *name = tw_trace_format_name(likely);
  char *text = g_strdup_printf("%s; it was read as format=\"%s\", but looks like \"%s\": write that, or "
                               "--set //trace/@format=%s",
                               (*error)->message, tw_trace_format_name(named), name, name);
  g_free((*error)->message);
  (*error)->message = text;
}

tw_trace_rows *tw_trace_rows_open(const char *path, const tw_trace_format *format,
                                  const tw_trace_options *options, GError **error)
{
  tw_input *input = tw_input_open(path, error);
  if (input == NULL)
    return NULL;
  g_autoptr(tw_trace_rows) rows = g_new0(tw_trace_rows, 1);
  rows->input = input;
  rows->options = options;
  rows->reasons = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  rows->tally.reasons = g_ptr_array_new_with_free_func(g_free);
  rows->tally.notes = g_ptr_array_new_with_free_func(g_free);
  rows->format = format != NULL ? format : tw_trace_detect(input, error);
  if (rows->format == NULL)
    return NULL;
  if (rows->format->no_trace != NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0, "%s", rows->format->no_trace);
    return NULL;
  }
  rows->by_session = rows->format->by_session && options->mode != TW_REPLAY_RECORDED;
  if (!start_pass(rows, error)) {
    name_likely_format(path, format, error);
    return NULL;
  }
  rows->sorted = !rows->by_session && (options->order == TW_ROWS_SORT ||
                                       (options->order == TW_ROWS_FORMAT && rows->source->sorts));
  return g_steal_pointer(&rows);
}

/* ---- Reading ---- */

static void leave_out(tw_trace_rows *rows, const char *why)
{
  if (rows->counted)
    return;
  guint64 *n = g_hash_table_lookup(rows->reasons, why);
  if (n == NULL) {
    n = g_new0(guint64, 1);
    g_hash_table_insert(rows->reasons, g_strdup(why), n);
    g_ptr_array_add(rows->tally.reasons, NULL);
  }
  ++*n;
  rows->tally.skipped++;
}

/* The place of the number in a fault's text does not make it another reason: "t.csv:7: what; what would be
 * right". */
static char *reason_of(const tw_trace_rows *rows, const GError *problem)
{
  const char *text = problem->message, *path = tw_input_path(rows->input);
  if (g_str_has_prefix(text, path))
    text += strlen(path);
  text += strspn(text, ":0123456789 ");
  const char *is = strstr(text, " is ");
  return is != NULL ? g_strdup_printf("broken (%.*s)", (int)(is - text), text)
                    : g_strdup_printf("broken (%s)", text);
}

/* Makes the ids of a row differ from those of others that have no part in its salt. */
static void add_salt(const tw_trace_rows *rows, tw_request *request)
{
  const char *salt = rows->options->salt == TW_SALT_CLASS ? request->class : request->session;
  if (rows->options->salt != TW_SALT_NONE && salt != NULL)
    tw_trace_own_hashes(request, tw_trace_text_key(salt));
}

/* The next row of a request that can be replayed, in the order of the file. */
static gboolean read_good(tw_trace_rows *rows, tw_trace_row *row, GError **error)
{
  gboolean skips_broken = rows->options->broken == BROKEN_SKIP;
  gboolean skips_failed = skips_broken || (rows->options->broken == TW_ROWS_FORMAT && rows->format->skips);
  for (;;) {
    GError *problem = NULL;
    if (!tw_trace_source_next(rows->source, row, &problem)) {
      if (problem == NULL)
        return FALSE;
      if (!skips_broken || !g_error_matches(problem, TW_INPUT_ERROR, TW_INPUT_ERROR_VALUE)) {
        g_propagate_error(error, problem);
        return FALSE;
      }
      g_autofree char *why = reason_of(rows, problem);
      rows->tally.rows += !rows->counted;
      leave_out(rows, why);
      g_error_free(problem);
      continue;
    }
    rows->tally.rows += !rows->counted;
    if (row->failure == NULL)
      break;
    if (!skips_failed) {
      tw_input_fault(rows->input, error,
                     "the request cannot be replayed: %s; leave such out with --broken=skip "
                     "(broken=\"skip\")",
                     row->failure);
      tw_trace_row_clear(row);
      return FALSE;
    }
    leave_out(rows, row->failure);
    tw_trace_row_clear(row);
  }
  add_salt(rows, &row->request);
  rows->tally.zero_outputs += !rows->counted && tw_request_output_tokens(&row->request) == 0;
  return TRUE;
}

static gboolean sort_all(tw_trace_rows *rows, GError **error)
{
  GError *problem = NULL;
  tw_trace_row row;
  double previous_s = -INFINITY;
  rows->sorter = tw_row_sorter_new(TW_ROW_SORTER_BYTES);
  rows->earliest_s = INFINITY;
  while (problem == NULL && read_good(rows, &row, &problem)) {
    rows->tally.moved += row.request.arrival_s < previous_s;
    previous_s = row.request.arrival_s;
    rows->earliest_s = fmin(rows->earliest_s, row.request.arrival_s);
    tw_row_sorter_add(rows->sorter, &row, 0, &problem);
    tw_trace_row_clear(&row);
  }
  rows->counted = TRUE;
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  return tw_row_sorter_rewind(rows->sorter, error);
}

static gboolean next_sorted(tw_trace_rows *rows, tw_trace_row *row, GError **error)
{
  guint64 group;
  if ((rows->sorter == NULL && !sort_all(rows, error)) ||
      !tw_row_sorter_next(rows->sorter, row, &group, error))
    return FALSE;
  if (rows->format->clock)
    row->request.arrival_s -= rows->earliest_s;
  return TRUE;
}

/* FALSE with `error`, or with the row left out. */
static gboolean in_order(tw_trace_rows *rows, tw_trace_row *row, GError **error)
{
  double time_s = row->request.arrival_s;
  if (time_s >= MAX(rows->previous_s, 0))
    return TRUE;
  rows->tally.moved += !rows->counted;
  if (rows->options->order == TW_ROWS_SKIP)
    leave_out(rows, "out of order");
  else
    tw_input_fault(
        rows->input, error,
        "arrives at %.9g s, before the request above it at %.9g s; a trace is in the order of arrival "
        "(--order=sort, or order=\"sort\", sorts it)",
        time_s, rows->previous_s);
  tw_trace_row_clear(row);
  return FALSE;
}

gboolean tw_trace_rows_next(tw_trace_rows *rows, tw_trace_row *row, GError **error)
{
  GError *problem = NULL;
  if (rows->sorted) {
    if (!next_sorted(rows, row, error))
      return FALSE;
  } else {
    gboolean found;
    while ((found = read_good(rows, row, &problem)) && !rows->by_session && !in_order(rows, row, &problem))
      if (problem != NULL)
        break;
    if (!found || problem != NULL) {
      if (problem != NULL)
        g_propagate_error(error, problem);
      rows->counted |= problem == NULL;
      return FALSE;
    }
  }
  rows->previous_s = row->request.arrival_s;
  rows->given++;
  return TRUE;
}

gboolean tw_trace_rows_rewind(tw_trace_rows *rows, GError **error)
{
  rows->counted = TRUE;
  if (rows->sorter != NULL) {
    rows->given = 0;
    return tw_row_sorter_rewind(rows->sorter, error);
  }
  return tw_input_rewind(rows->input, error) && start_pass(rows, error);
}

gboolean tw_trace_rows_by_session(const tw_trace_rows *rows)
{
  return rows->by_session;
}

const tw_trace_format *tw_trace_rows_format(const tw_trace_rows *rows)
{
  return rows->format;
}

tw_input *tw_trace_rows_input(const tw_trace_rows *rows)
{
  return rows->input;
}

double tw_trace_rows_progress(const tw_trace_rows *rows)
{
  if (rows->sorter == NULL)
    return tw_input_progress(rows->input);
  guint64 kept = rows->tally.rows - rows->tally.skipped;
  return kept > 0 ? (double)rows->given / (double)kept : 1;
}

const tw_trace_tally *tw_trace_rows_tally(const tw_trace_rows *rows)
{
  GHashTableIter each;
  gpointer why, n;
  guint i = 0;
  g_hash_table_iter_init(&each, rows->reasons);
  for (; g_hash_table_iter_next(&each, &why, &n); i++) {
    g_free(rows->tally.reasons->pdata[i]);
    rows->tally.reasons->pdata[i] =
        g_strdup_printf("%" G_GUINT64_FORMAT " rows: %s", *(guint64 *)n, (char *)why);
  }
  return &rows->tally;
}

/* ---- For the simulator ---- */

/* Cuts pieces that lie end to end into blocks: the id of a block is that of what it holds. */
static void cut_pieces(tw_trace_row *row, gint32 block_tokens)
{
  tw_request *request = &row->request;
  gint64 named = 0;
  for (gint32 i = 0; i < request->n_hashes; i++)
    named += row->piece_tokens[i];
  gint32 n = (gint32)(named / block_tokens);
  guint64 *blocks = n > 0 ? g_new(guint64, (gsize)n) : NULL;
  gint32 piece = 0, used = 0; /* tokens of the piece in blocks before */
  for (gint32 b = 0; b < n; b++) {
    guint64 id = 0;
    for (gint32 left = block_tokens; left > 0;) {
      gint32 part = MIN(left, row->piece_tokens[piece] - used);
      id = tw_mix(id ^ request->hashes[piece]) + (((guint64)(guint32)used << 32) | (guint32)part);
      left -= part;
      used += part;
      if (used == row->piece_tokens[piece]) {
        piece++;
        used = 0;
      }
    }
    blocks[b] = tw_mix(id);
  }
  g_free(request->hashes);
  request->hashes = blocks;
  request->n_hashes = n;
  request->hash_tokens = block_tokens;
  g_clear_pointer(&row->piece_tokens, g_free);
}

void tw_trace_row_simplify(tw_trace_row *row, gint32 block_tokens)
{
  if (row->piece_tokens != NULL)
    cut_pieces(row, block_tokens > 0 ? block_tokens : PIECE_BLOCK_TOKENS);
  if (tw_request_output_tokens(&row->request) == 0)
    row->request.answer_tokens = 1;
}
