/* Lists of what a question leaves free: words separated by blanks, each of which is tried.
 *
 *     tp="auto"   caps="none 1000W 960W"   oversubscription="none 1.3"   policies="random least-tokens"
 *
 * A check adds a fault at `node`, of its attribute `name`, for every word that is not as the list should be, and
 * where there is nothing to try. What was checked can be read. */
#ifndef TW_SIM_FREE_LISTS_H
#define TW_SIM_FREE_LISTS_H

#include "platforms/input/schema.h"
#include "platforms/input/units.h"

/* Whole numbers from 1 on, or "auto"; for the name "dp" also "wide". */
void tw_free_list_check_numbers(const xmlNode *node, const char *name, const char *text, tw_faults *faults);
/* Words of a table. */
void tw_free_list_check_words(const xmlNode *node, const char *name, const char *text,
                              const char *const *known, tw_faults *faults);
/* "none", and quantities above zero, such as `example`. */
void tw_free_list_check_quantities(const xmlNode *node, const char *name, const char *text,
                                   tw_dimension dimension, const char *example, tw_faults *faults);
/* "none", and numbers from 1 to 100. */
void tw_free_list_check_ratios(const xmlNode *node, const char *name, const char *text, const char *example,
                               tw_faults *faults);
/* "mixed", and prefill engines to decode engines, such as "1:2". */
void tw_free_list_check_pools(const xmlNode *node, const char *name, const char *text, tw_faults *faults);

/* Whether a list holds anything but "none". */
gboolean tw_free_list_has_value(const char *text);

/* The numbers of a list, an array of gint64 that the caller owns; the first n_automatic of `automatic` in the place of
 * "auto", and the n_wide that follow these in that of "wide". */
GArray *tw_free_list_numbers(const char *text, const gint64 *automatic, guint n_automatic, guint n_wide);
/* The quantities of a list, an array of double that the caller owns; NAN in the place of "none". */
GArray *tw_free_list_quantities(const char *text, tw_dimension dimension);
GArray *tw_free_list_ratios(const char *text);

#endif
