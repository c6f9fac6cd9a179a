/* The differences between the versions of SimGrid that we build with. */
#ifndef TW_SIM_SIMGRID_COMPAT_H
#define TW_SIM_SIMGRID_COMPAT_H

/* version.h uses what base.h defines, and does not include it. */
/* clang-format off */
#include <xbt/base.h>
#include <simgrid/version.h>
/* clang-format on */

/* The setting below which two events count as simultaneous. */
#if SIMGRID_VERSION_MAJOR >= 4
#define TW_SIMGRID_PRECISION "precision/timing"
#else
#define TW_SIMGRID_PRECISION "surf/precision"
#endif

#endif
