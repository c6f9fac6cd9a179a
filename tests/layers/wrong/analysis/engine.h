#include "sim/log_format.h"
#include "sim/engine.h"
