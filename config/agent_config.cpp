#include "config/agent_config.h"
