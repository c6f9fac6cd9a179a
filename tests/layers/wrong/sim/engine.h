#include <simgrid/engine.h>
#include "analysis/report.h"
