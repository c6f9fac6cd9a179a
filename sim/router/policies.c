#include "sim/router/policy.h"

/* ---- The table ---- */

#define POLICIES(X)                                                                                          \
  X("round-robin", tw_policy_round_robin)                                                                    \
  X("random", tw_policy_random)                                                                              \
  X("least-outstanding", tw_policy_least_outstanding)                                                        \
  X("least-tokens", tw_policy_least_tokens)                                                                  \
  X("two-choices", tw_policy_two_choices)                                                                    \
  X("kv-transfer-aware", tw_policy_kv_transfer_aware)                                                        \
  X("session-affinity", tw_policy_session_affinity)                                                          \
  X("longest-prefix", tw_policy_longest_prefix)                                                              \
  X("prefix-and-load", tw_policy_prefix_and_load)                                                            \
  X("dynamo-kv", tw_policy_dynamo_kv)                                                                        \
  X("llm-d", tw_policy_llm_d)                                                                                \
  X("sglang-cache-aware", tw_policy_sglang_cache_aware)                                                      \
  X("production-stack-prefix", tw_policy_production_stack_prefix)                                            \
  X("production-stack-kv", tw_policy_production_stack_kv)

#define X(name, row) extern const tw_router_policy row;
POLICIES(X)
#undef X

const tw_router_policy *const tw_router_policies[] = {
#define X(name, row) &row,
    POLICIES(X)
#undef X
};
const char *const tw_router_policy_names[] = {
#define X(name, row) name,
    POLICIES(X)
#undef X
        NULL};

static char *help_of(const tw_router_policy *policy)
{
  GString *text = g_string_new(policy->help);
  const char *between = ". Parameters: ";
  for (const tw_router_parameter *p = policy->parameters; p->name != NULL; p++, between = "; ")
    g_string_append_printf(text, "%s%s (%g), %s", between, p->name, p->fallback, p->help);
  return g_string_free(text, FALSE);
}

const char *const *tw_router_policy_helps(void)
{
  static gsize once;
  static const char *helps[G_N_ELEMENTS(tw_router_policies) + 1];
  if (g_once_init_enter(&once)) {
    for (gsize i = 0; i < G_N_ELEMENTS(tw_router_policies); i++)
      helps[i] = help_of(tw_router_policies[i]);
    g_once_init_leave(&once, 1);
  }
  return helps;
}

double tw_router_rank_weight(const tw_router_policy *policy)
{
  return policy->rank_weight;
}

gboolean tw_router_looks(const tw_router_policy *policy)
{
  return policy->looks;
}

/* ---- Parameters ---- */

static char *list_parameters(const tw_router_policy *policy)
{
  if (policy->parameters[0].name == NULL)
    return g_strdup("the policy has no parameters; leave them out");
  GString *text = g_string_new("its parameters are ");
  for (const tw_router_parameter *p = policy->parameters; p->name != NULL; p++)
    g_string_append_printf(text, "%s%s (from %g to %g, default %g)", p == policy->parameters ? "" : ", ",
                           p->name, p->least, p->most, p->fallback);
  return g_string_free(text, FALSE);
}

static gboolean read_parameter(const tw_router_policy *policy, const char *word, double *values)
{
  const char *equals = strchr(word, '=');
  if (equals == NULL || equals[1] == '\0')
    return FALSE;
  char *end;
  double value = g_ascii_strtod(equals + 1, &end);
  for (int i = 0; policy->parameters[i].name != NULL; i++) {
    const tw_router_parameter *p = &policy->parameters[i];
    if (strlen(p->name) != (gsize)(equals - word) || strncmp(p->name, word, strlen(p->name)) != 0)
      continue;
    values[i] = value;
    return *end == '\0' && value >= p->least && value <= p->most;
  }
  return FALSE;
}

char *tw_router_read_parameters(const tw_router_policy *policy, const char *text,
                                double values[TW_ROUTER_MOST_PARAMETERS])
{
  for (int i = 0; policy->parameters[i].name != NULL; i++)
    values[i] = policy->parameters[i].fallback;
  if (text == NULL)
    return NULL;
  g_auto(GStrv) words = g_strsplit_set(text, " \t\n", -1);
  for (char **word = words; *word != NULL; word++) {
    if (**word == '\0' || read_parameter(policy, *word, values))
      continue;
    g_autofree char *right = list_parameters(policy);
    return g_strdup_printf("\"%s\" is no NAME=VALUE that the policy knows; %s", *word, right);
  }
  return NULL;
}
