/* Quantities with units: "2s", "50ms", "80GB", "3.35TB/s", "700W".
 *
 * A quantity is a decimal number, optional blanks, and a unit of the dimension that is asked for; a bare
 * number is an error, because a reader of the file could not tell seconds from milliseconds. Prefixes k M G T
 * P are powers of 1000, Ki Mi Gi Ti of 1024. Byte rates are written "GB/s" or, as SimGrid does, "GBps"; bit
 * rates "Gbit/s" or "Gbps" (8 bits a byte). Values are returned in the base unit: seconds, bytes, bytes/s,
 * FLOP/s, watts, joules, 1/s, US dollars, grams. */
#ifndef TW_PLATFORMS_UNITS_H
#define TW_PLATFORMS_UNITS_H

#include <glib.h>

typedef enum {
  TW_TIME,      /* ns us ms s min h d (m is refused: minutes or metres?) */
  TW_BYTES,     /* B kB MB GB TB KiB MiB GiB TiB */
  TW_BANDWIDTH, /* B/s ... TB/s, Bps ... TBps, bit/s ... Tbit/s, bps ... Tbps, with decimal or binary prefixes
                 */
  TW_FLOP_RATE, /* FLOP/s ... PFLOP/s, FLOPS ... PFLOPS, and SimGrid's f ... Pf */
  TW_POWER,     /* mW W kW MW GW */
  TW_ENERGY,    /* J kJ MJ GJ Wh kWh MWh */
  TW_RATE,      /* /s /min /h */
  TW_DIMENSIONS
} tw_dimension;

/* Reads `text` into `value`. On failure returns FALSE and, if `why` is not NULL, sets it to a sentence that
 * says what is wrong and what would be right (the caller frees it). Numbers that are not finite are refused;
 * the sign is the caller's to judge. */
gboolean tw_quantity_parse(const char *text, tw_dimension dimension, double *value, char **why);

/* Reads a plain decimal number without a unit: the whole text, finite. */
gboolean tw_number_parse(const char *text, double *value);
gboolean tw_integer_parse(const char *text, gint64 *value);

/* The shortest text with a unit that reads well: 1.5e-3, TW_TIME gives "1.5ms". The caller frees it. */
char *tw_quantity_format(double value, tw_dimension dimension);

/* "a time, such as 50ms": for messages and generated documentation. */
const char *tw_dimension_help(tw_dimension dimension);
/* A regular expression of XML Schema that matches what tw_quantity_parse reads. The caller frees it. */
char *tw_dimension_pattern(tw_dimension dimension);

#endif
