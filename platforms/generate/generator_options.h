/* Options that kinds of platforms share, and how their values are read. */
#ifndef TW_PLATFORMS_GENERATOR_OPTIONS_H
#define TW_PLATFORMS_GENERATOR_OPTIONS_H

#include "platforms/generate/generator.h"
#include "platforms/generate/generator_site.h"
#include "platforms/input/units.h"

/* Defaults that stand for something else. */
#define USUAL    "usual"
#define ONE_EACH "one-each"
#define OWN      "own"
#define ANY      "any" /* narrows nothing, and is not told of in a platform's comment */

#define DEVICE_HELP        "a device of the catalogue, or the path of a device file"
#define NIC_BANDWIDTH_HELP "of a NIC and direction, such as 400Gbit/s; own: the device's"
#define POWER_OPTIONS(X, place)                                                                              \
  X((place), "overhead", USUAL,                                                                              \
    "power of the rest of a node or rack at full load; usual: by the device's chassis")                      \
  X((place) + 1, "network", USUAL, "power of its share of the fabric")                                       \
  X((place) + 2, "pue", USUAL, "power usage effectiveness of the site")

/* Options of a site that is as large as its power allows, at `place`. */
#define SITE_POWER_OPTIONS(X, place)                                                                         \
  X((place), "site-power", ANY,                                                                              \
    "what the whole site may draw, such as 1MW: its size, unless given, is the largest within it")           \
  X((place) + 1, "accelerator-power", ANY,                                                                   \
    "what an accelerator draws at most, where a power-cap holds it below its maximum, such as 960W")

/* Options of leaves and a spine, at `place`. */
#define PLANE_OPTIONS(X, place)                                                                              \
  X((place), "rails", "1", "leaf planes of which each has a part of a domain's NICs; 1: all share one")      \
  X((place) + 1, "routing", "ideal",                                                                         \
    "how flows are dealt out to spines: ideal (each in equal parts), static (D-mod-k), hashed (ECMP) or "    \
    "adaptive")                                                                                              \
  X((place) + 2, "spines", OWN,                                                                              \
    "spine switches of a rail; own: as many as give each of a leaf's links to them a NIC's rate")            \
  X((place) + 3, "cross-rail", "nvlink",                                                                     \
    "where traffic between rails crosses: nvlink (to the NIC of the receiver's rail, PXN) or spine")

/* Accelerators of a compute tray of an NVLink rack. */
enum { TRAY = 4 };

/* One option and what was given for it. */
typedef struct tw_option {
  const char *name, *text;
} tw_option;
tw_option tw_option_get(const GOptionEntry *options, const char *const *values, int place);

/* Each returns FALSE with a TW_INPUT_ERROR that names the option. `word` stands for a default, and leaves the
 * value as it is. */
gboolean tw_option_count(tw_option option, gint64 max, int *count, GError **error); /* 1 to max */
gboolean tw_option_quantity(tw_option option, const char *word, tw_dimension dimension, double min,
                            double *value, GError **error);
gboolean tw_option_ratio(tw_option option, const char *word, double *value, GError **error);
tw_device *tw_option_device(const char *name, GError **error);
/* POWER_OPTIONS at `place`: the powers of a domain of `size` accelerators, from the usual chassis where none
 * is asked for. */
gboolean tw_option_power(const GOptionEntry *options, const char *const *values, int place, int size,
                         tw_generated_site *site, GError **error);
/* SITE_POWER_OPTIONS at `place`: sets how many domains the site has, of `size` accelerators each, unless that
 * was `asked` for with the option at `domains`; refuses more than the power allows. POWER_OPTIONS were read
 * before. */
gboolean tw_option_site_power(const GOptionEntry *options, const char *const *values, int place, int domains,
                              gboolean asked, int size, tw_generated_site *site, GError **error);
/* PLANE_OPTIONS at `place`; NICs, pods and oversubscription are known by now. */
gboolean tw_option_planes(const GOptionEntry *options, const char *const *values, int place,
                          tw_generated_site *site, GError **error);
/* Whether the site can be written; `domains` is the option that says how many it has. */
gboolean tw_option_check_site(const tw_generated_site *site, const char *domains, GError **error);

/* Writes a site, headed by the command that asked for it. */
void tw_option_write_site(tw_generated_site *site, const char *kind, const char *const *values, FILE *out);

#endif
