#include "workloads/stream/stream.h"
