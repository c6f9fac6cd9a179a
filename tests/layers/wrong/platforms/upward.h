#include "workloads/request.h"
