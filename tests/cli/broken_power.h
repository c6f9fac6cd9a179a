/* Scenarios whose caps, grids, prices and weather are broken: the sound one with one thing in it replaced. */
#ifndef TW_TESTS_CLI_BROKEN_POWER_H
#define TW_TESTS_CLI_BROKEN_POWER_H

#include "tests/cli/broken_cases.h"

static const broken power_cases[] = {
    {.name = "a cap on power that nobody knows",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<power-cap site=\"20kW\"/>\n<output ",
     .message =
         "s.xml:5: power cannot be capped because it is not known: the platform lacks power of the hosts "
         "(tw:overhead_w of a zone), PUE (tw:pue of the site)"},
    {.name = "a cap that acts later than its period",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<power-cap delay=\"2s\"/>\n<output ",
     .message = "s.xml:5: delay must not be more than period; write a longer period or a shorter delay"},
    {.name = "a clock that is slower than the slowest",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<power-cap clock=\"0.2\"/>\n<output ",
     .message = "s.xml:5: clock is below slowest-clock; write slowest-clock=\"0.2\" or less beside it"},
    {.name = "a grid whose periods make no second, and a battery without power",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<grid period=\"30ms\"><battery capacity=\"1MJ\" power=\"0W\"/></grid>\n<output ",
     .message = "s.xml:5: period: no whole number of 0.03 s makes a second; write 10ms, 20ms, 50ms or 100ms\n"
                "s.xml:5: power of <battery>: \"0W\" is out of range; write a power above zero and up to "
                "1000GW, such as 700W"},
    {.name = "smoothing of nothing",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<grid><smoothing/></grid>\n<output ",
     .message =
         "s.xml:5: <smoothing> smooths nothing; give it floor=\"...\", ramp-up=\"...\" or ramp-down=\"...\""},
    {.name = "smoothing without jobs, on a site whose power is not known",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<grid><smoothing floor=\"0.5\"/></grid>\n<output ",
     .message =
         "s.xml:5: the scenario has no <job> whose accelerators could be smoothed; add one, or leave it out\n"
         "s.xml:5: what the grid sees is not known: the platform lacks power of the hosts (tw:overhead_w of "
         "a zone), "
         "PUE (tw:pue of the site)"},
    {.name = "a cap on nothing",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<power-cap/>\n<output ",
     .message =
         "s.xml:5: <power-cap> caps nothing; give it accelerator=\"...\", rack=\"...\", site=\"...\" or "
         "clock=\"...\""},
    {.name = "a price beyond belief, and carbon without a number",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<price usd-per-kwh=\"-1001\"/><carbon/>\n<output ",
     .message =
         "s.xml:5: usd-per-kwh of <price>: \"-1001\" is out of range; write a number from -1000 to 1000\n"
         "s.xml:5: give <carbon> either g-per-kwh=\"...\" or file=\"...\""},
};

#endif
