// base64: a text that decodes is the only encoding of its bytes, so encoding them gives the same text. A
// result that does not fit is refused. Any bytes are the same after encoding and decoding.
#include "controlplane/base/base64.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  const std::span<const std::uint8_t> input(data, size);

  fuzz::Bytes decoded(size);
  if (const auto length = control::base64_decode(fuzz::as_text(input), decoded)) {
    FUZZ_CHECK(*length <= size / 4 * 3);
    decoded.resize(*length);
    FUZZ_CHECK(control::base64_encode(decoded) == fuzz::as_text(input));
    fuzz::Bytes exact(*length);
    FUZZ_CHECK(control::base64_decode(fuzz::as_text(input), exact) == length);
    FUZZ_CHECK(exact == decoded);
    if (*length > 0) {
      fuzz::Bytes short_by_one(*length - 1);
      FUZZ_CHECK(!control::base64_decode(fuzz::as_text(input), short_by_one));
    }
  }

  const std::string text = control::base64_encode(input);
  FUZZ_CHECK(text.size() == (size + 2) / 3 * 4);
  fuzz::Bytes back(size);
  FUZZ_CHECK(control::base64_decode(text, back) == size);
  FUZZ_CHECK(std::equal(back.begin(), back.end(), input.begin(), input.end()));
  return 0;
}
