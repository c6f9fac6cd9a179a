/* A comparison as one HTML page that opens anywhere: the table, and the runs overlaid over time. */
#ifndef TW_ANALYSIS_COMPARE_PAGE_H
#define TW_ANALYSIS_COMPARE_PAGE_H

#include "analysis/compare/compare.h"

/* The page as HTML, which draws the first run of a group of several. NULL with TW_INPUT_ERROR if tables are
 * damaged or absent. The caller frees it. */
char *tw_compare_page(const tw_comparison *comparison, const GPtrArray *metrics, GError **error);

#endif
