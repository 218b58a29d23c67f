// stages_bench: what the packet stages cost a worker, in TSC cycles per packet: classify to transmit, without
// a NIC. Packets are sealed by libsrtp2 beforehand and each is delivered once, in batches of 64 over as many
// sessions. Only the worker's turn is timed; the port's far end is a ring that is emptied between turns.
//
//   stages_bench [packets per case, default 65536]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "tests/dataplane/harness.h"

namespace sluice::dataplane::test {
namespace {

constexpr std::size_t kSessions = 64;

struct Case {
  const char* name;
  EndpointKind from, to;
  crypto::SrtpProfile profile;
  std::size_t payload;
  std::size_t fanout;
};

void run(const Case& c, std::size_t packets) {
  Harness plane;
  PeerOptions from_options;
  from_options.kind = c.from;
  from_options.profile = c.profile;
  PeerOptions to_options = from_options;
  to_options.kind = c.to;
  std::vector<Peer> from;
  std::vector<std::unique_ptr<Oracle>> senders;
  const std::size_t sessions = c.fanout == 1 ? kSessions : 4;
  std::uint32_t ssrc = 1;
  for (std::size_t i = 0; i < sessions; ++i) {
    from.push_back(plane.add_peer(from_options));
    senders.push_back(std::make_unique<Oracle>(from.back().to_sluice, false));
    RouteOptions route;
    const std::uint32_t source = plane.add_source(from.back(), route);
    for (std::size_t k = 0; k < c.fanout; ++k) {
      route.ssrc = ssrc++;
      plane.add_route(source, plane.add_peer(to_options), route);
    }
  }
  std::vector<double> cycles;
  const std::size_t batch = c.fanout == 1 ? kBatch : sessions;
  for (std::uint16_t n = 1; cycles.size() * batch * c.fanout < packets; ++n) {
    std::vector<Bytes> frames;
    for (std::size_t i = 0; i < batch; ++i) {
      RtpOptions rtp;
      rtp.sequence = n;
      rtp.size = c.payload;
      const Bytes plain = make_rtp(rtp);
      frames.push_back(
          plane.frame_from(from[i], c.from == EndpointKind::kRtp ? plain : senders[i]->protect(plain)));
    }
    const std::uint64_t spent = plane.deliver_timed(frames);
    const std::size_t out = plane.drain();
    if (out != batch * c.fanout) {
      fmt::print(stderr, "{}: {} packets came out of {}\n", c.name, out, batch * c.fanout);
      std::exit(1);
    }
    cycles.push_back(static_cast<double>(spent) / static_cast<double>(out));
  }
  std::sort(cycles.begin(), cycles.end());
  fmt::print("{:<34} {:>6} {:>7} {:>10.0f} {:>10.0f}\n", c.name, c.payload, c.fanout,
             cycles[cycles.size() / 2], cycles[cycles.size() / 10]);
}

}  // namespace

int main_of(int argc, char** argv) {
  const std::size_t packets = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 65536;
  using enum EndpointKind;
  using enum crypto::SrtpProfile;
  const Case cases[] = {
      {"rtp -> rtp", kRtp, kRtp, kAeadAes128Gcm, 160, 1},
      {"srtp -> srtp AES_CM_128_80", kSdes, kSdes, kAesCm128HmacSha1_80, 60, 1},
      {"srtp -> srtp AES_CM_128_80", kSdes, kSdes, kAesCm128HmacSha1_80, 160, 1},
      {"srtp -> srtp AEAD_AES_128_GCM", kSdes, kSdes, kAeadAes128Gcm, 160, 1},
      {"rtp -> srtp AES_CM_128_80", kRtp, kSdes, kAesCm128HmacSha1_80, 60, 1},
      {"srtp -> srtp fan-out GCM", kSdes, kSdes, kAeadAes128Gcm, 1200, 50},
      {"srtp -> srtp fan-out AES_CM_128_80", kSdes, kSdes, kAesCm128HmacSha1_80, 1200, 50},
  };
  fmt::print("{:<34} {:>6} {:>7} {:>10} {:>10}\n", "cycles per packet out", "bytes", "fan-out", "median",
             "best 10 %");
  for (const Case& c : cases) run(c, packets);
  return 0;
}

}  // namespace sluice::dataplane::test

int main(int argc, char** argv) {
  return sluice::dataplane::test::main_of(argc, argv);
}
