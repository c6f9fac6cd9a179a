/* Runs a fuzz target without libFuzzer: fuzz-NOUN CORPUS [ROUNDS [SEED]]
 *
 * Every file of the folder CORPUS is tried as it is; then, for so many rounds, one of them after a few random
 * changes. What ended the program is left in the file `fuzz-input`, to be tried alone: put it into a folder
 * of its own. */
#include "tests/fuzz/fuzz.h"
#include "workloads/draw/chance.h"

#include <glib.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum { MAX_BYTES = 64 * 1024, MAX_CHANGES = 8 };

/* Pieces of text that have broken parsers before. */
static const char *const pieces[] = {"0",
                                     "-1",
                                     "1e400",
                                     "nan",
                                     "0x10",
                                     "2147483648",
                                     "18446744073709551616",
                                     "16777216",
                                     "1e-320",
                                     "\"",
                                     "\"\"",
                                     ",",
                                     "\n",
                                     "\r\n",
                                     "\r",
                                     " ",
                                     "\t",
                                     "[",
                                     "]",
                                     "{",
                                     "}",
                                     "\\u",
                                     "\xff",
                                     "\xef\xbb\xbf",
                                     ":",
                                     "null",
                                     "&lt;",
                                     "<!--",
                                     "]]>",
                                     "-0",
                                     ".",
                                     "e",
                                     "%s%n"};

static GByteArray *current; /* the input being tried, for the handlers below */

static void save_current(void)
{
  int file = open("fuzz-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file >= 0 && current != NULL && write(file, current->data, current->len) == (ssize_t)current->len)
    (void)!write(STDERR_FILENO, "saved as fuzz-input\n", 20);
}

static void save_on_signal(int number)
{
  save_current();
  signal(number, SIG_DFL);
  raise(number);
}

/* Sanitizers end the program without a signal. NOLINTNEXTLINE(bugprone-reserved-identifier) */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static guint below(tw_chance *chance, guint n)
{
  return (guint)tw_chance_below(chance, n);
}

static void insert(GByteArray *input, guint at, const void *bytes, guint length)
{
  guint tail = input->len - at;
  if (length == 0)
    return;
  g_byte_array_set_size(input, input->len + length);
  memmove(input->data + at + length, input->data + at, tail);
  memcpy(input->data + at, bytes, length);
}

static void change(GByteArray *input, const GPtrArray *corpus, tw_chance *chance)
{
  guint at = below(chance, input->len + 1), length = below(chance, input->len - at + 1);
  switch (below(chance, 7)) {
  case 0: /* another byte */
    if (at < input->len)
      input->data[at] = (guint8)tw_chance_next(chance);
    break;
  case 1: /* another bit */
    if (at < input->len)
      input->data[at] ^= (guint8)(1 << below(chance, 8));
    break;
  case 2: { /* a piece */
    const char *piece = pieces[below(chance, G_N_ELEMENTS(pieces))];
    insert(input, at, piece, (guint)strlen(piece));
    break;
  }
  case 3: /* a NUL */
    insert(input, at, "", 1);
    break;
  case 4: /* a hole */
    length %= 1 + below(chance, 32);
    if (length > 0)
      g_byte_array_remove_range(input, at, length);
    break;
  case 5: /* an end */
    if (below(chance, 4) == 0)
      g_byte_array_set_size(input, at);
    break;
  case 6: { /* part of another input, or of this one */
    const GByteArray *other = corpus->pdata[below(chance, corpus->len)];
    guint from = below(chance, other->len + 1);
    insert(input, at, other->data + from, below(chance, other->len - from + 1));
    break;
  }
  }
  if (input->len > MAX_BYTES)
    g_byte_array_set_size(input, MAX_BYTES);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The files of a folder, in the order of their names. */
static GPtrArray *read_corpus(const char *folder)
{
  g_autoptr(GDir) files = g_dir_open(folder, 0, NULL);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  GPtrArray *corpus = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
  for (const char *name; files != NULL && (name = g_dir_read_name(files)) != NULL;)
    g_ptr_array_add(names, g_build_filename(folder, name, NULL));
  g_ptr_array_sort(names, by_name);
  for (guint i = 0; i < names->len; i++) {
    char *bytes;
    gsize length;
    if (g_file_get_contents(names->pdata[i], &bytes, &length, NULL))
      g_ptr_array_add(corpus, g_byte_array_new_take((guint8 *)bytes, length));
  }
  return corpus;
}

static void try_input(GByteArray *input)
{
  current = input;
  LLVMFuzzerTestOneInput(input->data, input->len);
  current = NULL;
}

int main(int argc, char **argv)
{
  if (argc < 2) {
    fprintf(stderr, "usage: %s CORPUS [ROUNDS [SEED]]\n", argv[0]);
    return 2;
  }
  guint64 rounds = argc > 2 ? g_ascii_strtoull(argv[2], NULL, 10) : 1000;
  tw_chance chance = tw_chance_new(argc > 3 ? g_ascii_strtoull(argv[3], NULL, 10) : 1, "fuzz");
  g_autoptr(GPtrArray) corpus = read_corpus(argv[1]);
  if (corpus->len == 0) {
    fprintf(stderr, "%s: no files to start from\n", argv[1]);
    return 2;
  }
  g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
  signal(SIGABRT, save_on_signal);
  signal(SIGSEGV, save_on_signal);
  if (__sanitizer_set_death_callback != NULL)
    __sanitizer_set_death_callback(save_current);
  for (guint i = 0; i < corpus->len; i++)
    try_input(corpus->pdata[i]);
  for (guint64 round = 0; round < rounds; round++) {
    const GByteArray *origin = corpus->pdata[below(&chance, corpus->len)];
    g_autoptr(GByteArray) input = g_byte_array_new();
    g_byte_array_append(input, origin->data, origin->len);
    for (guint n = 1 + below(&chance, MAX_CHANGES); n > 0; n--)
      change(input, corpus, &chance);
    try_input(input);
  }
  printf("%u inputs and %" G_GUINT64_FORMAT " changed ones\n", corpus->len, rounds);
  return 0;
}
