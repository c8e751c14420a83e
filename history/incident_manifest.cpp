// What heapwatch.json of an incident file says, held against its limits.
#include "history/incident_manifest.h"

#include <utility>

#include "base/json_document.h"
#include "base/utf8.h"
#include "history/incident.h"
#include "history/incident_parts.h"

namespace heapwatch::history {

namespace {

using base::JsonValue;

constexpr std::size_t manifest_profiles_max = 20'000;
constexpr std::size_t manifest_events_max = 20'000;
/// A byte that is no UTF-8 is three in JSON.
constexpr std::size_t replaced_max = 3;

/// Members of an object that must be there and be right; remembers what is not.
class Members {
 public:
  Members(const JsonValue& object, std::string of) : object_(object), of_(std::move(of)) {}

  std::string text(const char* key, std::size_t bytes_max = incident_text_max) {
    const JsonValue* const value = base::json_member(object_, key);
    if (value == nullptr || !value->IsString() || value->GetStringLength() > bytes_max) {
      wrong(std::string(key) + " must be a text of at most " + std::to_string(bytes_max) +
            " bytes");
      return {};
    }
    return {value->GetString(), value->GetStringLength()};
  }
  std::int64_t number(const char* key, std::int64_t most = incident_time_max) {
    const JsonValue* const value = base::json_member(object_, key);
    if (value == nullptr || !value->IsInt64() || value->GetInt64() < 0 ||
        value->GetInt64() > most) {
      wrong(std::string(key) + " must be a whole number from 0 to " + std::to_string(most));
      return 0;
    }
    return value->GetInt64();
  }
  std::optional<std::int64_t> number_or_none(const char* key) {
    return base::json_member(object_, key) == nullptr ? std::nullopt : std::optional(number(key));
  }

  [[nodiscard]] base::Result<void> done() const {
    if (!error_.empty()) {
      return base::fail(base::ErrorKind::invalid, of_ + ": " + error_);
    }
    return {};
  }

 private:
  void wrong(std::string what) {
    if (error_.empty()) {
      error_ = std::move(what);
    }
  }

  const JsonValue& object_;
  std::string of_;
  std::string error_;
};

/// The objects of a list, or that there are too many.
base::Result<std::vector<const JsonValue*>> list_of(const JsonValue& document, const char* key,
                                                    std::size_t most) {
  std::vector<const JsonValue*> all = base::json_objects(document, key);
  if (all.size() > most) {
    return base::fail(base::ErrorKind::limit,
                      std::string(key) + " has " + std::to_string(all.size()) +
                          " entries, and at most " + std::to_string(most) + " are taken");
  }
  return all;
}

base::Result<void> read_lives(const JsonValue& document, Manifest& manifest) {
  const auto all = list_of(document, "lives", incident_lives_max);
  if (!all) {
    return tl::unexpected(all.error());
  }
  for (const JsonValue* const one : *all) {
    Members members(*one, "a life");
    Life life{.id = members.number("number"),
              .info = {.identity = members.text("identity"),
                       .kind = members.text("kind"),
                       .service = members.text("service"),
                       .name = members.text("name"),
                       .pid = members.number("pid"),
                       .started = members.number("started")},
              .first = members.number("first"),
              .last = members.number("last"),
              .ended = members.number_or_none("ended"),
              .how = members.text("how")};
    if (base::Result<void> done = members.done(); !done) {
      return done;
    }
    if (life.info.identity.empty() || life.first < 1 || life.last < life.first) {
      return base::fail(base::ErrorKind::invalid,
                        "a life has no identity, or ends before it begins");
    }
    const std::int64_t number = life.id;
    manifest.lives.emplace(number, ImportedLife{.life = std::move(life)});
  }
  return {};
}

base::Result<void> read_series(const JsonValue& document, Manifest& manifest) {
  const JsonValue* const all = base::json_member(document, "series");
  if (all == nullptr || !all->IsArray() || all->Size() > incident_series_max) {
    return base::fail(base::ErrorKind::invalid, "series must be a list of at most " +
                                                    std::to_string(incident_series_max) + " names");
  }
  for (const JsonValue& name : all->GetArray()) {
    if (!name.IsString() || name.GetStringLength() == 0 ||
        name.GetStringLength() > replaced_max * series_name_max) {
      return base::fail(base::ErrorKind::invalid,
                        "the name of a series must be a text of 1 to " +
                            std::to_string(replaced_max * series_name_max) + " bytes");
    }
    manifest.series.emplace_back(base::whole_characters(
        std::string_view(name.GetString(), name.GetStringLength()), series_name_max));
  }
  return {};
}

base::Result<void> read_profiles(const JsonValue& document, Manifest& manifest) {
  const auto all = list_of(document, "profiles", manifest_profiles_max);
  if (!all) {
    return tl::unexpected(all.error());
  }
  for (const JsonValue* const one : *all) {
    Members members(*one, "a profile");
    ImportedProfile profile{.life = members.number("life"),
                            .time = members.number("time"),
                            .kind = members.text("kind"),
                            .cause = members.text("cause")};
    std::string file = members.text("file");
    if (base::Result<void> done = members.done(); !done) {
      return done;
    }
    manifest.profiles.emplace(std::move(file), std::move(profile));
  }
  return {};
}

base::Result<void> read_events(const JsonValue& document, Manifest& manifest) {
  const auto all = list_of(document, "events", manifest_events_max);
  if (!all) {
    return tl::unexpected(all.error());
  }
  for (const JsonValue* const one : *all) {
    Members members(*one, "an event");
    Event event{.life = members.number_or_none("life"),
                .time = members.number("time"),
                .kind = members.text("kind"),
                .text = members.text("text", replaced_max * event_text_max)};
    if (base::Result<void> done = members.done(); !done) {
      return done;
    }
    manifest.events.push_back(std::move(event));
  }
  return {};
}

}  // namespace

base::Result<Manifest> read_manifest(TarReader& tar) {
  const auto first = tar.next();
  if (!first) {
    return tl::unexpected(first.error());
  }
  if (!*first || (*first)->name != incident_manifest) {
    return base::fail(base::ErrorKind::invalid, "it is no incident file: its first file must be " +
                                                    std::string(incident_manifest));
  }
  const base::Result<std::string> text = tar.read(incident_manifest_max);
  if (!text) {
    return tl::unexpected(text.error());
  }
  const auto document = base::parse_json(*text, incident_schema, incident_writer);
  if (!document) {
    return base::fail(document.error().kind,
                      std::string(incident_manifest) + ": " + document.error().message);
  }
  Manifest manifest;
  for (const auto& read : {read_lives, read_series, read_profiles, read_events}) {
    if (const base::Result<void> done = read(*document, manifest); !done) {
      return base::fail(done.error().kind,
                        std::string(incident_manifest) + ": " + done.error().message);
    }
  }
  return manifest;
}

}  // namespace heapwatch::history
