#include "platforms/input/units.h"
#include "platforms/reader/platform.h"
