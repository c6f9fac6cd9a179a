/* `tokenworks workload`: traces drawn, converted and described. */
#include "platforms/input/fault.h"
#include "sim/commands/workload.h"

gboolean tw_workload_refuse(GError **error, const char *option, const char *why)
{
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--%s: %s", option, why);
}

/* An option that was not given (NULL) leaves `value` as it is. */
gboolean tw_workload_quantity(const char *option, const char *text, tw_dimension dimension, double *value,
                              GError **error)
{
  g_autofree char *why = NULL;
  return text == NULL || tw_quantity_parse(text, dimension, value, &why) ||
         tw_workload_refuse(error, option, why);
}

/* A format by name; that of no name (NULL) is NULL. */
gboolean tw_workload_format(const char *option, const char *name, const tw_trace_format **format,
                            GError **error)
{
  *format = name != NULL ? tw_trace_format_find(name) : NULL;
  if (name == NULL || *format != NULL)
    return TRUE;
  const char *near = tw_nearest(name, tw_trace_format_names);
  g_autofree char *names = g_strjoinv(", ", (char **)tw_trace_format_names);
  g_autofree char *why = near != NULL
                             ? g_strdup_printf("no format is called '%s'; did you mean '%s'?", name, near)
                             : g_strdup_printf("no format is called '%s'; there are %s", name, names);
  return tw_workload_refuse(error, option, why);
}

int tw_workload_usage(GError **error, const char *what)
{
  tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s", what);
  return TW_EXIT_USAGE;
}

static const tw_command actions[] = {
    {
        .name = "workload generate",
        .summary = "draw a trace: from a generator file, a preset, or a rate and lengths",
        .usage = "[GENERATOR.xml] -o FILE",
        .description =
            "Draws requests and writes them in the native format or --to another, as a generator file says "
            "(`tokenworks "
            "check "
            "--describe`\n"
            "documents <generator>), a preset that ships in workloads/presets, or with --rate, --prompt, "
            "--reasoning and\n"
            "--answer: Poisson arrivals of independent lengths. Every quantity of every class draws from a "
            "stream of chance\n"
            "of its own: changing one leaves the others as they were. Turns of sessions wait for answers, "
            "whose times are\n"
            "assumed here (--ttft, --tpot); in a run, `<generate from=\"chat\"/>` lets them wait for the "
            "simulated ones.\n\n"
            "A LENGTH is KIND:MEAN with the kind fixed, exponential or lognormal, and, if wanted, the "
            "standard\n"
            "deviation of a lognormal's logarithm (default 1) and bounds: "
            "lognormal:1000,sigma=0.8,min=10,max=32768",
        .example = "tokenworks workload generate --preset agentic-coding --duration 10min -o agents.csv.gz",
        .run = tw_workload_generate,
        .options = tw_workload_generate_options,
    },
    {
        .name = "workload convert",
        .summary = "write any trace, or a part of it, in any format",
        .usage = "TRACE -o FILE",
        .description = "Reads a trace, plain or gzip, in any format (below, told by its first row), and "
                       "writes it, or a part of it,\n"
                       "faster, repeated, with longer or shorter prompts and outputs, in the format "
                       "tokenworks, azure, mooncake\n"
                       "or servegen. What a format cannot say is lost, which a note tells, as it does of "
                       "rows that were left\n"
                       "out. Times of day (azure) begin with the first request, in 1970, and are told to the "
                       "nanosecond.\n"
                       "A conversion that fails leaves no file.",
        .example = "tokenworks workload convert workloads/traces/azure-conv-2023.csv.gz --start 10min "
                   "--duration 5min -o part.csv",
        .run = tw_workload_convert,
        .options = tw_workload_convert_options,
    },
    {
        .name = "workload describe",
        .summary = "picture a trace: rates, lengths, sessions or clients, shared prefixes",
        .usage = "TRACE",
        .description =
            "Reads a whole trace, or the part that the options choose, and prints what it asks for.",
        .example = "tokenworks workload describe workloads/traces/azure-conv-2023.csv.gz",
        .run = tw_workload_describe,
        .options = tw_workload_describe_options,
    },
    {.name = NULL},
};

const tw_command tw_workload_command = {
    .name = "workload",
    .summary = "draw, convert or describe a trace of requests",
    .usage = "generate|convert|describe",
    .description = "generate  draws a trace, as a generator file, a preset or its options say\n"
                   "convert   writes any trace, or a part of it, in any format\n"
                   "describe  prints rates, lengths, sessions or clients, and shared prefixes of a trace\n\n"
                   "`tokenworks workload ACTION --help` explains each.",
    .example = "tokenworks workload describe workloads/traces/azure-conv-2023.csv.gz",
    .run = tw_command_run_action,
    .actions = actions,
};
