// A snapshot on its way to an exporter.
#pragma once

namespace heapwatch::exporters {

/// Publishes a large snapshot in slices, so that whoever publishes can do something else between
/// two of them, also publish snapshots of other instances. Readers see all of it or nothing.
///
/// Threads and ownership: as Exporter::publish(); the snapshot stays as it is until the last slice.
/// One that is destroyed before that has its instance forgotten, or published anew.
class Publication {
 public:
  Publication() = default;
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;
  virtual ~Publication() = default;

  /// Goes on for less than a millisecond as a rule; false when that was the last slice.
  virtual bool advance() = 0;
};

}  // namespace heapwatch::exporters
