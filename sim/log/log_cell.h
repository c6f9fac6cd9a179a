/* The text of a table's cells. Each function writes at `to`, without a NUL, and returns the end.
 *
 * Numbers are rounded from the exact binary value, halves to even: what printf prints. They never depend on
 * the locale. */
#ifndef TW_SIM_LOG_CELL_H
#define TW_SIM_LOG_CELL_H

#include <glib.h>

/* The most bytes that a number needs: 309 digits of DBL_MAX, sign, point, 9 decimals, and a passing NUL. */
#define TW_CELL_NUMBER_BYTES 321

char *tw_cell_integer(char *to, gint64 value);

/* Always `decimals` of them (0 to 9), as "%.9f"; nothing for NAN, "inf" and "-inf" for infinities. */
char *tw_cell_fixed(char *to, double value, int decimals);

/* Writes a number without trailing zeros and without a bare point; what rounds to zero is "0", without a
 * sign. */
char *tw_cell_short(char *to, double value, int decimals);

/* Bytes of tw_cell_text. */
gsize tw_cell_text_bytes(const char *text);
/* Writes a text as RFC 4180 has it: quoted if it holds a comma, a quote or a line break, its quotes doubled.
 * NULL becomes nothing, as an empty text does. */
char *tw_cell_text(char *to, const char *text);

#endif
