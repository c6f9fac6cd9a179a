#include "sim/commands/completion.h"

/* Appends "--output" "-o" and so on. */
static void append_options(GString *words, const tw_command *command)
{
  g_string_append(words, "--help");
  for (const GOptionEntry *option = command->options; option != NULL && option->long_name != NULL; option++)
    g_string_append_printf(words, " --%s", option->long_name);
}

/* "csv|jsonl|table": nothing but words between bars. */
static gboolean lists_values(const char *description)
{
  if (description == NULL || strchr(description, '|') == NULL)
    return FALSE;
  for (const char *c = description; *c != '\0'; c++)
    if (!g_ascii_isalnum(*c) && *c != '-' && *c != '|')
      return FALSE;
  return TRUE;
}

/* A case of what follows an option: words, directories, files or, where anything may, nothing. */
static void append_values(GString *script, const tw_command *command)
{
  for (const GOptionEntry *option = command->options; option != NULL && option->long_name != NULL; option++) {
    if (option->arg == G_OPTION_ARG_NONE)
      continue;
    g_string_append_printf(script, "    \"%s --%s\"", command->name, option->long_name);
    if (option->short_name != 0)
      g_string_append_printf(script, " | \"%s -%c\"", command->name, option->short_name);
    g_string_append(script, ") ");
    if (lists_values(option->arg_description)) {
      g_autofree char *values = g_strdelimit(g_strdup(option->arg_description), "|", ' ');
      g_string_append_printf(script, "COMPREPLY=($(compgen -W \"%s\" -- \"$cur\"))", values);
    } else if (g_strcmp0(option->arg_description, "DIR") == 0) {
      g_string_append(script, "COMPREPLY=($(compgen -d -- \"$cur\"))");
    } else if (option->arg == G_OPTION_ARG_FILENAME) {
      g_string_append(script, "COMPREPLY=($(compgen -f -- \"$cur\"))");
    } else {
      g_string_append(script, "COMPREPLY=()");
    }
    g_string_append(script, "; return ;;\n");
  }
}

/* A case of the words that may come next: actions, options, operands. */
static void append_words(GString *script, const tw_command *command)
{
  g_autoptr(GString) words = g_string_new(NULL);
  for (const tw_command *action = command->actions; action != NULL && action->name != NULL; action++)
    g_string_append_printf(words, "%s ", tw_command_word(action));
  append_options(words, command);
  const char *operands = g_str_has_prefix(command->usage + (*command->usage == '['), "DIR") ? "-d" : "-f";
  g_string_append_printf(script, "    \"%s\") words=\"%s\"; operands=%s ;;\n", command->name, words->str,
                         command->actions != NULL ? "" : operands);
}

static void append_each(GString *script, const tw_command *const *commands,
                        void (*append)(GString *script, const tw_command *command))
{
  for (const tw_command *const *command = commands; *command != NULL; command++) {
    append(script, *command);
    for (const tw_command *action = (*command)->actions; action != NULL && action->name != NULL; action++)
      append(script, action);
  }
}

char *tw_completion_bash(const tw_command *const *commands)
{
  GString *script =
      g_string_new("# Completion of tokenworks for bash.\n"
                   "_tokenworks() {\n"
                   "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                   "  local command=\"\" words=\"\" operands=\"\"\n"
                   "  # bash makes a word of the = in --option=value.\n"
                   "  if [[ $cur == = ]]; then cur=\"\"\n"
                   "  elif [[ $prev == = ]]; then prev=\"${COMP_WORDS[COMP_CWORD-2]}\"; fi\n"
                   "  ((COMP_CWORD > 1)) && command=\"${COMP_WORDS[1]}\"\n"
                   "  case \"$command\" in\n"
                   "    ");
  gboolean first = TRUE;
  for (const tw_command *const *command = commands; *command != NULL; command++)
    if ((*command)->actions != NULL) {
      g_string_append_printf(script, "%s%s", first ? "" : " | ", (*command)->name);
      first = FALSE;
    }
  g_string_append(script, ") ((COMP_CWORD > 2)) && command=\"$command ${COMP_WORDS[2]}\" ;;\n"
                          "  esac\n"
                          "  case \"$command $prev\" in\n");
  append_each(script, commands, append_values);
  g_string_append(script, "  esac\n"
                          "  case \"$command\" in\n"
                          "    \"\") words=\"");
  for (const tw_command *const *command = commands; *command != NULL; command++)
    g_string_append_printf(script, "%s ", (*command)->name);
  g_string_append(script, "--help --version\" ;;\n");
  append_each(script, commands, append_words);
  g_string_append(
      script, "  esac\n"
              "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
              "  if [[ -n $operands && $cur != -* ]]; then COMPREPLY=($(compgen $operands -- \"$cur\")); fi\n"
              "}\n"
              "complete -o filenames -F _tokenworks tokenworks\n");
  return g_string_free(script, FALSE);
}
