/* Availability over time: what the profiles of SimGrid say, with their loops, and files that are none. */
#include "platforms/reader/platform.h"
#include "tests/program.h"

#define PLATFORM                                                                                             \
  "<?xml version=\"1.0\"?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"                \
  "<platform version=\"4.1\"><zone id=\"site\" routing=\"Full\">\n"                                          \
  "<host id=\"a\" speed=\"1Gf\" %s=\"a.profile\"/></zone></platform>\n"

static tw_platform *load(void **state, const char *attribute, const char *profile, tw_faults *faults)
{
  g_autofree char *text = g_strdup_printf(PLATFORM, attribute);
  g_autofree char *path = g_build_filename(*state, "p.xml", NULL);
  given_file(state, "p.xml", text);
  given_file(state, "a.profile", profile);
  return tw_platform_load(path, faults);
}

/* The first dips, written as "from-to:left". What comes after the last line, and what a loop brings, is by hand. */
static void dips_are_those_of_the_lines_and_their_loops(void **state)
{
  static const struct {
    const char *attribute, *profile, *dips;
  } cases[] = {
      {"state_file", "10 0\n20 1\n", "10-20:0 "},
      {"state_file", "# off for ever\n\n10 0", "10-inf:0 "},
      {"state_file", "0 1\n10 0\n15 0\n20 3\n", "10-20:0 "},
      {"state_file", "1 -1.0\n2 1.0\nLOOPAFTER 10\n", "1-2:0 13-14:0 25-26:0 "},
      {"state_file", "10 0\n10 1\n", ""},
      {"state_file", "0 1\n", ""},
      /* The file begins anew at 25, 50 and so on. */
      {"state_file", "10 0\n20 1\nLOOPAFTER 5\n", "10-20:0 35-45:0 60-70:0 "},
      /* At 15 and 30; its last state lasts until its first line comes again. */
      {"state_file", "PERIODICITY 5\n0 1\n10 0\n", "10-15:0 25-30:0 40-45:0 "},
      {"state_file", "2 0\nLOOPAFTER 5\n", "2-inf:0 "},
      {"state_file", "2 1\nLOOPAFTER 5\n", ""},
      {"speed_file", "1 0.5\n2 0.25\n4 1\n", "1-2:0.5 2-4:0.25 "},
      {"speed_file", "% a day\n1 0.5\n2 1.0\nLOOPAFTER 1", "1-2:0.5 4-5:0.5 7-8:0.5 "},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autoptr(tw_platform) platform = load(state, cases[i].attribute, cases[i].profile, faults);
    assert_non_null(platform);
    const tw_availability *a = &g_array_index(platform->profiles, tw_availability, 0);
    g_autoptr(GString) dips = g_string_new(NULL);
    tw_availability_place place = {0};
    tw_availability_dip dip;
    for (int k = 0; k < 3 && tw_availability_next(a, &place, &dip); k++)
      g_string_append_printf(dips, "%g-%g:%g ", dip.start_s, dip.end_s, dip.left);
    assert_string_equal(dips->str, cases[i].dips);
  }
}

static void files_that_are_no_profiles_are_told_with_their_lines(void **state)
{
  static const struct {
    const char *attribute, *profile, *fault;
  } cases[] = {
      {"state_file", "10 0\n5 1\n", "a.profile:2: \"5\" is no time in seconds from 10 on"},
      {"state_file", "x 0\n", "a.profile:1: \"x\" is no time in seconds from 0 on"},
      {"state_file", "-1 0\n", "a.profile:1: \"-1\" is no time"},
      {"state_file", "1 off\n", "a.profile:1: \"off\" is no state; write 0 for off or 1 for on"},
      {"state_file", "1 0 2\n", "a.profile:1: \"1 0 2\" is not a time and a value"},
      {"state_file", "1 0\nLOOPAFTER soon\n", "a.profile:2: LOOPAFTER \"soon\" is no time"},
      {"state_file", "0 0\nLOOPAFTER 0\n", "begins anew without end at one instant"},
      {"state_file", "# nothing\n", "says nothing"},
      {"speed_file", "1 0\n", "a.profile:1: \"0\" is no speed"},
      {"speed_file", "1 1.5\n", "a.profile:1: \"1.5\" is no speed; write a part of the full one"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(tw_faults) faults = tw_faults_new();
    assert_null(load(state, cases[i].attribute, cases[i].profile, faults));
    assert_int_equal(tw_faults_count(faults), 1);
    if (strstr(tw_faults_get(faults, 0), cases[i].fault) == NULL)
      fail_msg("%s", tw_faults_get(faults, 0));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dips_are_those_of_the_lines_and_their_loops),
      cmocka_unit_test(files_that_are_no_profiles_are_told_with_their_lines),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
