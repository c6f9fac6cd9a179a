/* `tokenworks manual`: the manual page and the completion of shells, from the tables of commands. */
#include "platforms/input/fault.h"
#include "sim/commands/completion.h"
#include "sim/commands/reference.h"

#include <stdio.h>

/* ---- roff ---- */

/* Text of a line: what roff would read as commands is escaped. */
static void append_text(GString *page, const char *text)
{
  for (const char *c = text; *c != '\0'; c++) {
    if (c == text && (*c == '.' || *c == '\''))
      g_string_append(page, "\\&");
    if (*c == '\\')
      g_string_append(page, "\\e");
    else if (*c == '-')
      g_string_append(page, "\\-");
    else
      g_string_append_c(page, *c);
  }
}

static void append_line(GString *page, const char *before, const char *text, const char *behind)
{
  g_string_append(page, before);
  append_text(page, text);
  g_string_append_printf(page, "%s\n", behind);
}

/* Paragraphs; one that aligns things with blanks keeps its lines. */
static void append_paragraphs(GString *page, const char *text)
{
  g_auto(GStrv) paragraphs = g_strsplit(text, "\n\n", -1);
  for (char **paragraph = paragraphs; *paragraph != NULL; paragraph++) {
    gboolean aligned = strstr(*paragraph, "  ") != NULL;
    g_auto(GStrv) lines = g_strsplit(*paragraph, "\n", -1);
    g_string_append(page, aligned ? ".PP\n.nf\n" : ".PP\n");
    for (char **line = lines; *line != NULL; line++)
      append_line(page, "", *line, "");
    g_string_append(page, aligned ? ".fi\n" : "");
  }
}

static void append_option(GString *page, const GOptionEntry *option)
{
  g_string_append(page, ".TP\n");
  if (option->short_name != 0)
    g_string_append_printf(page, "\\fB\\-%c\\fR, ", option->short_name);
  g_string_append(page, "\\fB\\-\\-");
  append_text(page, option->long_name);
  g_string_append(page, "\\fR");
  if (option->arg != G_OPTION_ARG_NONE)
    append_line(page, "=\\fI", option->arg_description != NULL ? option->arg_description : "VALUE", "\\fR");
  else
    g_string_append_c(page, '\n');
  append_line(page, "", option->description, "");
}

static void append_command(GString *page, const tw_command *command)
{
  g_autofree char *title = g_strdup_printf("tokenworks %s %s", command->name, command->usage);
  append_line(page, ".SS \"", g_strchomp(title), "\"");
  append_paragraphs(page, command->description);
  for (const GOptionEntry *option = command->options; option != NULL && option->long_name != NULL; option++)
    append_option(page, option);
  append_line(page, ".PP\nExample:\n.PP\n.nf\n.RS\n", command->example, "\n.RE\n.fi");
  for (const tw_command *action = command->actions; action != NULL && action->name != NULL; action++)
    append_command(page, action);
}

static char *write_page(void)
{
  GString *page =
      g_string_new(".TH TOKENWORKS 1 \"\" \"tokenworks " TW_VERSION "\" \"User Commands\"\n"
                   ".SH NAME\ntokenworks \\- simulate AI factories\n"
                   ".SH SYNOPSIS\n\\fBtokenworks\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...]\n.SH DESCRIPTION\n");
  append_paragraphs(page, tw_program_description);
  g_string_append(page,
                  ".SH COMMANDS\n\\fBtokenworks\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR explains each.\n");
  for (const tw_command *const *command = tw_commands; *command != NULL; command++)
    append_command(page, *command);
  g_string_append(
      page,
      ".SH EXIT STATUS\n"
      ".TP\n0\nDone.\n"
      ".TP\n1\nThe run or a check failed.\n"
      ".TP\n2\nBad usage or bad input.\n"
      ".TP\n130\nThe run was ended by Ctrl\\-C; its logs are complete up to then.\n"
      ".SH ENVIRONMENT\n"
      ".TP\n\\fBTOKENWORKS_DATA\\fR\nThe directory of the shipped platforms, models, devices, "
      "scenarios and traces, instead of share/tokenworks beside the program's bin.\n"
      ".TP\n\\fBTOKENWORKS_ALLOW\\fR\nFolders, with colons between them, from which documents may include "
      "files, beside their own folder and what ships.\n"
      ".TP\n\\fBCOLUMNS\\fR\nThe width of plots that do not go to a terminal.\n"
      ".SH SEE ALSO\nhttps://simgrid.org\n");
  return g_string_free(page, FALSE);
}

/* ---- The command ---- */

typedef struct {
  char *completion, *page;
} manual_values;

static const GOptionEntry manual_options[] = {
    {"completion", 0, 0, G_OPTION_ARG_STRING, TW_OPTION(manual_values, completion),
     "The script that completes command lines in this shell: bash", "SHELL"},
    {"page", 0, 0, G_OPTION_ARG_STRING, TW_OPTION(manual_values, page),
     "A page of documentation in Markdown: scenario|columns|metrics|commands", "NAME"},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(manual_values, manual_options)

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(manual_values) values = {0};
  if (!tw_command_read(command, &values, &argc, &argv, error))
    return TW_EXIT_USAGE;
  g_autofree char *reference = values.page != NULL ? tw_reference_page(values.page) : NULL;
  const char *wrong = argc > 1 ? "takes options alone"
                      : values.completion != NULL && !g_str_equal(values.completion, "bash")
                          ? "--completion: there is one for bash"
                      : values.page != NULL && reference == NULL
                          ? "--page: write scenario, columns, metrics or commands"
                          : NULL;
  if (wrong != NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s (see `tokenworks manual --help`)", wrong);
    return TW_EXIT_USAGE;
  }
  g_autofree char *text = values.completion != NULL ? tw_completion_bash(tw_commands) : NULL;
  if (text == NULL)
    text = reference != NULL ? g_steal_pointer(&reference) : write_page();
  fputs(text, stdout);
  return TW_EXIT_OK;
}

const tw_command tw_manual_command = {
    .name = "manual",
    .summary = "print the manual page, or what completes command lines",
    .usage = "",
    .description = "Prints the manual page in roff, the completion of a shell, or a page of documentation. "
                   "`cmake --install` installs both;\n"
                   "without that, read the one and source the other.",
    .example = "source <(tokenworks manual --completion=bash)",
    .run = run,
    .options = manual_options,
};
