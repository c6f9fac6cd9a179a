/* Every test program includes this: cmocka with the headers it needs before it, and checks of doubles. */
#ifndef TW_TESTS_CHECK_H
#define TW_TESTS_CHECK_H

/* cmocka.h needs the others before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <math.h>

/* |a - b| <= tolerance, in double precision (cmocka's own check is in single). */
#define assert_near(a, b, tolerance) assert_near_at(a, b, tolerance, #a, __FILE__, __LINE__)

static inline void assert_near_at(double a, double b, double tolerance, const char *what, const char *file,
                                  int line)
{
  if (fabs(a - b) <= tolerance || a == b)
    return;
  print_error("%s = %.17g, expected %.17g within %g\n", what, a, b, tolerance);
  _fail(file, line);
}

#endif
