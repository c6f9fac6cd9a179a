#include "platforms/generate/generator_options.h"

#include <math.h>

tw_option tw_option_get(const GOptionEntry *options, const char *const *values, int place)
{
  return (tw_option){options[place].long_name, values[place]};
}

gboolean tw_option_count(tw_option option, gint64 max, int *count, GError **error)
{
  gint64 value = 0;
  if (!tw_integer_parse(option.text, &value) || value < 1 || value > max)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--%s: \"%s\" is not a count; write a whole number from 1 to %" G_GINT64_FORMAT,
                              option.name, option.text, max);
  *count = (int)value;
  return TRUE;
}

gboolean tw_option_quantity(tw_option option, const char *word, tw_dimension dimension, double min,
                            double *value, GError **error)
{
  g_autofree char *why = NULL;
  double read = 0;
  if (g_str_equal(option.text, word))
    return TRUE;
  if (!tw_quantity_parse(option.text, dimension, &read, &why))
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "--%s: %s", option.name, why);
  if (read < min)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "--%s: \"%s\" is too small; write %s",
                              option.name, option.text, tw_dimension_help(dimension));
  *value = read;
  return TRUE;
}

gboolean tw_option_ratio(tw_option option, const char *word, double *value, GError **error)
{
  double read = 0;
  if (g_str_equal(option.text, word))
    return TRUE;
  if (!tw_number_parse(option.text, &read) || read < 1 || read > 1e6)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--%s: \"%s\" is not a ratio; write a number of at least 1, such as 1.5",
                              option.name, option.text);
  *value = read;
  return TRUE;
}

tw_device *tw_option_device(const char *name, GError **error)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_device *device = tw_device_load(name, NULL, faults);
  if (device == NULL)
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "--device: %s", tw_faults_get(faults, 0));
  return device;
}

/* Whether an option of planes is as it is by default: of a fabric without planes nothing is told. */
static gboolean is_usual_plane(const tw_platform_generator *kind, const char *const *values, int place)
{
  static const char *const names[] = {"rails", "routing", "spines", "cross-rail", NULL};
  return g_strv_contains(names, kind->options[place].long_name) &&
         g_str_equal(values[place], kind->fallbacks[place]);
}

/* The comment at the head: the command again, and where the power comes from. An XML comment cannot hold
 * "--", and the command takes its options without them too. */
static char *describe(const tw_platform_generator *kind, const char *const *values, const tw_device *device)
{
  GString *text = g_string_new("Written by: tokenworks platform ");
  g_string_append(text, kind->name);
  for (int i = 0; kind->fallbacks[i] != NULL; i++)
    if (!g_str_equal(values[i], ANY) && !is_usual_plane(kind, values, i))
      g_string_append_printf(text, " %s=%s", kind->options[i].long_name, values[i]);
  if (device->chassis.source != NULL) {
    g_autoptr(GRegex) blanks = g_regex_new("\\s+", 0, 0, NULL);
    g_autofree char *source = g_regex_replace_literal(blanks, device->chassis.source, -1, 0, " ", 0, NULL);
    g_string_append_printf(text, "\n     Usual power around the devices, and PUE: %s", source);
  }
  for (char *at = strstr(text->str, "--"); at != NULL; at = strstr(at, "--"))
    at[1] = '_'; /* two hyphens of a device's path would end the comment */
  return g_string_free(text, FALSE);
}

gboolean tw_option_power(const GOptionEntry *options, const char *const *values, int place, int size,
                         tw_generated_site *site, GError **error)
{
  const tw_chassis *chassis = &site->device->chassis;
  double share = chassis->accelerators > 0 ? (double)size / (double)chassis->accelerators : NAN;
  site->overhead_w = chassis->overhead_w * share;
  /* Nobody knows the idle power of overheads that the user gives instead of the usual. */
  site->overhead_idle_w = g_str_equal(values[place], USUAL) ? chassis->idle_w * share : NAN;
  site->psu_w = chassis->psu_w > 0 && chassis->psu_efficiency != NULL ? chassis->psu_w * share : NAN;
  site->psu_efficiency = chassis->psu_efficiency;
  site->network_w = chassis->network_w * share;
  site->pue = chassis->accelerators > 0 ? chassis->pue : NAN;
  return tw_option_quantity(tw_option_get(options, values, place), USUAL, TW_POWER, 0, &site->overhead_w,
                            error) &&
         tw_option_quantity(tw_option_get(options, values, place + 1), USUAL, TW_POWER, 0, &site->network_w,
                            error) &&
         tw_option_ratio(tw_option_get(options, values, place + 2), USUAL, &site->pue, error);
}

