#include "analysis/report/report.h"
#include "sim/scenario/scenario.h"

#include <simgrid/engine.h>

typedef struct tw_twice {
  int once;
} tw_twice;
