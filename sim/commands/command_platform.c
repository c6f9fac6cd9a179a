/* `tokenworks platform`: writes the files that a scenario runs on. */
#include "platforms/generate/generator.h"
#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "sim/commands/command.h"
#include "sim/commands/output.h"

/* Writes to standard output or, once all has been written well, to `path`: a fault leaves no half a file. */
static gboolean write_file(const tw_platform_generator *generator, const char *const *settings,
                           const char *path, GError **error)
{
  tw_output output;
  if (path == NULL || g_str_equal(path, "-"))
    return tw_platform_generate(generator, settings, stdout, error);
  return tw_output_open(&output, path, error) &&
         tw_output_close(&output, tw_platform_generate(generator, settings, output.out, error), error);
}

/* The value of the first of several options that a generator has, as it was set or by default; "" if it has none. */
static const char *setting(const tw_platform_generator *generator, char *const *settings,
                           const char *const *names)
{
  for (; *names != NULL; names++)
    for (gsize i = 0; generator->fallbacks[i] != NULL; i++) {
      if (!g_str_equal(generator->options[i].long_name, *names))
        continue;
      const char *value = generator->fallbacks[i];
      gsize length = strlen(*names);
      for (char *const *word = settings; *word != NULL; word++)
        if (g_str_has_prefix(*word, *names) && (*word)[length] == '=')
          value = *word + length + 1;
      return value;
    }
  return "";
}

/* Notes an oversubscription of up-links that are not there, as everything hangs on one leaf. */
static void note_one_leaf(const tw_platform_generator *generator, char *const *settings)
{
  static const char *const ratios[] = {"oversubscription", NULL}, *const rails[] = {"rails", NULL},
                           *const counts[] = {"nodes", "racks", "domains", NULL},
                           *const leaves[] = {"nodes-per-leaf", "racks-per-leaf", "domains-per-leaf", NULL};
  double domains, leaf, ratio, planes;
  if (tw_number_parse(setting(generator, settings, ratios), &ratio) && ratio > 1 &&
      tw_number_parse(setting(generator, settings, counts), &domains) &&
      tw_number_parse(setting(generator, settings, leaves), &leaf) && domains <= leaf &&
      !(tw_number_parse(setting(generator, settings, rails), &planes) && planes > 1))
    fprintf(stderr,
            "note: oversubscription=%g has no effect: one leaf switch takes all %g, so that there are no "
            "up-links; "
            "write fewer to a leaf (--help names the option)\n",
            ratio, domains);
}

static int generate(const tw_command *command, int argc, char **argv, GError **error)
{
  const tw_platform_generator *generator = tw_platform_generator_find(tw_command_word(command), NULL);
  char *values[TW_PLATFORM_GENERATOR_OPTIONS] = {NULL};
  g_autoptr(GPtrArray) settings = g_ptr_array_new_with_free_func(g_free);
  gboolean good = tw_command_read(command, values, &argc, &argv, error);
  for (gsize i = 0; good && generator->fallbacks[i] != NULL; i++)
    if (values[i] != NULL)
      g_ptr_array_add(settings, g_strconcat(generator->options[i].long_name, "=", values[i], NULL));
  for (int i = 1; good && i < argc; i++) /* the comment in a written file has the arguments in this form */
    g_ptr_array_add(settings, g_strdup(argv[i]));
  g_ptr_array_add(settings, NULL);
  good = good && write_file(generator, (const char *const *)settings->pdata,
                            values[TW_PLATFORM_GENERATOR_OUTPUT], error);
  if (good)
    note_one_leaf(generator, (char *const *)settings->pdata);
  for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
    g_free(values[i]);
  return good ? TW_EXIT_OK : TW_EXIT_FAILED;
}

