#include "sim/log/log_cell.h"

#include <math.h>

static const char digit_pairs[] = "00010203040506070809"
                                  "10111213141516171819"
                                  "20212223242526272829"
                                  "30313233343536373839"
                                  "40414243444546474849"
                                  "50515253545556575859"
                                  "60616263646566676869"
                                  "70717273747576777879"
                                  "80818283848586878889"
                                  "90919293949596979899";

static const guint64 powers_of_ten[] = {1u,
                                        10u,
                                        100u,
                                        1000u,
                                        10000u,
                                        100000u,
                                        1000000u,
                                        10000000u,
                                        100000000u,
                                        1000000000u,
                                        10000000000u,
                                        100000000000u,
                                        1000000000000u,
                                        10000000000000u,
                                        100000000000000u,
                                        1000000000000000u,
                                        10000000000000000u,
                                        100000000000000000u,
                                        1000000000000000000u,
                                        10000000000000000000u};

/* Exactly n digits, leading zeros included. */
static char *write_digits(char *to, guint64 value, int n)
{
  char *end = to + n;
  if (value <= G_MAXUINT32) { /* divides in less */
    guint32 rest = (guint32)value;
    for (; n >= 2; n -= 2) {
      memcpy(to + n - 2, &digit_pairs[2 * (rest % 100)], 2);
      rest /= 100;
    }
    value = rest;
  }
  for (; n >= 2; n -= 2) {
    memcpy(to + n - 2, &digit_pairs[2 * (value % 100)], 2);
    value /= 100;
  }
  if (n == 1)
    *to = (char)('0' + value % 10);
  return end;
}

static int count_digits(guint64 value)
{
  /* log10(2) ≈ 1233 / 4096: right or one too few. */
  int bits = 64 - __builtin_clzll(value | 1);
  int n = bits * 1233 >> 12;
  return n + (value >= powers_of_ten[n]) + (value == 0);
}

static char *write_unsigned(char *to, guint64 value)
{
  return write_digits(to, value, count_digits(value));
}

char *tw_cell_integer(char *to, gint64 value)
{
  guint64 magnitude = (guint64)value;
  if (value < 0) {
    *to++ = '-';
    magnitude = -magnitude;
  }
  return write_unsigned(to, magnitude);
}

/* Splits a value as split_exactly does, where doubles suffice to see how it is rounded: FALSE where it is too
 * close to the middle of two decimals. They err by 10^9 · 2^-53 units of the last decimal at most. */
static gboolean split_quickly(double value, int decimals, guint64 *whole, guint64 *fraction)
{
  double magnitude = fabs(value);
  gint64 units = (gint64)powers_of_ten[decimals], before = (gint64)magnitude; /* signed ones convert faster */
  double scaled = (magnitude - (double)before) * (double)units;
  gint64 behind = (gint64)scaled;
  double rest = scaled - (double)behind;
  if (fabs(rest - 0.5) < 1e-6)
    return FALSE;
  behind += rest > 0.5;
  gboolean carry = behind == units;
  *whole = (guint64)(before + carry);
  *fraction = carry ? 0 : (guint64)behind;
  return TRUE;
}

/* |value| = whole + fraction / 10^decimals, correctly rounded; of values that split_quickly leaves, which lie near the
 * middle of two decimals: from 2^-32 to 2^52. */
