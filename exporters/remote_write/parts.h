// What remote write has from the folder of all that is pushed, by the names it has here.
#pragma once

#include "exporters/push/answer.h"
#include "exporters/push/batch.h"
#include "exporters/push/figures.h"
#include "exporters/push/own_rows.h"

namespace heapwatch::exporters::remote_write {

using push::Answer;
using push::Batch;
using push::Figures;
using push::message_bytes_max;
using push::Outcome;
using push::OwnRow;
using push::Spoken;
using push::Version;

}  // namespace heapwatch::exporters::remote_write