static const tw_command actions[] = {
    {
        .name = "platform hgx",
        .summary = "nodes of eight accelerators on a leaf/spine fabric",
        .usage = "[-o FILE]",
        .description = "Nodes of eight accelerators on NVLink, their NICs on a rail-optimized leaf/spine "
                       "fabric. Nodes on one\n"
                       "set of leaf switches reach each other at the full bandwidth of their NICs; beyond, "
                       "the up-links of the\n"
                       "leaf are shared. Balancing over the switches is taken as ideal unless --routing says "
                       "otherwise; all rails\n"
                       "are seen as one unless --rails tells them apart.",
        .example = "tokenworks platform hgx --nodes=32 --nodes-per-leaf=8 --oversubscription=2 --rails=8 "
                   "--routing=hashed -o site.xml",
        .run = generate,
        .options = tw_hgx_options,
    },
    {
        .name = "platform mi3xx",
        .summary = "nodes of eight AMD Instincts in a mesh, on a leaf/spine fabric",
        .usage = "[-o FILE]",
        .description =
            "As `platform hgx`, of AMD Instincts: in a node each has a link of its own to each of the "
            "others, and no\n"
            "switch, so that two of them share a seventh of what eight do. Write --device=mi300x and so on.",
        .example = "tokenworks platform mi3xx --nodes=4 --device=mi300x -o site.xml",
        .run = generate,
        .options = tw_mi3xx_options,
    },
    {
        .name = "platform nvl72",
        .summary = "racks of 72 accelerators in one NVLink domain each, on a fabric",
        .usage = "[-o FILE]",
        .description =
            "Racks that are one NVLink domain each: 72 accelerators in trays of four, or any other size,\n"
            "their NICs on a fabric between the racks.",
        .example = "tokenworks platform nvl72 --racks=8 --nics=2 -o site.xml",
        .run = generate,
        .options = tw_nvl72_options,
    },
    {
        .name = "platform vera-rubin",
        .summary = "Vera Rubin NVL72 racks (preview), on a fabric",
        .usage = "[-o FILE]",
        .description = "As `platform nvl72`, of racks that are announced: see the sources in "
                       "platforms/devices/vr200.xml.\n"
                       "Their 72 packages are the 144 dies of other names.",
        .example = "tokenworks platform vera-rubin --racks=2 -o site.xml",
        .run = generate,
        .options = tw_vera_rubin_options,
    },
    {
        .name = "platform fat-tree",
        .summary = "NVLink domains on a fat tree of two or three levels",
        .usage = "[-o FILE]",
        .description =
            "NVLink domains on a fat tree of switches, with a single path between any two of them: by the "
            "number of\n"
            "the receiver (D-mod-k), so that paths collide as they do without adaptive routing. All rails "
            "of a domain\n"
            "are seen as one link of their summed bandwidth. `platform hgx` takes balancing as ideal "
            "instead.",
        .example = "tokenworks platform fat-tree --levels=3 --domains=128 --oversubscription=2 -o site.xml",
        .run = generate,
        .options = tw_fat_tree_options,
    },
    {
        .name = "platform dragonfly",
        .summary = "NVLink domains on a dragonfly of groups of routers",
        .usage = "[-o FILE]",
        .description = "NVLink domains on routers; routers of a chassis are connected all to all, so are the "
                       "routers at\n"
                       "the same place of the chassis of a group, and so are the groups, over the routers of "
                       "their first chassis.\n"
                       "Routes are the shortest ones. The links between two routers are seen as one.",
        .example = "tokenworks platform dragonfly --groups=4 --chassis=2 --routers=4 -o site.xml",
        .run = generate,
        .options = tw_dragonfly_options,
    },
    {
        .name = "platform torus",
        .summary = "NVLink domains on a torus of two or three dimensions",
        .usage = "[-o FILE]",
        .description = "NVLink domains, each connected to its two neighbours in every dimension, without "
                       "switches. Routes "
                       "go\n"
                       "along the first dimension first, then along the next.",
        .example = "tokenworks platform torus --dimensions=4x4x4 -o site.xml",
        .run = generate,
        .options = tw_torus_options,
    },
    {
        .name = "platform single",
        .summary = "one node without a fabric",
        .usage = "[-o FILE]",
        .description = "One node of one or more accelerators, without a network around it.",
        .example = "tokenworks platform single --device=rtx-pro-6000 --accelerators=1",
        .run = generate,
        .options = tw_single_options,
    },
    {.name = NULL},
};

const tw_command tw_platform_command = {
    .name = "platform",
    .summary = "write a platform: nodes or racks on a network, as SimGrid XML",
    .usage = "hgx|mi3xx|nvl72|vera-rubin|fat-tree|dragonfly|torus|single",
    .description =
        "hgx        nodes of eight accelerators on a rail-optimized leaf/spine fabric\n"
        "mi3xx      nodes of eight AMD Instincts in a mesh, on such a fabric\n"
        "nvl72      racks of 72 accelerators in one NVLink domain each, on a fabric\n"
        "vera-rubin racks of 72 Vera Rubin accelerators (preview), on a fabric\n"
        "fat-tree   NVLink domains on a fat tree of two or three levels (D-mod-k)\n"
        "dragonfly  NVLink domains on groups of routers\n"
        "torus      NVLink domains on a torus of two or three dimensions\n"
        "single     one node without a fabric\n\n"
        "`tokenworks platform KIND --help` lists the options of each. What is written loads in SimGrid as\n"
        "it is, and can be edited; `tokenworks check` reads it.",
    .example = "tokenworks platform hgx --nodes=4",
    .run = tw_command_run_action,
    .actions = actions,
};
