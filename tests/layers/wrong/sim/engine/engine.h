#include "analysis/report/report.h"
#include "sim/scenario/scenario.h"

#include <simgrid/engine.h>
