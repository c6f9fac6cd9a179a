/* Lengths in tokens, drawn by generators. */
#ifndef TW_WORKLOADS_LENGTH_H
#define TW_WORKLOADS_LENGTH_H

#include "platforms/input/schema.h"
#include "workloads/draw/chance.h"

/* How lengths are drawn. */
typedef enum {
  TW_LENGTH_FIXED,
  TW_LENGTH_EXPONENTIAL,
  TW_LENGTH_LOGNORMAL,
  TW_LENGTH_UNIFORM,   /* whole numbers from min to max */
  TW_LENGTH_PARETO,    /* P(X > x) = (x₀/x)^tail from x₀ = mean · (tail − 1) / tail on */
  TW_LENGTH_EMPIRICAL, /* drawn by the weights of a table */
  TW_LENGTH_MIXTURE    /* drawn from other lengths, by their shares */
} tw_length_kind;
extern const char *const tw_length_kind_names[];

typedef struct tw_length_table tw_length_table;
typedef struct tw_length_part tw_length_part;

typedef struct tw_length {
  tw_length_kind kind;
  double mean;  /* tokens; drawn values are rounded to the nearest integer, at least `min`, at most `max` */
  double sigma; /* lognormal: standard deviation of the logarithm */
  gint32 min, max;
  double tail;                  /* Pareto: above 1 */
  const tw_length_table *table; /* empirical */
  const tw_length_part *parts;  /* mixture */
  int n_parts;
} tw_length;

struct tw_length_part {
  double share; /* share of the draws; the shares of a mixture sum to 1 */
  tw_length length;
};

/* A length that is not drawn at all: there is none. */
static inline gboolean tw_length_is_none(const tw_length *length)
{
  return length->kind <= TW_LENGTH_LOGNORMAL && length->mean <= 0;
}

/* A real number by a law that needs no bounds: fixed, exponential or lognormal. */
double tw_law_draw(tw_length_kind kind, double mean, double sigma, tw_chance *chance);

gint32 tw_length_draw(const tw_length *length, tw_chance *chance);
/* Draws a length that is multiplied by `factor` before it is rounded and bounded. */
gint32 tw_length_draw_scaled(const tw_length *length, tw_chance *chance, double factor);

/* Whether a length can be drawn from: TW_INPUT_ERROR_USAGE says what of `name` is out of range. */
gboolean tw_length_check(const char *name, const tw_length *length, gint32 min, GError **error);

/* Values with weights, from which draws are as frequent as their weights say. `values` ascend. NULL where the
 * weights have no sum above 0. */
tw_length_table *tw_length_table_new(const gint32 *values, const double *weights, guint n);
/* Reads CSV with the columns `tokens` and, if there is one, `weight` (1 each otherwise). NULL with a fault,
 * such as a file without any mass. */
tw_length_table *tw_length_table_load(const char *path, tw_faults *faults);
double tw_length_table_mean(const tw_length_table *table);
gint32 tw_length_table_draw(const tw_length_table *table, tw_chance *chance);
void tw_length_table_free(tw_length_table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_length_table, tw_length_table_free)

/* The elements <prompt>, <reasoning> and <answer>, in this order. */
extern const tw_element tw_length_elements[3];
/* Reads one of them below `parent`, as the schema has checked it; none where there is no such element.
 * FALSE with faults, such as shares that do not sum to 1. tw_length_clear frees what it owns. */
gboolean tw_length_read(const xmlNode *parent, const tw_element *element, tw_length *length,
                        tw_faults *faults);
void tw_length_clear(tw_length *length);
/* Adds the paths of the tables that a length (NULL: none) names to `files`, an array of owned strings. */
void tw_length_list_files(const xmlNode *node, GPtrArray *files);

#endif
