#include "analysis/explain/words.h"

#include <math.h>
#include <stdlib.h>

enum { DIGITS = 3, MOST_PARTS = 16 };

/* With three digits, and no exponent. */
static char *digits(double value)
{
  double size = fabs(value);
  int decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
  char *text = g_strdup_printf("%.*f", decimals, value);
  if (strchr(text, '.') == NULL)
    return text;
  gsize n = strlen(text);
  while (text[n - 1] == '0')
    n--;
  text[text[n - 1] == '.' ? n - 1 : n] = '\0';
  return text;
}

static char *with_unit(double value, const char *unit)
{
  g_autofree char *number = digits(value);
  return g_strdup_printf("%s %s", number, unit);
}

char *tw_words_duration(double seconds)
{
  double size = fabs(seconds);
  if (isnan(seconds))
    return g_strdup("unknown");
  if (size > 0 && size < 0.9995e-3)
    return with_unit(seconds * 1e6, "µs");
  if (size > 0 && size < 0.9995)
    return with_unit(seconds * 1e3, "ms");
  if (size < 120)
    return with_unit(seconds, "s");
  if (size < 3600)
    return with_unit(seconds / 60, "min");
  return with_unit(seconds / 3600, "h");
}

char *tw_words_share(double share)
{
  double percent = share * 100;
  if (share > 0.995 && share < 1)
    return g_strdup_printf("%.2f %%", floor(percent * 100) / 100); /* all but all */
  return g_strdup_printf(percent != 0 && percent < 9.95 ? "%.1f %%" : "%.0f %%", percent);
}

char *tw_words_met(double share)
{
  double percent = share > 0.985 && share < 1 ? floor(share * 1e4 + 1e-6) / 100 : share * 100;
  return g_strdup_printf("%.4g %%", percent);
}

char *tw_words_amount(double value)
{
  double whole = round(value);
  if (isnan(value))
    return g_strdup("no");
  if (fabs(whole) >= 1e6)
    return fabs(value) >= 999.5e6 ? with_unit(value / 1e9, "billion") : with_unit(value / 1e6, "million");
  if (fabs(whole) < 1000)
    return digits(value);
  return g_strdup_printf("%d,%03d", (int)whole / 1000, abs((int)whole) % 1000);
}

char *tw_words_count(double n, const char *noun)
{
  g_autofree char *amount = tw_words_amount(n);
  return g_strdup_printf("%s %s%s", amount, noun, n == 1 ? "" : "s");
}

static int largest_first(gconstpointer a, gconstpointer b)
{
  const tw_part *x = a, *y = b;
  return (x->amount < y->amount) - (x->amount > y->amount);
}

static char *join(const tw_part *parts, guint n, double least, char *(*say)(double amount), double scale)
{
  tw_part sorted[MOST_PARTS];
  double sum = 0;
  g_assert(n <= MOST_PARTS);
  for (guint i = 0; i < n; i++) {
    sorted[i] = parts[i];
    sum += parts[i].amount;
  }
  qsort(sorted, n, sizeof *sorted, largest_first);
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < n && sorted[i].amount > 0 && sorted[i].amount >= least * sum; i++) {
    g_autofree char *amount = say(sorted[i].amount * scale);
    g_string_append_printf(text, "%s%s %s", i > 0 ? ", " : "", amount, sorted[i].name);
  }
  return g_string_free(text, FALSE);
}

char *tw_words_parts(const tw_part *parts, guint n, double least, char *(*say)(double amount))
{
  return join(parts, n, least, say, 1);
}

char *tw_words_shares(const tw_part *parts, guint n, double least)
{
  double sum = 0;
  for (guint i = 0; i < n; i++)
    sum += parts[i].amount;
  return join(parts, n, least, tw_words_share, sum > 0 ? 1 / sum : 0);
}
