#include "config/check_config.h"
