#include "config/section.h"
