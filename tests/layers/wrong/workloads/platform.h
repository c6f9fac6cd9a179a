#include "platforms/units.h"
#include "platforms/platform.h"
