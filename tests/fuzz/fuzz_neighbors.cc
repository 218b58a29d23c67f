// neighbors: a script of frames from the link, look-ups and passing time, for one port. Every frame is
// counted once. Each frame that the port sends is well-formed, and the length of an answer is bounded by that
// of the request. A MAC is learnt only from the answer to a request. The table is bounded. Each frame also
// goes through the parsers and writers alone: the parser reads back each answer that a writer makes.
//
// A step is one byte for the kind, then its operands. A fuzzer cannot guess checksums and our MAC: bits of
// the step say whether this target writes them into the frame.
#include "controlplane/protocol/neighbor/neighbors.h"

#include <memory>
#include <set>

#include "controlplane/protocol/neighbor/icmp_echo.h"
#include "controlplane/protocol/neighbor/packet_too_big.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::control;
using config::IpAddress;
using dataplane::Frame;
using dataplane::MacAddress;
using fuzz::Bytes;
using Span = std::span<const std::uint8_t>;

constexpr std::uint16_t kPort = 3;
constexpr MacAddress kOurs{2, 0, 0, 0, 0, 1};
constexpr std::size_t kShortestFrame = 60;

NeighborPort link(bool tagged) {
  NeighborPort port;
  port.index = kPort;
  port.mac = kOurs;
  port.addresses = {*config::IpPrefix::parse("198.18.0.1/24"), *config::IpPrefix::parse("2001:db8::1/64")};
  port.gateway = *IpAddress::parse("198.18.0.254");
  port.gateway6 = *IpAddress::parse("fe80::fe");
  port.vlan = tagged ? 5 : 0;
  return port;
}

// ---- frames with right checksums

void mend_icmp(Bytes& frame, const Frame& layers) {
  std::uint8_t* message = frame.data() + layers.l4_offset;
  const Span whole(message, layers.l4_length);
  if (whole.size() < 4) return;
  dataplane::store_be16(message + 2, 0);
  const std::uint16_t sum = layers.ip_version == 6
                                ? icmpv6_checksum(dataplane::source_ip(frame, layers),
                                                  dataplane::destination_ip(frame, layers), whole)
                                : dataplane::checksum_finish(dataplane::checksum_add(whole));
  dataplane::store_be16(message + 2, sum);
}

void mend(Bytes& frame) {
  Frame layers;
  if (dataplane::parse_frame(frame, layers, true) || layers.ip_version == 0) return;
  if (layers.ip_version == 4) {
    std::uint8_t* ip = frame.data() + layers.l3_offset;
    dataplane::store_be16(ip + 10, 0);
    const Span header(ip, static_cast<std::size_t>(layers.l4_offset - layers.l3_offset));
    dataplane::store_be16(ip + 10, dataplane::checksum_finish(dataplane::checksum_add(header)));
  }
  const bool icmp = layers.ip_protocol == (layers.ip_version == 6 ? 58 : 1);
  if (icmp) mend_icmp(frame, layers);
}

// ---- the parsers and writers alone

void check_arp(const NeighborPort& port, Span payload) {
  const auto packet = ArpPacket::parse(payload);
  if (!packet) return;
  FUZZ_CHECK(is_unicast_mac(packet->sender_mac) && !packet->sender_ip.is_v6() && !packet->target_ip.is_v6());
  const Bytes reply = make_arp_reply(port, packet->target_ip, *packet);
  Frame layers;
  FUZZ_CHECK(!dataplane::parse_frame(reply, layers) && layers.ether_type == dataplane::kEtherTypeArp);
  const auto again = ArpPacket::parse(Span(reply).subspan(layers.l3_offset, layers.l3_length));
  FUZZ_CHECK(again && again->operation == ArpOperation::kReply);
  FUZZ_CHECK(again->sender_mac == port.mac && again->sender_ip == packet->target_ip);
  FUZZ_CHECK(again->target_mac == packet->sender_mac && again->target_ip == packet->sender_ip);
}

