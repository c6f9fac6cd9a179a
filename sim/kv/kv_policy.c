#include "sim/kv/kv_policy.h"

static double last_use(const tw_kv_use *use)
{
  return use->used_s;
}

/* By uses; of equally many, by the last one, to 1/64 s: a double holds 2^21 uses beside 2^32 such steps. */
static double number_of_uses(const tw_kv_use *use)
{
  return (double)use->uses * 4294967296.0 + (double)(gint64)(use->used_s * 64);
}

#define POLICIES(X)                                                                                          \
  X("lru", last_use, 0, 0, "that which was used least recently")                                             \
  X("lfu", number_of_uses, 0, 0,                                                                             \
    "that which was used least often since it came in, and of these the least recently")                     \
  X("2q", last_use, 0.25, 0.5,                                                                               \
    "what was used once goes first, in the order of coming, where it takes more than a quarter of the "      \
    "room; "                                                                                                 \
    "what was used again soon after it had gone goes by its last use (the full 2Q of Johnson and Shasha, "   \
    "VLDB 1994, with the shares that they found best, 25 and 50 %)")

const tw_kv_policy tw_kv_policies[] = {
#define X(name, key, probation, remembered, help) {name, help, key, probation, remembered},
    POLICIES(X)
#undef X
};
const char *const tw_kv_policy_names[] = {
#define X(name, key, probation, remembered, help) name,
    POLICIES(X)
#undef X
        NULL};

const char *const *tw_kv_policy_helps(void)
{
  static const char *const helps[] = {
#define X(name, key, probation, remembered, help) help,
      POLICIES(X)
#undef X
          NULL};
  return helps;
}

const char *const tw_kv_admission_names[] = {"all", "second-use", NULL};
