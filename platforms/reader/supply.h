/* The supply of a site: what power conversion and cooling add to the power of its equipment.
 *
 *     site watts = it_w / efficiency(it_w / psu_w) · PUE(it_w / psu_w, outside temperature)
 *
 * Properties of the site's zone in a platform file:
 *
 *     tw:pue             "1.25": constant
 *     tw:pue_load        "0.25:1.5 1:1.25": a curve over the load instead; straight between its points
 *     tw:pue_per_degree  "0.01 above 18": added for each degree Celsius outside above 18
 *     tw:psu_w           "120000": watts of equipment power at which the power supplies are fully loaded
 *     tw:psu_efficiency  "0.05:0.8864 0.2:0.9448 1:0.9556": a curve over the load
 *     tw:site_power_w    "1000000": watts that the site may draw, conversion and cooling included */
#ifndef TW_PLATFORMS_SUPPLY_H
#define TW_PLATFORMS_SUPPLY_H

#include <glib.h>

enum { TW_CURVE_POINTS = 16 };

/* Straight between its points, constant outside of them. */
typedef struct tw_curve {
  int n; /* 0: none */
  double x[TW_CURVE_POINTS], y[TW_CURVE_POINTS];
} tw_curve;

typedef struct tw_supply {
  tw_curve pue;              /* over the load; one point where it is constant, none where it is unknown */
  double per_degree, free_c; /* PUE for each degree above free_c */
  double psu_w;              /* 0: unknown */
  tw_curve efficiency;       /* none: conversion is not told apart from PUE */
  double site_w;             /* Power that the site may draw; 0: any. */
} tw_supply;

/* Takes one property. Returns FALSE with `why` set to what is wrong and what would be right, which the caller
 * frees; TRUE, too, for names that are not of a supply. */
gboolean tw_supply_set(tw_supply *supply, const char *name, const char *text, char **why);
/* Checks what was set together: likewise. */
gboolean tw_supply_check(const tw_supply *supply, char **why);
/* The names of the properties, NULL-terminated. */
extern const char *const tw_supply_properties[];

double tw_curve_at(const tw_curve *curve, double x);
/* Watts that the site draws for `it_w` watts of equipment, at `outside_c` degrees Celsius. */
double tw_supply_site_w(const tw_supply *supply, double it_w, double outside_c);

#endif