void check_nd(const NeighborPort& port, Span frame, const Frame& layers) {
  const auto message = NdMessage::parse(frame, layers);
  if (!message) return;
  FUZZ_CHECK(!message->target.is_multicast() && !message->target.is_unspecified());
  FUZZ_CHECK(!message->link_layer || is_unicast_mac(*message->link_layer));
  FUZZ_CHECK(!message->solicitation || (!message->solicited && !message->override));
  const IpAddress to_ip = message->source.is_unspecified() ? all_nodes() : message->source;
  const Bytes answer = make_advertisement(port, message->target, to_ip, kBroadcastMac);
  Frame again_layers;
  FUZZ_CHECK(!dataplane::parse_frame(answer, again_layers));
  const auto again = NdMessage::parse(answer, again_layers);
  FUZZ_CHECK(again && !again->solicitation && again->override);
  FUZZ_CHECK(again->solicited == !to_ip.is_multicast());
  FUZZ_CHECK(again->target == message->target && again->destination == to_ip &&
             again->link_layer == port.mac);
}

void check_echo(const NeighborPort& port, Span frame, const Frame& layers) {
  const Bytes reply = make_echo_reply(port, frame, layers);
  if (reply.empty()) return;
  Frame again;
  FUZZ_CHECK(!dataplane::parse_frame(reply, again));
  FUZZ_CHECK(again.ip_version == layers.ip_version && again.ip_protocol == layers.ip_protocol);
  FUZZ_CHECK(again.l4_length == layers.l4_length);
  FUZZ_CHECK(dataplane::source_ip(reply, again) == dataplane::destination_ip(frame, layers));
  FUZZ_CHECK(dataplane::destination_ip(reply, again) == dataplane::source_ip(frame, layers));
  const Span asked = frame.subspan(layers.l4_offset + 4U, layers.l4_length - 4U);
  const Span answered = Span(reply).subspan(again.l4_offset + 4U, again.l4_length - 4U);
  FUZZ_CHECK(std::equal(asked.begin(), asked.end(), answered.begin(), answered.end()));
  FUZZ_CHECK(make_echo_reply(port, reply, again).empty());  // no reply to a reply
}

// A second, simple reader: the quoted head lies behind 8 bytes of ICMP, and says where the datagram went.
void check_too_big(Span frame, const Frame& layers) {
  const auto message = PacketTooBig::parse(frame, layers);
  if (!message) return;
  const bool v6 = layers.ip_version == 6;
  FUZZ_CHECK(PacketTooBig::is_one(frame, layers) && make_echo_reply(link(false), frame, layers).empty());
  FUZZ_CHECK(message->mtu >= (v6 ? kLeastMtu6 : kLeastMtu4));
  const std::size_t size = v6 ? 16 : 4;
  const std::size_t head = layers.l4_offset + 8U;
  const std::size_t addresses = head + (v6 ? 8 : 12);
  FUZZ_CHECK(addresses + 2 * size + 8 <= std::size_t{layers.l4_offset} + layers.l4_length);
  FUZZ_CHECK(message->local.ip == IpAddress::from_bytes(frame.subspan(addresses, size)));
  FUZZ_CHECK(message->remote.ip == IpAddress::from_bytes(frame.subspan(addresses + size, size)));
  const std::uint8_t* udp = frame.data() + addresses + 2 * size;
  FUZZ_CHECK(message->local.port == (udp[0] << 8 | udp[1]) && message->remote.port == (udp[2] << 8 | udp[3]));
}

void check_formats(const NeighborPort& port, Span frame) {
  Frame layers;
  if (dataplane::parse_frame(frame, layers)) return;
  check_arp(port, frame.subspan(layers.l3_offset, layers.l3_length));
  if (layers.ip_version == 6 && layers.ip_protocol == dataplane::kIpProtoIcmpv6) {
    check_nd(port, frame, layers);
    check_echo(port, frame, layers);
    check_too_big(frame, layers);
  }
  if (layers.ip_version == 4 && layers.ip_protocol == dataplane::kIpProtoIcmp) {
    check_echo(port, frame, layers);
    check_too_big(frame, layers);
  }
}

