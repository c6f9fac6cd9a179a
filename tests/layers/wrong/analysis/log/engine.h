#include "sim/engine/engine.h"
#include "sim/log/log_format.h"

struct tw_twice {
  double again;
};