static void split_exactly(double value, int decimals, guint64 *whole, guint64 *fraction)
{
  guint64 bits;
  memcpy(&bits, &value, sizeof bits);
  int exponent = (int)(bits >> 52 & 0x7ff);
  guint64 mantissa = (bits & ((G_GUINT64_CONSTANT(1) << 52) - 1)) | (G_GUINT64_CONSTANT(1) << 52);
  int shift = 1075 - exponent; /* value = mantissa / 2^shift */
  g_assert(shift > 0 && shift <= 84);
  *whole = shift < 53 ? mantissa >> shift : 0;
  guint64 rest = shift < 53 ? mantissa & ((G_GUINT64_CONSTANT(1) << shift) - 1) : mantissa;
  unsigned __int128 scaled = (unsigned __int128)rest * powers_of_ten[decimals];
  unsigned __int128 half = (unsigned __int128)1 << (shift - 1);
  unsigned __int128 below = scaled & (2 * half - 1);
  *fraction = (guint64)(scaled >> shift);
  /* The last digit printed decides a tie: that of the fraction, or of the whole where there are no decimals.
   */
  guint64 last = decimals > 0 ? *fraction : *whole;
  if (below > half || (below == half && (last & 1)))
    (*fraction)++;
  if (*fraction == powers_of_ten[decimals]) {
    *fraction = 0;
    (*whole)++;
  }
}

static char *write_number(char *to, double value, int decimals, gboolean trim)
{
  guint64 whole, fraction;

  if (value == 0 && trim) { /* many cells are */
    *to = '0';
    return to + 1;
  }
  if (G_UNLIKELY(!(fabs(value) < 0x1p63))) { /* whole, huge and rare; or not a number */
    if (isnan(value))
      return to;
    if (isinf(value))
      return g_stpcpy(to, value < 0 ? "-inf" : "inf");
    char format[] = "%.9f";
    format[2] = (char)('0' + (trim ? 0 : decimals));
    g_ascii_formatd(to, TW_CELL_NUMBER_BYTES, format, value);
    return to + strlen(to);
  }
  if (G_UNLIKELY(!split_quickly(value, decimals, &whole, &fraction)))
    split_exactly(value, decimals, &whole, &fraction);
  if (signbit(value) && (!trim || whole > 0 || fraction > 0))
    *to++ = '-';
  if (whole < 10) /* of shares and short times */
    *to++ = (char)('0' + whole);
  else
    to = write_unsigned(to, whole);
  if (decimals == 0 || (trim && fraction == 0))
    return to;
  *to++ = '.';
  to = write_digits(to, fraction, decimals);
  while (trim && to[-1] == '0')
    to--;
  return to;
}

char *tw_cell_fixed(char *to, double value, int decimals)
{
  return write_number(to, value, decimals, FALSE);
}

char *tw_cell_short(char *to, double value, int decimals)
{
  return write_number(to, value, decimals, TRUE);
}

static gboolean asks_for_quotes(char c)
{
  return c == ',' || c == '"' || c == '\n' || c == '\r';
}

/* Numbers are none, whatever their sign. */
static gboolean is_formula(const char *text)
{
  char *end;
  if (*text == '\0' || strchr("=+-@\t\r", *text) == NULL)
    return FALSE;
  double number = g_ascii_strtod(text, &end);
  return end == text || *end != '\0' || !isfinite(number);
}

gboolean tw_cell_is_guarded(const char *text)
{
  return is_formula(text + strspn(text, "'"));
}

gsize tw_cell_text_bytes(const char *text)
{
  if (text == NULL)
    return 0;
  gsize n = 0, quotes = 0;
  gboolean quoted = FALSE;
  for (; text[n] != '\0'; n++) {
    quotes += text[n] == '"';
    quoted |= asks_for_quotes(text[n]);
  }
  return n + (tw_cell_is_guarded(text) ? 1 : 0) + (quoted ? 2 + quotes : 0);
}

static char *write_quoted(char *to, const char *text)
{
  *to++ = '"';
  if (tw_cell_is_guarded(text))
    *to++ = '\'';
  for (; *text != '\0'; text++) {
    if (*text == '"')
      *to++ = '"';
    *to++ = *text;
  }
  *to++ = '"';
  return to;
}

char *tw_cell_text(char *to, const char *text)
{
  char *end = to;
  if (text == NULL)
    return to;
  if (tw_cell_is_guarded(text))
    *end++ = '\'';
  for (const char *c = text; *c != '\0'; c++) {
    if (asks_for_quotes(*c))
      return write_quoted(to, text);
    *end++ = *c;
  }
  return end;
}