// ---- Neighbors as a whole

enum Step : std::uint8_t { kFrame, kTime, kResolve, kAnswer, kSteps };

class Link {
 public:
  explicit Link(bool tagged) : port_(link(tagged)) {
    neighbors_.start(now_);
    sent_ = 0;
  }

  void step(fuzz::Input& input) {
    const std::uint8_t what = input.u8();
    switch (what % kSteps) {
      case kFrame:
        return frame(input.piece(), what);
      case kTime:
        return pass(input.u16());
      case kResolve:
        return resolve(input, (what & 8) != 0);
      case kAnswer:
        return answer(input.u8());
    }
  }

 private:
  void frame(Bytes bytes, std::uint8_t flags) {
    if ((flags & 16) != 0 && bytes.size() >= 6) std::copy(kOurs.begin(), kOurs.end(), bytes.begin());
    if ((flags & 32) != 0) mend(bytes);
    deliver(bytes);
  }

  void deliver(const Bytes& bytes) {
    check_formats(port_, bytes);
    const std::uint64_t before = counted();
    const std::size_t size = neighbors_.table().size();
    sent_ = 0;
    longest_ = 0;
    const std::uint64_t learned = neighbors_.counters().learned;
    neighbors_.on_frame(kPort, bytes, now_);
    if (neighbors_.counters().learned != learned) FUZZ_CHECK(open_questions_.erase(told_by(bytes)) == 1);
    FUZZ_CHECK(counted() == before + 1);
    FUZZ_CHECK(neighbors_.table().size() == size);  // a frame adds no entry
    FUZZ_CHECK(sent_ <= 2);  // an answer, and a poll of the station whose address another station claims
    FUZZ_CHECK(longest_ <= std::max(bytes.size() + 32, std::size_t{86 + 4}));
  }

  // The address whose MAC the answer contains. REQUIRES: an answer that was accepted.
  static IpAddress told_by(Span bytes) {
    Frame layers;
    FUZZ_CHECK(!dataplane::parse_frame(bytes, layers));
    if (layers.ip_version == 6) return NdMessage::parse(bytes, layers)->target;
    return ArpPacket::parse(bytes.subspan(layers.l3_offset, layers.l3_length))->sender_ip;
  }

  std::uint64_t counted() const {
    const auto& counters = neighbors_.counters();
    std::uint64_t sum = counters.arp_answered + counters.nd_answered + counters.echo_answered +
                        counters.learned + counters.too_big;
    FUZZ_CHECK(counters.too_big == told_too_big_);
    for (const std::uint64_t dropped : counters.drops) sum += dropped;
    return sum;
  }

  void pass(std::uint16_t by) {
    now_ += std::chrono::milliseconds(by);
    const auto next = neighbors_.tick(now_);
    FUZZ_CHECK(next <= now_ + std::chrono::seconds(1));
  }

  void resolve(fuzz::Input& input, bool v6) {
    Bytes raw = input.take(v6 ? 16 : 4);
    raw.resize(v6 ? 16 : 4);
    const IpAddress destination = IpAddress::from_bytes(raw);
    const auto hop = neighbors_.next_hop(kPort, destination);
    const auto mac = neighbors_.resolve(kPort, destination, now_);
    FUZZ_CHECK(!mac || (hop && is_unicast_mac(*mac) && resolved_.contains(*hop)));
    FUZZ_CHECK(!hop ||
               (!hop->is_multicast() && !hop->is_unspecified() && hop->is_v6() == destination.is_v6()));
    FUZZ_CHECK(neighbors_.table().size() <= kNeighborCapacity);
    FUZZ_CHECK(!neighbors_.resolve(kPort + 1, destination, now_));
  }

