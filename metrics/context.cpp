#include "metrics/context.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/hash.h"

namespace heapwatch::metrics {

bool Context::same_series(const Context& other) const {
  return this == &other ||
         (hash == other.hash && name == other.name && host == other.host && tags == other.tags);
}

ContextPtr make_context(ContextParts parts) {
  auto context = std::make_shared<Context>();
  context->name = std::move(parts.name);
  context->tags = std::move(parts.tags);
  context->host = std::move(parts.host);
  context->help = std::move(parts.help);
  context->audience = parts.audience;
  std::sort(context->tags.begin(), context->tags.end());
  context->tags.erase(std::unique(context->tags.begin(), context->tags.end()), context->tags.end());
  constexpr std::string_view end_of_part{"\0", 1};
  context->hash = base::fnv1a(end_of_part, base::fnv1a(context->name));
  constexpr std::string_view own_host{"\1", 1};
  context->hash = base::fnv1a(
      end_of_part,
      base::fnv1a(context->host ? std::string_view{*context->host} : own_host, context->hash));
  for (const std::string& tag : context->tags) {
    context->hash = base::fnv1a(end_of_part, base::fnv1a(tag, context->hash));
  }
  return context;
}

}  // namespace heapwatch::metrics