/* Watts that the site draws for each domain when everything in it draws its most; NAN: not known. */
static double domain_site_w(const tw_generated_site *site, int size, double accelerator_w)
{
  tw_supply supply = {.pue = {1, {0}, {site->pue}}};
  g_autofree char *why = NULL;
  if (!isnan(site->psu_w)) {
    supply.psu_w = site->psu_w;
    tw_supply_set(&supply, "tw:psu_efficiency", site->psu_efficiency, &why);
  }
  double network_w = isnan(site->network_w) || site->domains == 1 ? 0 : site->network_w;
  return tw_supply_site_w(&supply, size * accelerator_w + site->overhead_w + network_w, NAN);
}

gboolean tw_option_site_power(const GOptionEntry *options, const char *const *values, int place, int domains,
                              gboolean asked, int size, tw_generated_site *site, GError **error)
{
  double accelerator_w = site->device->max_w;
  const char *counted = options[domains].long_name;
  site->site_w = NAN;
  if (!tw_option_quantity(tw_option_get(options, values, place), ANY, TW_POWER, 1, &site->site_w, error) ||
      !tw_option_quantity(tw_option_get(options, values, place + 1), ANY, TW_POWER, 1, &accelerator_w, error))
    return FALSE;
  if (isnan(site->site_w))
    return TRUE;
  site->domains = asked ? site->domains : 2; /* a site of several has a network, which draws power */
  double each_w = domain_site_w(site, size, fmin(accelerator_w, site->device->max_w));
  if (isnan(each_w))
    return tw_input_error_set(
        error, TW_INPUT_ERROR_VALUE, NULL, 0,
        "--site-power: the power of %s, of what is around it, or the PUE is not known; write "
        "--overhead and --pue",
        site->device_name);
  double most = floor(site->site_w / each_w);
  if (most < 1 && !asked) { /* one alone needs no network */
    site->domains = 1;
    each_w = domain_site_w(site, size, fmin(accelerator_w, site->device->max_w));
    most = floor(site->site_w / each_w);
  }
  if (most < (asked ? site->domains : 1))
    return tw_input_error_set(
        error, TW_INPUT_ERROR_VALUE, NULL, 0,
        "--site-power: each of the %s draws up to %.0f W, conversion and cooling included, so "
        "that %.0f fit; write more power, or a lower --accelerator-power",
        counted, each_w, most);
  if (!asked)
    site->domains = (int)fmin(most, 100000);
  return TRUE;
}

/* Reads one of some words. */
static gboolean read_word(tw_option option, const char *const *words, const char **word, GError **error)
{
  *word = option.text;
  if (g_strv_contains(words, option.text))
    return TRUE;
  g_autofree char *hint = tw_suggestion(option.text, words);
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "--%s: \"%s\" is unknown; %s", option.name,
                            option.text, hint);
}

gboolean tw_option_planes(const GOptionEntry *options, const char *const *values, int place,
                          tw_generated_site *site, GError **error)
{
  static const char *const crossings[] = {"nvlink", "spine", NULL};
  tw_generated_planes *planes = &site->planes;
  tw_option spines = tw_option_get(options, values, place + 2);
  if (!tw_option_count(tw_option_get(options, values, place), 1000, &planes->rails, error) ||
      !read_word(tw_option_get(options, values, place + 1), tw_balance_names + 1, &planes->routing, error) ||
      !read_word(tw_option_get(options, values, place + 3), crossings, &planes->cross_rail, error))
    return FALSE;
  if (site->nics % planes->rails != 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--rails: %d rails do not divide the %d NICs of a domain; write a divisor",
                              planes->rails, site->nics);
  planes->spines = MAX(1, (int)(site->nics * site->pod / site->oversubscription / planes->rails));
  if (!g_str_equal(spines.text, OWN) && !tw_option_count(spines, 10000, &planes->spines, error))
    return FALSE;
  if (site->domains == 1 || (planes->rails == 1 && g_str_equal(planes->routing, "ideal")))
    *planes = (tw_generated_planes){.rails = 0};
  return TRUE;
}

gboolean tw_option_check_site(const tw_generated_site *site, const char *domains, GError **error)
{
  if ((gint64)site->domains * site->hosts > 1000000)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--%s: more than a million hosts; write fewer, or larger hosts", domains);
  if (site->domains == 1)
    return TRUE;
  if (isnan(site->nic_bytes_per_s))
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--nic-bandwidth: %s has no NIC of its own; write one, such as 400Gbit/s",
                              site->device_name);
  if (site->nics % site->hosts != 0 && site->hosts % site->nics != 0)
    return tw_input_error_set(
        error, TW_INPUT_ERROR_VALUE, NULL, 0,
        "--nics: %d NICs cannot be shared out among %d hosts; write a divisor or a multiple", site->nics,
        site->hosts);
  return TRUE;
}

void tw_option_write_site(tw_generated_site *site, const char *kind, const char *const *values, FILE *out)
{
  g_autofree char *comment = describe(tw_platform_generator_find(kind, NULL), values, site->device);
  site->comment = comment;
  tw_site_write(site, out);
}
