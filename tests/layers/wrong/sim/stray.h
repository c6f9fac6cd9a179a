#include "sim/base/heap.h"
