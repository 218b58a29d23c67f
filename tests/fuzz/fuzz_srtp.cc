// srtp: one byte that says what to do, then a packet. It goes through both engines, and through the first
// engine without our own kernels, with fixed keys of each profile.
//
// As a packet of an attacker: all engines return the same status. A refused packet keeps its header and
// changes no state, so the genuine packet after it opens. As a packet of ours: all engines seal it to the
// same bytes, each opens what another sealed, and all refuse a packet with one changed bit.
#include "crypto/srtp/srtp_engine.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "crypto/ipsec_mb/ipsec_mb_engine.h"
#include "crypto/libsrtp/libsrtp_context.h"
#include "crypto/libsrtp/libsrtp_engine.h"
#include "crypto/srtp/packet_index.h"
#include "crypto/srtp/replay_window.h"
#include "crypto/srtp/srtp_bytes.h"
#include "dataplane/wire/rtp.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::crypto;
using fuzz::Bytes;

constexpr std::size_t kEngines = 3;
constexpr std::size_t kMaxInput = 4096;
constexpr std::size_t kBatchJobs = 20;        // more than the lanes of any engine
constexpr std::uint64_t kHighest = 0x2'fff0;  // near a wrap, so that the estimates have three ROCs

// One engine with the keys of one profile, for both directions.
struct Side {
  SrtpEngine* engine = nullptr;
  SrtpKeys send{};
  SrtpKeys receive{};

  explicit Side(SrtpEngine& of, const MasterKey& master) : engine(&of) {
    FUZZ_CHECK(engine->expand(master, Direction::kSend, send));
    FUZZ_CHECK(engine->expand(master, Direction::kReceive, receive));
  }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  ~Side() {
    engine->release(send);
    engine->release(receive);
  }
};

MasterKey master_of(SrtpProfile profile) {
  const SrtpProfileInfo info = profile_info(profile);
  MasterKey master;
  master.profile = profile;
  Bytes key(info.key_length);
  Bytes salt(info.salt_length);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i * 7 + 1);
  for (std::size_t i = 0; i < salt.size(); ++i) salt[i] = static_cast<std::uint8_t>(i * 5 + 3);
  master.key.assign(key);
  master.salt.assign(salt);
  return master;
}

// The engines are made once: they keep only scratch memory. The state of libsrtp is in the keys, which are
// new for each input.
std::array<std::unique_ptr<SrtpEngine>, kEngines>& engines() {
  static auto made = [] {
    std::string error;
    std::array<std::unique_ptr<SrtpEngine>, kEngines> all{
        LibsrtpEngine::create(error), IpsecMbEngine::create(error), IpsecMbEngine::create(error, false)};
    for (const auto& engine : all) FUZZ_CHECK(engine != nullptr);
    return all;
  }();
  return made;
}

struct Sides {
  explicit Sides(const MasterKey& master)
      : all{std::make_unique<Side>(*engines()[0], master), std::make_unique<Side>(*engines()[1], master),
            std::make_unique<Side>(*engines()[2], master)} {}
  std::array<std::unique_ptr<Side>, kEngines> all;

  std::size_t streams_of_libsrtp() const {
    return static_cast<const LibsrtpContext*>(all[0]->receive.context)->stream_count();
  }
};

struct Outcome {
  SrtpStatus status;
  Bytes packet;
  bool operator==(const Outcome&) const = default;
};

Bytes with_tail_space(const Bytes& packet) {
  Bytes padded = packet;
  padded.resize(packet.size() + kTailBytes);
  return padded;
}

// ---- RTP

struct RtpPacket {
  Bytes bytes;
  dataplane::RtpView view;
  std::uint64_t index = 0;
};

std::optional<RtpPacket> rtp_of(Bytes bytes) {
  RtpPacket packet{std::move(bytes), {}, 0};
  if (!dataplane::parse_rtp(packet.bytes, packet.view)) return std::nullopt;
  packet.index = estimate_packet_index(kHighest, packet.view.sequence);
  return packet;
}

