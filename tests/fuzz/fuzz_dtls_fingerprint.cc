// dtls_fingerprint: any text as a fingerprint of signalling, "ALGORITHM VALUE". A fingerprint that is
// accepted is printed in a form that reads as the same, in upper and lower case. A refusal has a short
// reason. The handshake can use each fingerprint that the API accepts.
#include "controlplane/protocol/dtls/dtls_fingerprint.h"

#include <string>

#include "controlplane/api/api.h"
#include "controlplane/protocol/dtls/dtls_alert.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using control::DtlsFingerprint;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool api_takes(std::string_view algorithm, std::string_view value) {
  const control::Json params{
      {"session", "s"},
      {"id", "e"},
      {"dtls", {{"fingerprints", {{{"algorithm", algorithm}, {"value", value}}}}}},
  };
  return std::holds_alternative<control::Request>(control::decode_request("endpoint.connect", params));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_text({data, size});
  const std::size_t space = std::min(text.find(' '), text.size());
  const std::string_view algorithm = text.substr(0, space);
  const std::string_view value = text.substr(std::min(space + 1, text.size()));

  std::string error;
  const auto fingerprint = DtlsFingerprint::parse(algorithm, value, error);
  FUZZ_CHECK(fingerprint.has_value() == error.empty());
  FUZZ_CHECK(error.size() < 256);
  if (fingerprint) {
    std::string lower_case(value);
    std::transform(lower_case.begin(), lower_case.end(), lower_case.begin(), lower);
    const auto info = std::find_if(control::kFingerprintHashes.begin(), control::kFingerprintHashes.end(),
                                   [&](const auto& one) { return one.hash == fingerprint->hash; });
    FUZZ_CHECK(info != control::kFingerprintHashes.end());
    const std::string_view name = info->name;
    FUZZ_CHECK(DtlsFingerprint::parse(name, fingerprint->value(), error) == *fingerprint);
    FUZZ_CHECK(DtlsFingerprint::parse(name, lower_case, error) == *fingerprint);
    FUZZ_CHECK(fingerprint->value().size() == value.size());
  }
  if (api_takes(algorithm, value)) FUZZ_CHECK(fingerprint.has_value());
  for (const std::uint8_t byte : std::span(data, size)) FUZZ_CHECK(!control::dtls_alert_name(byte).empty());
  return 0;
}
