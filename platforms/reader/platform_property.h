/* Properties of platform elements: SimGrid's <prop>, of which those that begin with "tw:" are ours. */
#ifndef TW_PLATFORMS_PLATFORM_PROPERTY_H
#define TW_PLATFORMS_PLATFORM_PROPERTY_H

#include "platforms/input/fault.h"
#include "platforms/input/schema.h"

/* On what a property may stand. */
enum { TW_ON_HOST = 1, TW_ON_ZONE = 2, TW_ON_LINK = 4, TW_ON_CLUSTER = 8 };

/* A fault for every property of ours in an element that is unknown there, or stands twice. `place`: one of
 * TW_ON_*. */
void tw_property_check(const xmlNode *node, int place, tw_faults *faults);

/* The value of a property, or NULL; the caller frees it. `where`, if not NULL, gets its element. */
char *tw_property_get(const xmlNode *node, const char *name, const xmlNode **where);
/* A number without a unit (the property's name has it), or `absent`; a fault where it is below `min` or none.
 * `help`: what it should be, such as "a number of watts". */
double tw_property_number(const xmlNode *node, const char *name, double absent, double min, const char *help,
                          tw_faults *faults);
/* The index of a property's value in `words`, which end with NULL, or 0, which stands for none; a fault where
 * the value is unknown. */
int tw_property_choice(const xmlNode *node, const char *name, const char *const *words, tw_faults *faults);

#endif
