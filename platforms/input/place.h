/* Where documents may include files from: what a stranger wrote shall not show what else the machine holds. */
#ifndef TW_PLATFORMS_PLACE_H
#define TW_PLATFORMS_PLACE_H

#include <glib.h>

/* Why a document in the folder `home` may not include the file `path`, for a message that begins with its name; NULL: it
 * may. All links are followed first. A file may lie in that folder or below, among what ships (data.h), or below a folder
 * that $TOKENWORKS_ALLOW names; colons part these, and "/" allows everything. A file that is not there is not refused. The
 * caller frees the text. */
char *tw_refused_place(const char *path, const char *home);

#endif
