/* The part of a report that comes from the tables by interval: series of the site and of each pool, and
 * frames of the racks and links for a slider to step through. A report shows every column that holds a value,
 * whichever columns the tables have. */
#ifndef TW_ANALYSIS_REPORT_TABLES_H
#define TW_ANALYSIS_REPORT_TABLES_H

#include <glib.h>
#include <jansson.h>

/* The run ended at end_s, INFINITY if that is not known; `run` is its run.json. Every function returns
 * NULL with TW_INPUT_ERROR on damage, and a JSON null for a table that the run does not write. The caller
 * owns the reference.
 *
 *     series   {"width_s", "n", "columns": {NAME: {"unit", "help", "per_s": whether it is a count per second,
 *              "mean", "min", "max"}}}, the latter two only where they differ from the mean; n numbers each,
 *              packed as tw_report_floats does. Where a table has watts of several parts, "total_w" is
 *              their sum. */

/* A series. */
json_t *tw_report_site(const char *directory, const json_t *run, double end_s, GError **error);
/* [{"id", "engines", "series"}]: means over the pool's engines, extremes of single engines. */
json_t *tw_report_pools(const char *directory, const json_t *run, double end_s, GError **error);
/* {"names": [...], "width_s", "n", "columns": {NAME: {..., "mean", "max"}}}: n numbers per name, one name
 * after the other. */
json_t *tw_report_racks(const char *directory, const json_t *run, double end_s, GError **error);
/* What sets out on the ways between the regions of several sites, in the same form. */
json_t *tw_report_ways(const char *directory, const json_t *run, double end_s, GError **error);
/* The sites of a run of several, in the same form. */
json_t *tw_report_sites(const char *directory, const json_t *run, double end_s, GError **error);
/* The links with the highest peaks, in the same form; "count" is the number of all links. */
json_t *tw_report_links(const char *directory, const json_t *run, double end_s, GError **error);

#endif
