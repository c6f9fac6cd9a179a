/* A CSV table of measurements that is read row by row, with the first fault kept. */
#ifndef TW_TESTS_VALIDATION_TABLE_H
#define TW_TESTS_VALIDATION_TABLE_H

#include "workloads/input/csv.h"

typedef struct table {
  tw_input *input;
  tw_csv *csv;
  GError **error;
  gboolean may_be_empty; /* a number's cell; else that is a fault */
  gboolean good;
} table;

gboolean table_open(table *t, const char *path, const tw_csv_column *columns, gboolean may_be_empty,
                    GError **error);
gboolean table_next(table *t);
/* Whether there was no fault. */
gboolean table_close(table *t);

/* NAN where the cell is empty, or at a fault. */
double table_number(table *t, int column);
/* The same; 0 and less are a fault too. */
double table_above_zero(table *t, int column);

#endif
