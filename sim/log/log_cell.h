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

/* Whether a spreadsheet could take a text for a formula: it begins with = + - @ or a tab, and is no number.
 * Such a text is written behind an apostrophe, which makes spreadsheets take it as it is; so is one that has
 * apostrophes before, so that a reader finds the text by taking one apostrophe off wherever what follows is
 * such a text. */
gboolean tw_cell_is_guarded(const char *text);

/* Bytes of tw_cell_text. */
gsize tw_cell_text_bytes(const char *text);
/* Writes a text as RFC 4180 has it: quoted if it holds a comma, a quote or a line break, its quotes doubled; nothing
 * for NULL. An empty text and NULL are told apart by nobody. The text stands behind an apostrophe if
 * tw_cell_is_guarded. */
char *tw_cell_text(char *to, const char *text);

#endif
