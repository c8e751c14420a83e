#include "pprof/decode.h"

#include <protozero/exception.hpp>

#include "pprof/decode/decoder.h"

namespace heapwatch::pprof {

tl::expected<Profile, DecodeError> decode_proto(std::string_view bytes, bool consume) {
  using Kind = DecodeError::Kind;
  if (bytes.empty()) {
    return tl::unexpected(DecodeError{Kind::broken_profile, "empty input file"});
  }
  const auto not_a_profile = [](const char* message) {
    return tl::unexpected(DecodeError{Kind::not_a_profile, message});
  };
  try {
    return decode::Decoder(bytes, consume).run();
  } catch (const decode::Failure& failure) {
    return tl::unexpected(failure.error);
  } catch (const protozero::varint_too_long_exception&) {
    return not_a_profile("bad varint");
  } catch (const protozero::end_of_buffer_exception&) {
    return not_a_profile("too much data");
  } catch (const protozero::unknown_pbf_wire_type_exception&) {
    return not_a_profile("a field of a kind that does not exist");
  } catch (const protozero::invalid_tag_exception&) {
    return not_a_profile("a field with a number that does not exist");
  } catch (const protozero::exception& error) {
    return not_a_profile(error.what());
  }
}

}  // namespace heapwatch::pprof
