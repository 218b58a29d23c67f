// rtp: seven bytes that say how header extensions are renumbered (a nibble for each id 1..14), then any bytes
// as an RTP packet. The header lies within the packet, and a simpler reader finds the same. Extension
// elements lie within the header. Renumbering has the same effect on them as on a list, and changes nothing
// else.
#include "dataplane/wire/rtp.h"

#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::dataplane;
using fuzz::Bytes;
using Span = std::span<const std::uint8_t>;
using Ids = std::array<std::uint8_t, 16>;

struct Element {
  std::size_t begin = 0;  // offset of the element's header in the extension's data
  std::size_t value = 0;
  std::size_t end = 0;
  std::uint8_t id = 0;
};

// The elements up to the first malformed one (RFC 8285 4.2 and 4.3).
std::vector<Element> elements_of(Span data, unsigned profile) {
  const bool one_byte = profile == 0xbede;
  std::vector<Element> elements;
  if (!one_byte && profile / 16 != 0x100) return elements;
  for (std::size_t at = 0; at < data.size();) {
    if (data[at] == 0) {
      ++at;
      continue;
    }
    const std::size_t head = one_byte ? 1 : 2;
    if (at + head > data.size()) break;
    const auto id = static_cast<std::uint8_t>(one_byte ? data[at] / 16 : data[at]);
    const std::size_t length = one_byte ? data[at] % 16 + 1U : data[at + 1];
    if (one_byte && (id == 0 || id == 15)) break;
    if (at + head + length > data.size()) break;
    elements.push_back({at, at + head, at + head + length, id});
    at += head + length;
  }
  return elements;
}

void check_fields(Span packet, const RtpView& view) {
  FUZZ_CHECK(view.ssrc == load_be32(packet.data() + 8) && view.timestamp == load_be32(packet.data() + 4));
  FUZZ_CHECK(view.sequence == packet[2] * 256 + packet[3]);
  FUZZ_CHECK(view.payload_type + (view.marker ? 128 : 0) == packet[1]);
  FUZZ_CHECK(view.padding == ((packet[0] / 32) % 2 == 1));
  std::size_t header = 12 + 4U * (packet[0] % 16U);
  const bool extended = (packet[0] / 16) % 2 == 1;
  if (extended) {
    FUZZ_CHECK(view.extension_profile == load_be16(packet.data() + header));
    FUZZ_CHECK(view.extension_length == 4 * load_be16(packet.data() + header + 2));
    FUZZ_CHECK(view.extension_offset == header + 4);
    header += 4U + view.extension_length;
  } else {
    FUZZ_CHECK(view.extension_offset == 0 && view.extension_length == 0 && view.extension_profile == 0);
  }
  FUZZ_CHECK(view.header_length == header && header <= packet.size());
}

// True when the packet is long enough for the header that its bits claim.
bool plain_fits(Span packet) {
  if (packet.size() < 12 || packet[0] / 64 != 2) return false;
  std::size_t header = 12 + 4U * (packet[0] % 16U);
  if ((packet[0] & 0x10) != 0) {
    if (packet.size() < header + 4) return false;
    header += 4 + 4U * load_be16(packet.data() + header + 2);
  }
  return header <= packet.size() && header <= 65535;
}

void check_find(Span packet, const RtpView& view, const std::vector<Element>& elements) {
  for (unsigned id = 0; id < 256; ++id) {
    const Span found = find_extension(packet, view, static_cast<std::uint8_t>(id));
    FUZZ_CHECK(fuzz::is_inside(found, packet));
    const auto wanted = std::find_if(elements.begin(), elements.end(),
                                     [&](const Element& e) { return e.id == id && e.value != e.end; });
    FUZZ_CHECK(found.empty() == (wanted == elements.end()));
    if (found.empty()) continue;
    FUZZ_CHECK(found.data() == packet.data() + view.extension_offset + wanted->value);
    FUZZ_CHECK(found.size() == wanted->end - wanted->value);
  }
}

void check_map(Span packet, const RtpView& view, const std::vector<Element>& elements, const Ids& ids) {
  Bytes expected(packet.begin(), packet.end());
  const bool one_byte = view.extension_profile == 0xbede;
  for (const Element& element : elements) {
    const unsigned to = element.id < ids.size() ? ids[element.id] : 0U;
    std::uint8_t* head = expected.data() + view.extension_offset + element.begin;
    if (to == 0)
      std::fill_n(head, element.end - element.begin, std::uint8_t{0});
    else
      *head = static_cast<std::uint8_t>(one_byte ? to * 16 + *head % 16U : to);
  }
  Bytes mapped(packet.begin(), packet.end());
  map_extensions(std::span(mapped).first(view.header_length), view, ids);
  FUZZ_CHECK(mapped == expected);

  // The header has the same length, and a reader finds each element under its new id.
  RtpView again;
  FUZZ_CHECK(parse_rtp(mapped, again));
  FUZZ_CHECK(again.header_length == view.header_length && again.extension_length == view.extension_length);
  const auto kept =
      elements_of(Span(mapped).subspan(view.extension_offset, view.extension_length), view.extension_profile);
  std::size_t count = 0;
  for (const Element& element : elements) {
    if (element.id >= ids.size() || ids[element.id] == 0) continue;
    FUZZ_CHECK(count < kept.size() && kept[count].id == ids[element.id] &&
               kept[count].value == element.value);
    ++count;
  }
}

void check_padding(Span packet, const RtpView& view) {
  const std::size_t payload = packet.size() - view.header_length;
  const bool fits = !view.padding || (payload > 0 && packet.back() > 0 && packet.back() <= payload);
  FUZZ_CHECK(padding_fits(packet, view) == fits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Ids ids{};
  for (std::size_t id = 1; id < 15; id += 2) {
    const unsigned both = input.u8();
    ids[id] = static_cast<std::uint8_t>(both / 16 % 15);
    ids[id + 1] = static_cast<std::uint8_t>(both % 16 % 15);
  }
  const Bytes packet = input.take(size);
  RtpView view;
  const bool fits = parse_rtp(packet, view);
  FUZZ_CHECK(fits == plain_fits(packet));
  if (!fits) return 0;
  check_fields(packet, view);
  check_padding(packet, view);
  const auto elements =
      elements_of(Span(packet).subspan(view.extension_offset, view.extension_length), view.extension_profile);
  check_find(packet, view, elements);
  check_map(packet, view, elements, ids);
  return 0;
}
