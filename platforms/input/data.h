/* Files that ship with Tokenworks: devices, models, platforms, scenarios, traces. */
#ifndef TW_PLATFORMS_DATA_H
#define TW_PLATFORMS_DATA_H

#include <glib.h>

/* The path of a shipped file such as "platforms/devices/h100-sxm.xml", whether it exists or not: below
 * $TOKENWORKS_DATA if set, else share/tokenworks beside the installed binary, else the source tree it was
 * built from. The caller frees it. */
char *tw_data_path(const char *relative);

/* Names (without `suffix`) of the files in a shipped folder, sorted, NULL-terminated; empty if there is no
 * such folder. Free with g_strfreev. */
char **tw_data_list(const char *folder, const char *suffix);

#endif
