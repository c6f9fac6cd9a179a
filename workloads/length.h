/* Lengths in tokens, drawn by generators. */
#ifndef TW_WORKLOADS_LENGTH_H
#define TW_WORKLOADS_LENGTH_H

#include "workloads/chance.h"
#include "workloads/stream.h"

gint32 tw_length_draw(const tw_length *length, tw_chance *chance);

/* Whether a length can be drawn from: TW_INPUT_ERROR_USAGE says what of `name` is out of range. */
gboolean tw_length_check(const char *name, const tw_length *length, gint32 min, GError **error);

#endif
