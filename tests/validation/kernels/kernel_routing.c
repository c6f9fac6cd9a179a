#include "tests/validation/kernels/kernel_routing.h"

#include <string.h>

enum { GROUPS = 8, CHOSEN_GROUPS = 4, SCORED = 2, MOST_EXPERTS = 4096, MOST_TOKENS = 1 << 20 };

typedef struct choice {
  gboolean *asked; /* by expert */
  int scores[GROUPS], experts;
} choice;

/* Marks the experts that a token asks for, which lie evenly behind `first`, and scores their groups by them. */
static void ask(choice *c, int first, int topk, int stride)
{
  memset(c->asked, 0, (size_t)c->experts * sizeof *c->asked);
  memset(c->scores, 0, sizeof c->scores);
  for (int i = 0; i < topk; i++) {
    int expert = (first + i * stride) % c->experts, group = expert / (c->experts / GROUPS);
    c->asked[expert] = TRUE;
    c->scores[group] = MIN(c->scores[group] + 1, SCORED);
  }
}

/* Returns whether fewer than four groups come before this one: by their score, and the first of equals. */
static gboolean chosen(const choice *c, int group)
{
  int before = 0;
  for (int g = 0; g < GROUPS; g++)
    before += c->scores[g] > c->scores[group] || (c->scores[g] == c->scores[group] && g < group);
  return before < CHOSEN_GROUPS;
}

/* Adds `tokens` to what each of the experts that are asked for, or else those that are not, receives; returns how many
 * of `most` experts are left. */
static int take(const choice *c, gboolean asked, int most, int tokens, double *received)
{
  for (int e = 0; e < c->experts && most > 0; e++)
    if (c->asked[e] == asked && chosen(c, e / (c->experts / GROUPS))) {
      received[e] += tokens;
      most--;
    }
  return most;
}

/* The same from whole numbers that make sense. */
static void receive(int tokens, int topk, int experts, int ranks, double *copies, double *touched)
{
  g_autofree double *received = g_new0(double, experts);
  g_autofree gboolean *asked = g_new0(gboolean, experts);
  choice c = {.asked = asked, .experts = experts};
  int stride = (experts + topk - 1) / topk, kinds = MIN(tokens, stride);
  for (int kind = 0; kind < kinds; kind++) { /* tokens of a kind ask for the same experts */
    ask(&c, tokens >= stride ? kind : kind * stride / tokens, topk, stride);
    int equal = (tokens - kind + kinds - 1) / kinds;
    take(&c, FALSE, take(&c, TRUE, topk, equal, received), equal, received);
  }
  *copies = *touched = 0;
  for (int e = 0; e < experts / ranks; e++) {
    *copies += received[e];
    *touched += received[e] > 0;
  }
}

gboolean kernel_routed_by_groups(double tokens, double topk, double experts, double ep, double *copies,
                                 double *touched)
{
  gboolean sound = experts >= GROUPS * SCORED && experts <= MOST_EXPERTS && (int)experts % GROUPS == 0 &&
                   topk >= 1 && topk <= experts && ep >= 1 && ep <= experts && tokens >= 1 &&
                   tokens <= MOST_TOKENS;
  if (sound)
    receive((int)tokens, (int)topk, (int)experts, (int)ep, copies, touched);
  return sound;
}
