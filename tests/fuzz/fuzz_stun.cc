// stun: any bytes as a STUN message. Attributes lie within the datagram, and a simpler reader finds the same.
// The typed readers accept only values of the right length. The message means the same after the writer has
// written it again. Its integrity and fingerprint are then right, and wrong after any byte is changed.
#include "controlplane/protocol/ice/stun.h"

#include "controlplane/protocol/ice/ice_lite.h"
#include "dataplane/wire/frame.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::control;
using fuzz::Bytes;
using Span = std::span<const std::uint8_t>;

constexpr std::string_view kPassword = "VOkJxbRl1RmTxUk/WvJxBt";  // of RFC 5769
constexpr unsigned kIntegrity = 0x0008;
constexpr unsigned kFingerprint = 0x8028;

struct Attribute {
  std::uint16_t type = 0;
  Span value;
};

// The attributes that are valid: those up to MESSAGE-INTEGRITY, and FINGERPRINT. nullopt when their lengths
// do not add up.
std::optional<std::vector<Attribute>> plain_attributes(Span datagram) {
  std::vector<Attribute> attributes;
  bool covered = true;
  Span rest = datagram.subspan(20);
  while (!rest.empty()) {
    if (rest.size() < 4) return std::nullopt;
    const auto type = static_cast<std::uint16_t>(rest[0] * 256 + rest[1]);
    const std::size_t length = rest[2] * 256U + rest[3];
    const std::size_t whole = 4 + (length + 3) / 4 * 4;
    if (whole > rest.size() || attributes.size() == kStunMaxAttributes) return std::nullopt;
    if (type == kFingerprint && whole != rest.size()) return std::nullopt;
    if (covered || type == kFingerprint) attributes.push_back({type, rest.subspan(4, length)});
    if (type == kIntegrity) covered = false;
    rest = rest.subspan(whole);
  }
  return attributes;
}

bool plain_header(Span datagram) {
  return datagram.size() >= 20 && datagram.size() <= kStunMaxBytes && datagram[0] < 64 &&
         datagram.size() % 4 == 0 && datagram[2] * 256U + datagram[3] == datagram.size() - 20 &&
         dataplane::load_be32(datagram.data() + 4) == 0x2112a442;
}

void check_found(const StunView& view, Span datagram, const std::vector<Attribute>& attributes) {
  for (const Attribute& attribute : attributes) {
    const auto found = view.find(static_cast<StunAttribute>(attribute.type));
    FUZZ_CHECK(found && fuzz::is_inside(*found, datagram));
    const auto first = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const Attribute& other) { return other.type == attribute.type; });
    FUZZ_CHECK(found->data() == first->value.data() && found->size() == first->value.size());
  }
  for (const std::uint16_t type : view.unknown_required()) {
    FUZZ_CHECK(type < 0x8000 && view.has(static_cast<StunAttribute>(type)));
    FUZZ_CHECK(std::count(view.unknown_required().begin(), view.unknown_required().end(), type) == 1);
  }
  FUZZ_CHECK(view.unknown_required().size() <= kStunMaxUnknown);
}

std::size_t length_of(const StunView& view, StunAttribute type) {
  return view.has(type) ? view.find(type)->size() : ~std::size_t{0};
}

void check_typed(const StunView& view, Span datagram) {
  FUZZ_CHECK(view.priority().has_value() == (length_of(view, StunAttribute::kPriority) == 4));
  FUZZ_CHECK(view.ice_controlling().has_value() == (length_of(view, StunAttribute::kIceControlling) == 8));
  FUZZ_CHECK(view.ice_controlled().has_value() == (length_of(view, StunAttribute::kIceControlled) == 8));
  FUZZ_CHECK(view.software().has_value() == view.has(StunAttribute::kSoftware));
  if (const auto name = view.username())
    FUZZ_CHECK(!name->empty() && name->size() <= 508 && fuzz::is_inside(fuzz::as_bytes(*name), datagram));
  if (const auto error = view.error_code())
    FUZZ_CHECK(error->code >= 300 && error->code <= 699 &&
               fuzz::is_inside(fuzz::as_bytes(error->reason), datagram));
  const auto ufrag = peek_username_ufrag(datagram);
  FUZZ_CHECK(!ufrag || (kIceUfrag.fits(*ufrag) && view.username()->starts_with(*ufrag + ":")));
}

// Writes the message again, with new values of MESSAGE-INTEGRITY and FINGERPRINT.
Bytes written_again(const StunView& view, const std::vector<Attribute>& attributes) {
  StunWriter writer(view.message_class(), view.method(), view.transaction_id());
  for (const Attribute& attribute : attributes)
    if (attribute.type != kIntegrity && attribute.type != kFingerprint)
      writer.add(static_cast<StunAttribute>(attribute.type), attribute.value);
  writer.add_message_integrity(kPassword);
  writer.add_fingerprint();
  return writer.take();
}

void check_written(const StunView& view, Span datagram, const std::vector<Attribute>& attributes) {
  Bytes written = written_again(view, attributes);
  const auto again = StunView::parse(written);
  if (attributes.size() + 2 > kStunMaxAttributes || written.size() > kStunMaxBytes) return;
  FUZZ_CHECK(again.has_value());
  FUZZ_CHECK(again->message_class() == view.message_class() && again->method() == view.method());
  FUZZ_CHECK(again->transaction_id() == view.transaction_id());
  FUZZ_CHECK(again->integrity_ok(kPassword) && again->fingerprint_ok());
  FUZZ_CHECK(!again->integrity_ok("another password"));
  for (const Attribute& attribute : attributes) {
    if (attribute.type == kIntegrity || attribute.type == kFingerprint) continue;
    const auto found = again->find(static_cast<StunAttribute>(attribute.type));
    const auto before = view.find(static_cast<StunAttribute>(attribute.type));
    FUZZ_CHECK(found && std::equal(found->begin(), found->end(), before->begin(), before->end()));
  }
  FUZZ_CHECK(again->xor_mapped_address() == view.xor_mapped_address());

  // The input chooses the byte to change, in front of MESSAGE-INTEGRITY (24 bytes) and FINGERPRINT (8).
  std::size_t at = 0;
  for (const std::uint8_t byte : datagram) at = at * 31 + byte;
  written[at % (written.size() - 32)] ^= static_cast<std::uint8_t>(1U << at % 8);
  const auto forged = StunView::parse(written);
  FUZZ_CHECK(!forged || (!forged->integrity_ok(kPassword) && !forged->fingerprint_ok()));
}

void check_address(const StunView& view) {
  const auto address = view.xor_mapped_address();
  if (!address) return;
  StunWriter writer(StunClass::kResponse, kStunBinding, view.transaction_id());
  writer.add_xor_mapped_address(*address);
  const auto again = StunView::parse(writer.bytes());
  FUZZ_CHECK(again && again->xor_mapped_address() == address);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Span datagram(data, size);
  const auto view = StunView::parse(datagram);
  if (!plain_header(datagram)) {
    FUZZ_CHECK(!view);
    return 0;
  }
  const auto attributes = plain_attributes(datagram);
  FUZZ_CHECK(view.has_value() == attributes.has_value());
  if (!view) return 0;
  FUZZ_CHECK(view->size() == size);
  check_found(*view, datagram, *attributes);
  check_typed(*view, datagram);
  check_address(*view);
  check_written(*view, datagram, *attributes);
  return 0;
}
