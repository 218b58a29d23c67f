// rtcp: any bytes as an RTCP compound. The walk returns adjacent packets up to the end, each within the
// compound. A simpler reader finds the same CNAME. Each packet of a type that sluice writes means the same
// after its writer has written it again.
#include "dataplane/wire/rtcp.h"

#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::dataplane;
using fuzz::Bytes;
using Span = std::span<const std::uint8_t>;

bool is(const RtcpItem& item, RtcpType type) {
  return item.type == static_cast<std::uint8_t>(type);
}

bool equal(Span a, Span b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// The sound packets at the beginning, with their headers.
std::vector<Span> plain_split(Span compound) {
  std::vector<Span> packets;
  for (std::size_t at = 0; at + 4 <= compound.size();) {
    const Span rest = compound.subspan(at);
    const std::size_t length = 4U + 4U * (rest[2] * 256U + rest[3]);
    if (rest[0] / 64 != 2 || rest[1] < 192 || rest[1] > 223 || length > rest.size()) break;
    const bool padded = (rest[0] & 0x20) != 0;
    const std::size_t padding = padded ? rest[length - 1] : 0;
    if (padded && (length != rest.size() || padding == 0 || padding + 4 > length)) break;
    if (packets.empty() && length < 8) break;
    packets.push_back(rest.first(length));
    at += length;
  }
  return packets;
}

// Reads SDES chunk by chunk (RFC 3550 6.5).
Span plain_cname(const RtcpItem& item, std::uint32_t ssrc) {
  std::size_t at = 0;
  for (unsigned chunk = 0; chunk < item.count; ++chunk) {
    if (item.body.size() < at + 4) return {};
    const bool wanted = load_be32(item.body.data() + at) == ssrc;
    for (at += 4; at < item.body.size() && item.body[at] != 0;) {
      if (at + 1 >= item.body.size()) return {};
      const std::size_t length = item.body[at + 1];
      if (at + 2 + length > item.body.size()) return {};
      if (wanted && item.body[at] == 1) return item.body.subspan(at + 2, length);
      at += 2 + length;
    }
    do ++at;
    while (at % 4 != 0);
  }
  return {};
}

// The packet that `write` puts into a writer.
template <typename Write>
RtcpItem read_back(Bytes& buffer, Write write) {
  RtcpWriter writer(buffer);
  FUZZ_CHECK(write(writer));
  FUZZ_CHECK(writer.length() <= buffer.size());
  const Span written = Span(buffer).first(writer.length());
  FUZZ_CHECK(sound_rtcp_length(written) == written.size());
  RtcpItem item;
  RtcpWalk walk(written);
  FUZZ_CHECK(walk.next(item));
  FUZZ_CHECK(item.body.size() + 4 == written.size());
  RtcpItem second;
  FUZZ_CHECK(!walk.next(second));
  return item;
}

void check_report(const RtcpItem& item) {
  const bool sender = is(item, RtcpType::kSenderReport);
  const std::size_t info = sender ? kSenderInfoLength : 0;
  const std::size_t blocks = item.count * kReportBlockLength;
  if (item.body.size() < 4 + info + blocks) return;
  const Span report = item.body.first(4 + info + blocks);
  Bytes buffer(4 + report.size());
  const RtcpItem again = read_back(buffer, [&](RtcpWriter& writer) {
    return writer.report(load_be32(report.data()), report.subspan(4, info), report.subspan(4 + info));
  });
  FUZZ_CHECK(again.type == item.type && again.count == item.count && equal(again.body, report));
  Bytes too_small(buffer.size() - 1);
  RtcpWriter writer(too_small);
  FUZZ_CHECK(!writer.report(0, report.subspan(4, info), report.subspan(4 + info)) && writer.length() == 0);
}

void check_feedback(const RtcpItem& item) {
  if (item.body.size() < 8 || item.body.size() % 4 != 0) return;
  Bytes buffer(4 + item.body.size());
  const RtcpItem again = read_back(buffer, [&](RtcpWriter& writer) {
    return writer.feedback(static_cast<RtcpType>(item.type), item.count, load_be32(item.body.data()),
                           load_be32(item.body.data() + 4), item.body.subspan(8));
  });
  FUZZ_CHECK(again.type == item.type && again.count == item.count && equal(again.body, item.body));
}

void check_source_description(const RtcpItem& item, Span compound) {
  // The SSRCs that chunks begin with, and others.
  for (std::size_t at = 0; at + 4 <= item.body.size() && at < 512; at += 4) {
    const std::uint32_t ssrc = load_be32(item.body.data() + at);
    const Span name = find_cname(item, ssrc);
    FUZZ_CHECK(fuzz::is_inside(name, compound));
    FUZZ_CHECK(equal(name, plain_cname(item, ssrc)));
    if (name.empty()) continue;
    Bytes buffer(4 + 4 + 2 + name.size() + 4);
    const RtcpItem again = read_back(buffer, [&](RtcpWriter& writer) { return writer.cname(ssrc, name); });
    FUZZ_CHECK(is(again, RtcpType::kSourceDescription) && again.count == 1);
    FUZZ_CHECK(equal(find_cname(again, ssrc), name));
    FUZZ_CHECK(find_cname(again, ssrc + 1).empty());
  }
}

void check_bye(const RtcpItem& item) {
  if (item.body.size() < 4) return;
  Bytes buffer(8);
  const RtcpItem again =
      read_back(buffer, [&](RtcpWriter& writer) { return writer.bye(load_be32(item.body.data())); });
  FUZZ_CHECK(is(again, RtcpType::kBye) && again.count == 1 && equal(again.body, item.body.first(4)));
}

void check_item(const RtcpItem& item, Span compound) {
  if (is(item, RtcpType::kSenderReport) || is(item, RtcpType::kReceiverReport)) check_report(item);
  if (is(item, RtcpType::kSourceDescription)) check_source_description(item, compound);
  if (is(item, RtcpType::kBye)) check_bye(item);
  if (is(item, RtcpType::kTransportFeedback) || is(item, RtcpType::kPayloadFeedback)) check_feedback(item);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Span whole(data, size);
  const auto packets = plain_split(whole);
  std::size_t sound = 0;
  for (const Span packet : packets) sound += packet.size();
  FUZZ_CHECK(sound_rtcp_length(whole) == sound);
  const Span compound = whole.first(sound);
  RtcpWalk walk(compound);
  RtcpItem item;
  for (const Span packet : packets) {
    FUZZ_CHECK(walk.next(item));
    FUZZ_CHECK(item.type == packet[1] && item.count == packet[0] % 32);
    FUZZ_CHECK(fuzz::is_inside(item.body, packet.subspan(4)));
    const std::size_t padding = (packet[0] & 0x20) != 0 ? packet.back() : 0;
    FUZZ_CHECK(4 + item.body.size() + padding == packet.size());
    check_item(item, compound);
  }
  FUZZ_CHECK(!walk.next(item));
  return 0;
}
