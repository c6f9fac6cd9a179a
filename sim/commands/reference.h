/* Pages of documentation that are made from the tables which the program reads and writes by. */
#ifndef TW_SIM_REFERENCE_H
#define TW_SIM_REFERENCE_H

#include <glib.h>

/* The names of the pages: "scenario", "columns", "metrics", "commands"; ends with NULL. */
extern const char *const tw_reference_names[];

/* A page in Markdown, NULL where there is none of that name. The caller frees it. */
char *tw_reference_page(const char *name);

#endif