// Opens all packets in one batch. Of those that are refused it returns the headers.
std::vector<Outcome> open_rtp(Side& side, const std::vector<RtpPacket>& packets) {
  std::vector<Bytes> padded;
  std::vector<RtpUnprotectJob> jobs;
  for (const RtpPacket& packet : packets) padded.push_back(with_tail_space(packet.bytes));
  for (std::size_t i = 0; i < packets.size(); ++i) {
    jobs.push_back({.keys = &side.receive,
                    .packet = padded[i].data(),
                    .index = packets[i].index,
                    .ssrc = packets[i].view.ssrc,
                    .header_length = packets[i].view.header_length,
                    .length = static_cast<std::uint16_t>(packets[i].bytes.size()),
                    .status = SrtpStatus::kInternal});
  }
  side.engine->unprotect(jobs);
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    padded[i].resize(jobs[i].status == SrtpStatus::kOk ? jobs[i].length : packets[i].view.header_length);
    outcomes.push_back({jobs[i].status, padded[i]});
  }
  return outcomes;
}

std::vector<Outcome> seal_rtp(Side& side, const std::vector<RtpPacket>& packets) {
  std::vector<Bytes> padded;
  std::vector<RtpProtectJob> jobs;
  for (const RtpPacket& packet : packets) padded.push_back(with_tail_space(packet.bytes));
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const std::uint16_t header = packets[i].view.header_length;
    std::fill(padded[i].begin() + header, padded[i].end(), std::uint8_t{0});
    jobs.push_back({.keys = &side.send,
                    .packet = padded[i].data(),
                    .payload = packets[i].bytes.data() + header,
                    .index = packets[i].index,
                    .ssrc = packets[i].view.ssrc,
                    .header_length = header,
                    .payload_length = static_cast<std::uint16_t>(packets[i].bytes.size() - header),
                    .length = 0,
                    .status = SrtpStatus::kInternal});
  }
  side.engine->protect(jobs);
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    padded[i].resize(jobs[i].status == SrtpStatus::kOk ? jobs[i].length : 0U);
    outcomes.push_back({jobs[i].status, padded[i]});
  }
  return outcomes;
}

RtpPacket sealed_as(const RtpPacket& plain, Bytes sealed) {
  return {std::move(sealed), plain.view, plain.index};
}

void stranger_rtp(Sides& sides, const std::vector<RtpPacket>& packets) {
  const auto first = open_rtp(*sides.all[0], packets);
  ReplayWindow window;
  window.commit(kHighest);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    FUZZ_CHECK(first[i].status != SrtpStatus::kInternal);
    if (first[i].status != SrtpStatus::kOk)
      FUZZ_CHECK(std::equal(first[i].packet.begin(), first[i].packet.end(), packets[i].bytes.begin()));
    if (first[i].status == SrtpStatus::kOk && window.check(packets[i].index) == ReplayVerdict::kFresh)
      window.commit(packets[i].index);
  }
  for (std::size_t engine = 1; engine < kEngines; ++engine)
    FUZZ_CHECK(open_rtp(*sides.all[engine], packets) == first);
  const bool all_refused = std::none_of(
      first.begin(), first.end(), [](const Outcome& outcome) { return outcome.status == SrtpStatus::kOk; });
  if (!all_refused) return;  // the input may be a genuine packet
  FUZZ_CHECK(window.highest() == kHighest && sides.streams_of_libsrtp() == 0);
}

void ours_rtp(Sides& sides, const std::vector<RtpPacket>& packets, std::size_t flip) {
  const auto sealed = seal_rtp(*sides.all[0], packets);
  for (std::size_t engine = 1; engine < kEngines; ++engine)
    FUZZ_CHECK(seal_rtp(*sides.all[engine], packets) == sealed);
  std::vector<RtpPacket> genuine;
  std::vector<RtpPacket> forged;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    FUZZ_CHECK(sealed[i].status == SrtpStatus::kOk);
    genuine.push_back(sealed_as(packets[i], sealed[i].packet));
    forged.push_back(genuine.back());
    // Behind the fixed header, which identifies the stream.
    const std::size_t at = 12 + flip % (forged[i].bytes.size() - 12);
    forged[i].bytes[at] ^= static_cast<std::uint8_t>(1U << flip % 8);
  }
  for (auto& side : sides.all) {
    // The forged packets go first and must not change any state.
    for (const Outcome& outcome : open_rtp(*side, forged))
      FUZZ_CHECK(outcome.status == SrtpStatus::kAuthFailed || outcome.status == SrtpStatus::kMalformed);
    const auto opened = open_rtp(*side, genuine);
    for (std::size_t i = 0; i < packets.size(); ++i)
      FUZZ_CHECK(opened[i].status == SrtpStatus::kOk && opened[i].packet == packets[i].bytes);
  }
}

// ---- RTCP

