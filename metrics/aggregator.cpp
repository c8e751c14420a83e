#include "metrics/aggregator.h"