  // Delivers an answer to the last request.
  void answer(std::uint8_t station) {
    if (!last_asked_) return;
    NeighborPort other = link(port_.vlan != 0);
    other.mac = {2, 0, 0, 0, 1, station};
    const IpAddress& theirs = *last_asked_;
    if (theirs.is_v6())
      return deliver(make_advertisement(other, theirs, *IpAddress::parse("2001:db8::1"), kOurs));
    ArpPacket question;
    question.sender_mac = kOurs;
    question.sender_ip = IpAddress::v4(198, 18, 0, 1);
    deliver(make_arp_reply(other, theirs, question));
  }

  void on_send(Span bytes) {
    ++sent_;
    longest_ = std::max(longest_, bytes.size());
    Frame layers;
    FUZZ_CHECK(!dataplane::parse_frame(bytes, layers));
    FUZZ_CHECK(layers.vlan == port_.vlan && bytes.size() >= kShortestFrame);
    FUZZ_CHECK(std::equal(kOurs.begin(), kOurs.end(), bytes.begin() + 6));
    if (layers.ether_type == dataplane::kEtherTypeArp) {
      const auto packet = ArpPacket::parse(bytes.subspan(layers.l3_offset, layers.l3_length));
      FUZZ_CHECK(packet && packet->sender_mac == kOurs);
      if (packet->operation == ArpOperation::kRequest && packet->sender_ip != packet->target_ip)
        asked_for(packet->target_ip);
      return;
    }
    FUZZ_CHECK(layers.ip_version == 4 || layers.ip_version == 6);
    if (layers.ip_version != 6) return;
    const Span message = bytes.subspan(layers.l4_offset, layers.l4_length);
    FUZZ_CHECK(icmpv6_checksum(dataplane::source_ip(bytes, layers), dataplane::destination_ip(bytes, layers),
                               message) == 0);
    const auto nd = NdMessage::parse(bytes, layers);
    if (nd && nd->solicitation) asked_for(nd->target);
  }

  void asked_for(const IpAddress& ip) {
    asked_.insert(ip);
    open_questions_.insert(ip);
    last_asked_ = ip;
  }

  NeighborPort port_;
  Neighbors::TimePoint now_{std::chrono::hours(1)};
  std::size_t sent_ = 0;
  std::size_t longest_ = 0;
  std::set<IpAddress> asked_;
  std::set<IpAddress> open_questions_;  // addresses of requests without an answer
  std::set<IpAddress> resolved_;
  std::optional<IpAddress> last_asked_;
  std::uint64_t told_too_big_ = 0;
  Neighbors neighbors_{{port_},
                       {[this](std::uint16_t port, Span bytes) {
                          FUZZ_CHECK(port == kPort);
                          on_send(bytes);
                        },
                        [this](std::uint16_t port, const IpAddress& ip, const MacAddress& mac) {
                          FUZZ_CHECK(port == kPort && asked_.contains(ip) && is_unicast_mac(mac));
                          resolved_.insert(ip);
                        },
                        [](std::uint16_t port, const IpAddress& gateway) {
                          FUZZ_CHECK(port == kPort && !gateway.is_unspecified());
                        },
                        [](std::uint16_t port, const IpAddress&, const MacAddress& mac) {
                          FUZZ_CHECK(port == kPort && mac != kOurs);
                        },
                        [this](const PacketTooBig& message, Neighbors::TimePoint now) {
                          ++told_too_big_;
                          FUZZ_CHECK(now == now_);
                          FUZZ_CHECK(message.local.ip == IpAddress::v4(198, 18, 0, 1) ||
                                     message.local.ip == *IpAddress::parse("2001:db8::1") ||
                                     message.local.ip == link_local_of(kOurs));
                        }}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Link under_test(input.u8() % 2 != 0);
  for (int steps = 0; steps < 100 && !input.empty(); ++steps) under_test.step(input);
  return 0;
}
