#include "metrics/aggregates.h"
