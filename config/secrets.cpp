#include "config/secrets.h"
