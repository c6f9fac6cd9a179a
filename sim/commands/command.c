#include "sim/commands/command.h"

#include "platforms/input/fault.h"
#include "platforms/input/units.h"

#include <sys/ioctl.h>

/* Kinds of platforms say how large they are in units of their own. NULL: `word` is no size, or nothing here is. */
static const char *same_size(const char *word, const char *const *names)
{
  static const char *const sizes[] = {"nodes", "racks", "domains", NULL};
  for (const char *const *size = sizes; g_strv_contains(sizes, word) && *size != NULL; size++)
    if (g_strv_contains(names, *size))
      return *size;
  return NULL;
}

/* The nearest long option to an unknown one, for the message. */
static void suggest_option(const GOptionEntry *entries, char **argv, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (const GOptionEntry *entry = entries; entry->long_name != NULL; entry++)
    g_ptr_array_add(names, (char *)entry->long_name);
  g_ptr_array_add(names, (char *)"help");
  g_ptr_array_add(names, NULL);
  for (char **arg = argv; *arg != NULL && !g_str_equal(*arg, "--"); arg++) {
    if (!g_str_has_prefix(*arg, "--"))
      continue;
    g_autofree char *word = g_strndup(*arg + 2, strcspn(*arg + 2, "="));
    if (g_strv_contains((const char *const *)names->pdata, word))
      continue;
    const char *size = same_size(word, (const char *const *)names->pdata);
    const char *near = size != NULL ? size : tw_nearest(word, (const char *const *)names->pdata);
    if (near != NULL) {
      g_autofree char *message =
          size != NULL ? g_strdup_printf("unknown option --%s; its size is counted in --%s", word, size)
                       : g_strdup_printf("unknown option --%s; did you mean --%s?", word, near);
      g_clear_error(error);
      g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, message);
    }
    return;
  }
}

static gboolean parse(const tw_command *command, const GOptionEntry *entries, int *argc, char ***argv,
                      GError **error)
{
  g_autoptr(GOptionContext) context = g_option_context_new(command->usage);
  g_autofree char *program = g_strdup_printf("tokenworks %s", command->name);
  g_autofree char *footer = g_strdup_printf("Example:\n  %s", command->example);
  g_autoptr(GError) problem = NULL;

  g_set_prgname(program);
  g_option_context_set_summary(context, command->description);
  g_option_context_set_description(context, footer);
  g_option_context_add_main_entries(context, entries, NULL);
  g_auto(GStrv) before = g_strdupv(*argv);
  if (g_option_context_parse(context, argc, argv, &problem))
    return TRUE;
  if (g_error_matches(problem, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION))
    suggest_option(entries, before, &problem);
  g_set_error(error, TW_INPUT_ERROR, TW_INPUT_ERROR_USAGE, "%s (see `%s --help`)", problem->message, program);
  return FALSE;
}

gboolean tw_command_read(const tw_command *command, gpointer values, int *argc, char ***argv, GError **error)
{
  g_autoptr(GArray) entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry)); /* ends with an empty one */
  for (const GOptionEntry *option = command->options; option != NULL && option->long_name != NULL; option++) {
    GOptionEntry entry = *option;
    entry.arg_data = (char *)values + (gsize)option->arg_data;
    g_array_append_val(entries, entry);
  }
  return parse(command, (const GOptionEntry *)entries->data, argc, argv, error);
}

/* Whether a word begins with a short option that takes a value, which follows at once. */
static gboolean has_value_attached(const tw_command *command, const char *word)
{
  if (word[0] != '-' || word[1] == '-' || word[1] == '\0' || word[2] == '\0')
    return FALSE;
  for (const GOptionEntry *option = command->options; option != NULL && option->long_name != NULL; option++)
    if (option->short_name == word[1])
      return option->arg != G_OPTION_ARG_NONE;
  return FALSE;
}

char **tw_command_words(const tw_command *command, char **argv, GPtrArray *owned)
{
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  for (const tw_command *action = command->actions; action != NULL && action->name != NULL; action++)
    if (argv[0] != NULL && argv[1] != NULL && g_str_equal(argv[1], tw_command_word(action)))
      command = action;
  gboolean options = TRUE;
  for (char **word = argv; *word != NULL; word++) {
    options = options && !g_str_equal(*word, "--");
    if (!options || !has_value_attached(command, *word)) {
      g_ptr_array_add(words, *word);
      continue;
    }
    g_ptr_array_add(owned, g_strndup(*word, 2));
    g_ptr_array_add(words, owned->pdata[owned->len - 1]);
    g_ptr_array_add(words, *word + 2);
  }
  g_ptr_array_add(words, NULL);
  return (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
}

void tw_options_clear(const GOptionEntry *options, gpointer values)
{
  for (const GOptionEntry *option = options; option->long_name != NULL; option++) {
    gpointer value = (char *)values + (gsize)option->arg_data;
    if (option->arg == G_OPTION_ARG_STRING || option->arg == G_OPTION_ARG_FILENAME)
      g_clear_pointer((char **)value, g_free);
    else if (option->arg == G_OPTION_ARG_STRING_ARRAY || option->arg == G_OPTION_ARG_FILENAME_ARRAY)
      g_clear_pointer((char ***)value, g_strfreev);
  }
}

gboolean tw_option_read_time(const char *option, const char *text, double *value_s, GError **error)
{
  g_autofree char *why = NULL;
  if (text == NULL || tw_number_parse(text, value_s) || tw_quantity_parse(text, TW_TIME, value_s, &why))
    return TRUE;
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--%s %s: %s", option, text, why);
}

int tw_terminal_width(int file, int fallback)
{
  struct winsize size;
  gint64 columns;
  if (ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  const char *named = g_getenv("COLUMNS");
  return named != NULL && tw_integer_parse(named, &columns) ? (int)CLAMP(columns, 1, 10000) : fallback;
}

const char *tw_command_word(const tw_command *command)
{
  const char *blank = strchr(command->name, ' ');
  return blank != NULL ? blank + 1 : command->name;
}

int tw_command_run_action(const tw_command *command, int argc, char **argv, GError **error)
{
  if ((argc < 2 || *argv[1] == '-') && !tw_command_read(command, NULL, &argc, &argv, error)) /* --help */
    return TW_EXIT_USAGE;
  const char *word = argc > 1 ? argv[1] : "";
  g_autoptr(GPtrArray) words = g_ptr_array_new();
  for (const tw_command *action = command->actions; action->name != NULL; action++) {
    if (g_str_equal(word, tw_command_word(action)))
      return action->run(action, argc - 1, argv + 1, error);
    g_ptr_array_add(words, (char *)tw_command_word(action));
  }
  g_ptr_array_add(words, NULL);
  g_autofree char *right = tw_suggestion(word, (const char *const *)words->pdata);
  tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s%s%s; %s (see `tokenworks %s --help`)",
                     *word != '\0' ? "no action is called '" : "what is to be done?", word,
                     *word != '\0' ? "'" : "", right, command->name);
  return TW_EXIT_USAGE;
}