Outcome open_rtcp(Side& side, const Bytes& packet) {
  Bytes padded = with_tail_space(packet);
  RtcpUnprotectJob job{.keys = &side.receive,
                       .packet = padded.data(),
                       .length = static_cast<std::uint16_t>(packet.size()),
                       .status = SrtpStatus::kInternal};
  side.engine->unprotect_rtcp({&job, 1});
  const std::size_t header = std::min(packet.size(), kRtcpHeaderLength);
  padded.resize(job.status == SrtpStatus::kOk ? job.length : header);
  return {job.status, padded};
}

Outcome seal_rtcp(Side& side, const Bytes& packet, std::uint32_t index) {
  Bytes padded = with_tail_space(packet);
  RtcpProtectJob job{.keys = &side.send,
                     .packet = padded.data(),
                     .index = index,
                     .length = static_cast<std::uint16_t>(packet.size()),
                     .status = SrtpStatus::kInternal};
  side.engine->protect_rtcp({&job, 1});
  padded.resize(job.length);
  return {job.status, padded};
}

void stranger_rtcp(Sides& sides, const Bytes& packet) {
  std::uint32_t index = 0;
  const bool has_index = srtcp_index(sides.all[0]->receive.profile, packet, index);
  const Outcome first = open_rtcp(*sides.all[0], packet);
  FUZZ_CHECK(first.status != SrtpStatus::kInternal && has_index == (first.status != SrtpStatus::kMalformed));
  for (std::size_t engine = 1; engine < kEngines; ++engine)
    FUZZ_CHECK(open_rtcp(*sides.all[engine], packet) == first);
  if (first.status == SrtpStatus::kOk) return;
  FUZZ_CHECK(std::equal(first.packet.begin(), first.packet.end(), packet.begin()));
  FUZZ_CHECK(sides.streams_of_libsrtp() == 0);
}

void ours_rtcp(Sides& sides, const Bytes& packet, std::size_t flip) {
  const auto index = static_cast<std::uint32_t>(1 + flip % kMaxSrtcpIndex);
  const Outcome sealed = seal_rtcp(*sides.all[0], packet, index);
  FUZZ_CHECK(sealed.status == SrtpStatus::kOk);
  for (std::size_t engine = 1; engine < kEngines; ++engine)
    FUZZ_CHECK(seal_rtcp(*sides.all[engine], packet, index) == sealed);
  std::uint32_t carried = 0;
  FUZZ_CHECK(srtcp_index(sides.all[0]->send.profile, sealed.packet, carried) && carried == index);
  Bytes forged = sealed.packet;
  forged[flip % forged.size()] ^= static_cast<std::uint8_t>(1U << flip % 8);
  for (auto& side : sides.all) {
    FUZZ_CHECK(open_rtcp(*side, forged).status == SrtpStatus::kAuthFailed);
    const Outcome opened = open_rtcp(*side, sealed.packet);
    FUZZ_CHECK(opened.status == SrtpStatus::kOk && opened.packet == packet);
  }
}

// The packet. For a batch also prefixes of it with many lengths, each with another sequence number.
std::vector<RtpPacket> batch_of(const RtpPacket& packet, bool many) {
  std::vector<RtpPacket> packets{packet};
  const std::size_t header = packet.view.header_length;
  for (std::size_t i = 1; many && i < kBatchJobs; ++i) {
    Bytes bytes = packet.bytes;
    bytes.resize(header + (bytes.size() - header) * i / kBatchJobs);
    dataplane::store_be16(bytes.data() + 2, static_cast<std::uint16_t>(packet.view.sequence + i));
    if (auto shorter = rtp_of(std::move(bytes))) packets.push_back(std::move(*shorter));
  }
  return packets;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > kMaxInput) return 0;
  fuzz::Input input(data, size);
  const std::uint8_t what = input.u8();
  const Bytes bytes = input.take(size);
  std::size_t flip = what;
  for (const std::uint8_t byte : bytes) flip = flip * 31 + byte;

  Sides sides(master_of(kAllSrtpProfiles[what % 4]));
  const bool ours = (what & 4) != 0;
  if ((what & 8) != 0) {
    if (!ours) stranger_rtcp(sides, bytes);
    if (ours && bytes.size() >= kRtcpHeaderLength) ours_rtcp(sides, bytes, flip);
    return 0;
  }
  const auto packet = rtp_of(bytes);
  if (!packet) return 0;
  const auto packets = batch_of(*packet, (what & 16) != 0);
  if (ours)
    ours_rtp(sides, packets, flip);
  else
    stranger_rtp(sides, packets);
  return 0;
}
