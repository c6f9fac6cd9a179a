#include "platforms/input/fault.h"

struct tw_faults {
  GPtrArray *texts; /* char *, owned */
  GHashTable *seen; /* char *, owned: the places in files and the texts of the faults that were told */
  guint added;
};

GQuark tw_input_error_quark(void)
{
  return g_quark_from_static_string("tw-input-error");
}

tw_faults *tw_faults_new(void)
{
  tw_faults *faults = g_new(tw_faults, 1);
  faults->texts = g_ptr_array_new_with_free_func(g_free);
  faults->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  faults->added = 0;
  return faults;
}

void tw_faults_free(tw_faults *faults)
{
  if (faults == NULL)
    return;
  g_hash_table_destroy(faults->seen);
  g_ptr_array_unref(faults->texts);
  g_free(faults);
}

char *tw_masked(const char *text, const char *keep)
{
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  GString *masked = g_string_new(NULL);
  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
    gunichar c = g_utf8_get_char(at);
    if (g_unichar_iscntrl(c) && !(c < 0x80 && strchr(keep, (int)c) != NULL))
      g_string_append_c(masked, '?');
    else
      g_string_append_unichar(masked, c);
  }
  return g_string_free(masked, FALSE);
}

/* Messages may quote what a file holds, and may have several lines. */
static char *located(const char *file, long line, const char *message)
{
  g_autofree char *place = file == NULL ? g_strdup("")
                           : line <= 0  ? g_strdup_printf("%s: ", file)
                                        : g_strdup_printf("%s:%ld: ", file, line);
  g_autofree char *text = g_strconcat(place, message, NULL);
  return tw_masked(text, "\n");
}

void tw_faults_add(tw_faults *faults, const char *file, long line, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *message = g_strdup_vprintf(format, arguments);
  va_end(arguments);

  tw_faults_add_at(faults, file, line, "", message);
}

void tw_faults_add_at(tw_faults *faults, const char *file, long line, const char *place, const char *message)
{
  g_autofree char *text = located(file, line, message);
  faults->added++;
  if (g_hash_table_add(faults->seen, g_strdup_printf("%s %s", place, text)))
    g_ptr_array_add(faults->texts, g_steal_pointer(&text));
}

guint tw_faults_added(const tw_faults *faults)
{
  return faults->added;
}

guint tw_faults_count(const tw_faults *faults)
{
  return faults->texts->len;
}

const char *tw_faults_get(const tw_faults *faults, guint i)
{
  g_assert(i < faults->texts->len);
  return g_ptr_array_index(faults->texts, i);
}

gboolean tw_input_error_set(GError **error, tw_input_error code, const char *file, long line,
                            const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *message = g_strdup_vprintf(format, arguments);
  va_end(arguments);

  g_autofree char *text = located(file, line, message);
  g_set_error_literal(error, TW_INPUT_ERROR, (gint)code, text);
  return FALSE;
}

/* The costs of edits: people leave out the '-' and '.' of names, but another digit is another thing. */
enum { SEPARATOR_EDIT = 1, EDIT = 2, DIGIT_EDIT = 3, OTHER_DIGIT = 2 * EDIT };

/* The cost of an inserted or a left out character. */
static guint edit_cost(char c)
{
  return strchr("-._ ", c) != NULL ? SEPARATOR_EDIT : EDIT;
}

static guint substitution_cost(char a, char b)
{
  if (a == b)
    return 0;
  if (g_ascii_isdigit(a) && g_ascii_isdigit(b))
    return OTHER_DIGIT;
  return g_ascii_isdigit(a) || g_ascii_isdigit(b) ? DIGIT_EDIT : EDIT;
}

/* The cheapest edits (insertion, deletion, substitution, swap of neighbours) that turn `a` into `b`, whatever
 * the case of ASCII letters. Three rows of the usual table are enough. */
static guint edit_distance(const char *a, size_t length_a, const char *b, size_t length_b)
{
  g_autofree guint *rows = g_new(guint, 3 * (length_b + 1));
  guint *before = rows, *above = rows + length_b + 1, *row = rows + 2 * (length_b + 1);
  above[0] = 0;
  for (size_t j = 1; j <= length_b; j++)
    above[j] = above[j - 1] + edit_cost(b[j - 1]);
  for (size_t i = 1; i <= length_a; i++) {
    row[0] = above[0] + edit_cost(a[i - 1]);
    for (size_t j = 1; j <= length_b; j++) {
      char ca = g_ascii_tolower(a[i - 1]), cb = g_ascii_tolower(b[j - 1]);
      guint best = MIN(MIN(above[j] + edit_cost(ca), row[j - 1] + edit_cost(cb)),
                       above[j - 1] + substitution_cost(ca, cb));
      gboolean swapped = i > 1 && j > 1 && ca == g_ascii_tolower(b[j - 2]) && g_ascii_tolower(a[i - 2]) == cb;
      row[j] = swapped ? MIN(best, before[j - 2] + EDIT) : best;
    }
    guint *oldest = before;
    before = above;
    above = row;
    row = oldest;
  }
  return above[length_b];
}

const char *tw_nearest(const char *word, const char *const *words)
{
  size_t length = strlen(word);
  guint limit = EDIT * (guint)MAX(length / 3, 1);
  const char *nearest = NULL;
  for (const char *const *longer = words; *longer != NULL && nearest == NULL && length >= 2; longer++)
    if (g_str_has_prefix(*longer, word))
      nearest = *longer;
  guint least = limit + 1;
  for (; *words != NULL; words++) {
    size_t other = strlen(*words);
    if (MAX(length, other) - MIN(length, other) > limit) /* too far, and keeps huge words cheap */
      continue;
    guint distance = edit_distance(word, length, *words, other);
    if (other == length + 1 && g_str_has_prefix(*words, word)) /* GB is near to G */
      distance = 0;
    if (distance < least) {
      least = distance;
      nearest = *words;
    }
  }
  return nearest;
}

/* Words of the field that mean another one than that which is spelt most like them. */
static const char *meant(const char *word, const char *const *words)
{
  static const char *const meanings[][2] = {
      {"fp16", "bf16"}, {"float16", "bf16"}, {"half", "bf16"}, {"bfloat16", "bf16"}, {"float32", "fp32"}};
  for (guint i = 0; i < G_N_ELEMENTS(meanings); i++)
    if (g_str_equal(word, meanings[i][0]) && g_strv_contains(words, meanings[i][1]))
      return meanings[i][1];
  return tw_nearest(word, words);
}

char *tw_suggestion(const char *word, const char *const *words)
{
  const char *near = meant(word, words);
  if (near != NULL)
    return g_strdup_printf("did you mean \"%s\"?", near);
  if (words[0] == NULL)
    return g_strdup("there is none");
  g_autofree char *list = g_strjoinv(", ", (char **)words);
  return words[1] == NULL ? g_strdup_printf("write %s", list) : g_strdup_printf("write one of %s", list);
}
