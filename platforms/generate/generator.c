#include "platforms/generate/generator.h"

#include "platforms/generate/generator_kinds.h"
#include "platforms/input/fault.h"

const tw_platform_generator tw_platform_generators[] = {
    {"hgx", tw_hgx_options, tw_hgx_fallbacks, tw_hgx_write},
    {"mi3xx", tw_mi3xx_options, tw_mi3xx_fallbacks, tw_mi3xx_write},
    {"nvl72", tw_nvl72_options, tw_nvl72_fallbacks, tw_nvl72_write},
    {"vera-rubin", tw_vera_rubin_options, tw_vera_rubin_fallbacks, tw_vera_rubin_write},
    {"fat-tree", tw_fat_tree_options, tw_fat_tree_fallbacks, tw_fat_tree_write},
    {"dragonfly", tw_dragonfly_options, tw_dragonfly_fallbacks, tw_dragonfly_write},
    {"torus", tw_torus_options, tw_torus_fallbacks, tw_torus_write},
    {"single", tw_single_options, tw_single_fallbacks, tw_single_write},
    {0},
};

const tw_platform_generator *tw_platform_generator_find(const char *kind, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (const tw_platform_generator *generator = tw_platform_generators; generator->name != NULL;
       generator++) {
    if (g_str_equal(generator->name, kind))
      return generator;
    g_ptr_array_add(names, (char *)generator->name);
  }
  g_ptr_array_add(names, NULL);
  g_autofree char *hint = tw_suggestion(kind, (const char *const *)names->pdata);
  tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "unknown kind of platform \"%s\"; %s", kind, hint);
  return NULL;
}

/* Puts the value of one "name=value" in its place. */
static gboolean apply_setting(const tw_platform_generator *generator, const char *setting,
                              const char **values, GError **error)
{
  const char *equals = strchr(setting, '=');
  g_autofree char *name = g_strndup(setting, equals != NULL ? (gsize)(equals - setting) : strlen(setting));
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (gsize i = 0; generator->fallbacks[i] != NULL; i++) {
    if (g_str_equal(generator->options[i].long_name, name)) {
      if (equals == NULL || equals[1] == '\0')
        return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--%s needs a value, such as --%s=%s",
                                  name, name, generator->fallbacks[i]);
      values[i] = equals + 1;
      return TRUE;
    }
    g_ptr_array_add(names, (char *)generator->options[i].long_name);
  }
  g_ptr_array_add(names, NULL);
  g_autofree char *hint = tw_suggestion(name, (const char *const *)names->pdata);
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s has no option --%s; %s",
                            generator->name, name, hint);
}

gboolean tw_platform_generate(const tw_platform_generator *generator, const char *const *settings, FILE *out,
                              GError **error)
{
  const char *values[TW_PLATFORM_GENERATOR_OPTIONS] = {NULL};
  for (gsize i = 0; generator->fallbacks[i] != NULL; i++)
    values[i] = generator->fallbacks[i];
  for (; *settings != NULL; settings++)
    if (!apply_setting(generator, *settings, values, error))
      return FALSE;
  return generator->write(out, values, error);
}
