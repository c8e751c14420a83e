#include "config/masks.h"

#include <gmock/gmock.h>

namespace heapwatch::config {
namespace {

Value secret(std::string text, std::string handle) {
  Value value = Value::scalar(std::move(text));
  value.secret_handle = std::move(handle);
  return value;
}

std::string shown(std::string text, const Value& value) {
  return masked(std::move(text), masks_of({&value}));
}

TEST(Masks, ASecretIsReplacedWhereverItIs) {
  const Value value = secret("hunter22", "h");
  EXPECT_EQ(shown("a hunter22, hunter22hunter22 and hunter2", value),
            "a ENC[h], ENC[h]ENC[h] and hunter2");
  EXPECT_EQ(shown("", value), "");
  EXPECT_EQ(shown("hunter22", Value::scalar("hunter22")), "hunter22");
}

TEST(Masks, ShortTextsAreNotLookedFor) {
  EXPECT_EQ(shown("5432", secret("5432", "h")), "5432");
}

TEST(Masks, PartsOfAnAddressThatAreShownByThemselvesAreMasked) {
  const Value value = secret("http://user:pass-word@host:1/to-ken/vars?key=se-cret", "u");
  for (const char* const said :
       {"http://user:pass-word@host:1/to-ken/vars?key=se-cret",
        "http://host:1/to-ken/vars?key=se-cret", "http://host:1/to-ken/vars",
        "http://user:pass-word@host:1/to-ken/vars"}) {
    EXPECT_EQ(shown(std::string("GET ") + said + ": refused", value), "GET ENC[u]: refused")
        << said;
  }
  EXPECT_EQ(shown("/to-ken/vars?key=se-cret to host:1", value), "ENC[u] to host:1");
  EXPECT_EQ(shown("path /to-ken/vars query key=se-cret", value), "path ENC[u] query ENC[u]");
  EXPECT_EQ(shown("password pass-word", value), "password ENC[u]");
}

TEST(Masks, AnAddressWithoutAPathHasNoOtherParts) {
  EXPECT_EQ(shown("http://host:1 and /", secret("http://host:1", "u")), "ENC[u] and /");
  EXPECT_EQ(shown("http://host:1/ and /", secret("http://host:1/", "u")), "ENC[u] and /");
  EXPECT_EQ(shown("?", secret("http://host?", "u")), "?");
}

TEST(Masks, SecretsAreFoundAnywhereInAValueAndLongerOnesFirst) {
  Value value;
  value.kind = Value::Kind::map;
  value.members.push_back({.key = "short", .value = secret("secret", "s")});
  Value list;
  list.kind = Value::Kind::list;
  list.items.push_back(secret("secret and more", "l"));
  value.members.push_back({.key = "list", .value = list});
  EXPECT_EQ(shown("secret and more secret", value), "ENC[l] ENC[s]");
}

}  // namespace
}  // namespace heapwatch::config
