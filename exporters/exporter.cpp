#include "exporters/exporter.h"
