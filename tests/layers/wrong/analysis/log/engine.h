#include "sim/engine/engine.h"
#include "sim/log/log_format.h"
