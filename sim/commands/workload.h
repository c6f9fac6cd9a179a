/* Helpers that the actions of `tokenworks workload` share. */
#ifndef TW_SIM_WORKLOAD_H
#define TW_SIM_WORKLOAD_H

#include "platforms/input/units.h"
#include "sim/commands/command.h"
#include "workloads/stream/stream.h"

/* The file and the format that a trace is written to, as the options name them. */
typedef struct {
  char *output, *to;
} tw_target_words;

#define TW_TARGET_OPTIONS(type)                                                                              \
  {"output",                                                                                                 \
   'o',                                                                                                      \
   0,                                                                                                        \
   G_OPTION_ARG_FILENAME,                                                                                    \
   TW_OPTION(type, target.output),                                                                           \
   "the trace; gzip if it ends in .gz; - is standard output",                                                \
   "FILE"},                                                                                                  \
  {                                                                                                          \
    "to", 't', 0, G_OPTION_ARG_STRING, TW_OPTION(type, target.to),                                           \
        "format to write: tokenworks (the default), azure, mooncake or servegen", "FORMAT"                   \
  }

/* Set `error` at an option, or of usage; return FALSE, or the exit code. */
gboolean tw_workload_refuse(GError **error, const char *option, const char *why);
int tw_workload_usage(GError **error, const char *what);
/* An option that was not given (NULL) leaves `value` as it is. */
gboolean tw_workload_quantity(const char *option, const char *text, tw_dimension dimension, double *value,
                              GError **error);
/* A format by name; that of no name (NULL) is NULL. */
gboolean tw_workload_format(const char *option, const char *name, const tw_trace_format **format,
                            GError **error);

int tw_workload_generate(const tw_command *command, int argc, char **argv, GError **error);
int tw_workload_convert(const tw_command *command, int argc, char **argv, GError **error);
int tw_workload_describe(const tw_command *command, int argc, char **argv, GError **error);
extern const GOptionEntry tw_workload_generate_options[], tw_workload_convert_options[],
    tw_workload_describe_options[];

#endif
