/* Values as the report's page reads them: JSON, with long columns of numbers packed. */
#ifndef TW_ANALYSIS_REPORT_JSON_H
#define TW_ANALYSIS_REPORT_JSON_H

#include <glib.h>
#include <jansson.h>

/* Base64 of little-endian 32-bit floats: 5.3 bytes a number, whatever its digits. The caller owns it. */
json_t *tw_report_floats(const double *values, gsize n);
/* A text of a table or file; bytes that are not UTF-8 are replaced. The caller owns it. */
json_t *tw_report_text(const char *text);
/* Sets object[name] to the number, unless it is NAN. */
void tw_report_set_number(json_t *object, const char *name, double value);
/* object[name], NAN if it is no number. */
double tw_report_number(const json_t *object, const char *name);

#endif
