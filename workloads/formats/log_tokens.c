/* Counts of tokens as logs write them. */
#include "platforms/input/units.h"
#include "workloads/formats/log.h"

/* Takes marks out that part a number into groups of three digits, "1,234,567". Without effect where groups are others. */
static void join_thousands(char *number, char mark)
{
  const char *c = strchr(number, mark);
  if (c == NULL || c == number)
    return;
  for (; *c == mark; c += 4)
    if (!g_ascii_isdigit(c[1]) || !g_ascii_isdigit(c[2]) || !g_ascii_isdigit(c[3]) ||
        (c[4] != mark && c[4] != '\0' && c[4] != '.' && c[4] != ','))
      return;
  char *to = number;
  for (c = number; *c != '\0'; c++)
    if (*c != mark)
      *to++ = *c;
  *to = '\0';
}

gboolean tw_log_tokens_parse(const char *text, char delimiter, gint32 *tokens)
{
  g_auto(GStrv) narrow = g_strsplit(text, "\xe2\x80\xaf", -1); /* narrow and plain blanks that do not break */
  g_autofree char *joined = g_strjoinv(" ", narrow);
  g_auto(GStrv) plain = g_strsplit(joined, "\xc2\xa0", -1);
  g_autofree char *number = g_strjoinv(" ", plain);
  double value;
  join_thousands(number, ',');
  join_thousands(number, ' ');
  join_thousands(number, '\'');
  if (delimiter == ';')
    join_thousands(number, '.');
  char *comma = strchr(number, ',');
  if (comma != NULL && delimiter != ',')
    *comma = '.';
  if (!tw_number_parse(number, &value) || floor(value) != value || value < 0 || value > TW_REQUEST_MAX_TOKENS)
    return FALSE;
  *tokens = (gint32)value;
  return TRUE;
}
