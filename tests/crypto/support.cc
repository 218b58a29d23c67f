#include "tests/crypto/support.h"

#include <cstdlib>
#include <ostream>

#include "crypto/engine_factory.h"
#include "crypto/srtp/srtp_bytes.h"

namespace sluice::crypto::test {

Bytes from_hex(std::string_view text) {
  Bytes bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::uint8_t>(high << 4 | digit));
      high = -1;
    }
  }
  return bytes;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) text.append({kDigits[byte >> 4], kDigits[byte & 15]});
  return text;
}

std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("SLUICE_TEST_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : std::uint64_t{std::random_device{}()};
  }();
  return seed;
}

Bytes Random::bytes(std::size_t length) {
  Bytes out(length);
  for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(engine_());
  return out;
}

std::size_t random_length(Random& random) {
  switch (random.below(8)) {
    case 0:
      return random.below(4);
    case 1:
      return 16 * random.between(1, 8) + random.below(3) - 1;
    case 2:
      return 64 * random.between(1, 20) + random.below(3) - 1;
    case 3:
      return 160;
    case 4:
      return random.between(1000, 1400);
    case 5:
      return random.one_in(10) ? random.between(1400, 9000) : 60;
    default:
      return random.below(400);
  }
}

MasterKey random_master(Random& random, SrtpProfile profile) {
  const SrtpProfileInfo info = profile_info(profile);
  MasterKey master;
  master.profile = profile;
  master.key.assign(random.bytes(info.key_length));
  master.salt.assign(random.bytes(info.salt_length));
  return master;
}

MasterKey master_of(SrtpProfile profile, std::string_view key_hex, std::string_view salt_hex) {
  MasterKey master;
  master.profile = profile;
  master.key.assign(from_hex(key_hex));
  master.salt.assign(from_hex(salt_hex));
  return master;
}

RtpPacket random_rtp(Random& random, std::uint32_t ssrc, std::uint64_t index, std::size_t payload_length) {
  const std::size_t csrcs = random.one_in(3) ? random.between(1, 15) : 0;
  const std::uint64_t extension = random.below(3);  // none, one-byte, two-byte
  RtpPacket packet;
  packet.bytes.resize(12);
  packet.bytes[0] = static_cast<std::uint8_t>(0x80 | (extension != 0 ? 0x10 : 0) | csrcs);
  packet.bytes[1] = static_cast<std::uint8_t>(random.below(128) | (random.one_in(2) ? 0x80 : 0));
  packet.bytes[2] = static_cast<std::uint8_t>(index >> 8);
  packet.bytes[3] = static_cast<std::uint8_t>(index);
  store_be32(packet.bytes.data() + 4, random.word());
  store_be32(packet.bytes.data() + 8, ssrc);
  const auto append = [&](const Bytes& more) {
    packet.bytes.insert(packet.bytes.end(), more.begin(), more.end());
  };
  append(random.bytes(4 * csrcs));
  if (extension != 0) {
    const std::size_t words = random.between(0, 12);
    const std::uint8_t last = static_cast<std::uint8_t>(words);
    append(extension == 1 ? Bytes{0xbe, 0xde, 0, last} : Bytes{0x10, 0x00, 0, last});
    append(random.bytes(4 * words));
  }
  packet.header_length = packet.bytes.size();
  append(random.bytes(payload_length));
  return packet;
}

Bytes random_rtcp(Random& random, std::uint32_t ssrc, std::size_t length) {
  Bytes packet = random.bytes(length);
  packet[0] = 0x81;
  packet[1] = static_cast<std::uint8_t>(random.between(200, 206));
  store_be32(packet.data() + 4, ssrc);
  return packet;
}

std::size_t claimed_header_length(std::span<const std::uint8_t> packet) {
  if (packet.size() < 12) return 0;
  std::size_t length = 12 + 4 * std::size_t{packet[0] & 15u};
  if ((packet[0] & 0x10) != 0) {
    if (packet.size() < length + 4) return 0;
    length += 4 + 4 * ((std::size_t{packet[length + 2]} << 8) | packet[length + 3]);
  }
  return length <= packet.size() ? length : 0;
}

Oracle::Oracle(const MasterKey& master, std::uint32_t ssrc, unsigned long window_size, bool rtcp_encrypted)
    : ssrc_(ssrc) {
  // This session is never closed. Without a session, libsrtp stops NSS and starts it again for the next one.
  static const bool started = [] {
    std::string error;
    EXPECT_NE(make_engine(EngineKind::kLibsrtp, error), nullptr) << error;
    srtp_policy_t policy{};
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    static std::array<std::uint8_t, SRTP_MAX_KEY_LEN> key{};
    policy.key = key.data();
    policy.ssrc.type = ssrc_any_outbound;
    static srtp_t session = nullptr;
    return srtp_create(&session, &policy) == srtp_err_status_ok;
  }();
  EXPECT_TRUE(started);
  std::copy(master.key.bytes().begin(), master.key.bytes().end(), key_.begin());
  std::copy(master.salt.bytes().begin(), master.salt.bytes().end(), key_.begin() + master.key.size());
  srtp_policy_t policy{};
  switch (master.profile) {
    case SrtpProfile::kAeadAes128Gcm:
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
      break;
    case SrtpProfile::kAeadAes256Gcm:
      srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
      break;
    case SrtpProfile::kAesCm128HmacSha1_80:
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
      break;
    case SrtpProfile::kAesCm128HmacSha1_32:
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
      break;
  }
  if (!rtcp_encrypted) policy.rtcp.sec_serv = sec_serv_auth;
  policy.ssrc = {ssrc_specific, ssrc};
  policy.key = key_.data();
  policy.window_size = window_size;
  status_ = srtp_create(&session_, &policy);
  EXPECT_EQ(status_, srtp_err_status_ok);
}

Oracle::~Oracle() {
  srtp_dealloc(session_);
}

void Oracle::set_roc(std::uint32_t roc) {
  EXPECT_EQ(srtp_set_stream_roc(session_, ssrc_, roc), srtp_err_status_ok);
}

template <class Verb>
Bytes Oracle::run(Verb verb, Bytes packet) {
  int length = static_cast<int>(packet.size());
  packet.resize(packet.size() + SRTP_MAX_TRAILER_LEN + 4);
  status_ = verb(session_, packet.data(), &length);
  packet.resize(status_ == srtp_err_status_ok ? static_cast<std::size_t>(length) : 0);
  return packet;
}

Bytes Oracle::protect(Bytes packet) {
  return run(srtp_protect, std::move(packet));
}
Bytes Oracle::unprotect(Bytes packet) {
  return run(srtp_unprotect, std::move(packet));
}
Bytes Oracle::protect_rtcp(Bytes packet) {
  return run(srtp_protect_rtcp, std::move(packet));
}
Bytes Oracle::unprotect_rtcp(Bytes packet) {
  return run(srtp_unprotect_rtcp, std::move(packet));
}

Bytes oracle_protect(const MasterKey& master, std::uint32_t ssrc, std::uint64_t index, const Bytes& packet) {
  Oracle oracle(master, ssrc);
  oracle.set_roc(static_cast<std::uint32_t>(index >> 16));
  return oracle.protect(packet);
}

Bytes oracle_unprotect(const MasterKey& master, std::uint32_t ssrc, std::uint64_t index,
                       const Bytes& packet) {
  Oracle oracle(master, ssrc);
  oracle.set_roc(static_cast<std::uint32_t>(index >> 16));
  return oracle.unprotect(packet);
}

std::unique_ptr<SrtpEngine> engine_or_fail(EngineKind kind) {
  std::string error;
  std::unique_ptr<SrtpEngine> engine = make_engine(kind, error);
  EXPECT_NE(engine, nullptr) << error;
  return engine;
}

Keys::Keys(SrtpEngine& engine, const MasterKey& master, Direction direction)
    : engine_(engine), keys_(std::make_unique<SrtpKeys>()) {
  EXPECT_TRUE(engine.expand(master, direction, *keys_)) << engine.last_error();
}

Outcome protect(SrtpEngine& engine, const SrtpKeys& keys, const RtpPacket& packet, std::uint32_t ssrc,
                std::uint64_t index) {
  Bytes out(packet.bytes.size() + kTailBytes);
  std::copy_n(packet.bytes.begin(), packet.header_length, out.begin());
  RtpProtectJob job{.keys = &keys,
                    .packet = out.data(),
                    .payload = packet.bytes.data() + packet.header_length,
                    .index = index,
                    .ssrc = ssrc,
                    .header_length = static_cast<std::uint16_t>(packet.header_length),
                    .payload_length = static_cast<std::uint16_t>(packet.payload().size()),
                    .length = 0,
                    .status = SrtpStatus::kInternal};
  engine.protect({&job, 1});
  out.resize(job.length);
  return {job.status, std::move(out)};
}

Outcome unprotect(SrtpEngine& engine, const SrtpKeys& keys, const Bytes& packet, std::size_t header_length,
                  std::uint32_t ssrc, std::uint64_t index) {
  Bytes out = packet;
  out.resize(packet.size() + kTailBytes);
  RtpUnprotectJob job{.keys = &keys,
                      .packet = out.data(),
                      .index = index,
                      .ssrc = ssrc,
                      .header_length = static_cast<std::uint16_t>(header_length),
                      .length = static_cast<std::uint16_t>(packet.size()),
                      .status = SrtpStatus::kInternal};
  engine.unprotect({&job, 1});
  out.resize(job.length);
  return {job.status, std::move(out)};
}

Outcome protect_rtcp(SrtpEngine& engine, const SrtpKeys& keys, const Bytes& packet, std::uint32_t index) {
  Bytes out = packet;
  out.resize(packet.size() + kTailBytes);
  RtcpProtectJob job{.keys = &keys,
                     .packet = out.data(),
                     .index = index,
                     .length = static_cast<std::uint16_t>(packet.size()),
                     .status = SrtpStatus::kInternal};
  engine.protect_rtcp({&job, 1});
  out.resize(job.length);
  return {job.status, std::move(out)};
}

Outcome unprotect_rtcp(SrtpEngine& engine, const SrtpKeys& keys, const Bytes& packet) {
  Bytes out = packet;
  out.resize(packet.size() + kTailBytes);
  RtcpUnprotectJob job{.keys = &keys,
                       .packet = out.data(),
                       .length = static_cast<std::uint16_t>(packet.size()),
                       .status = SrtpStatus::kInternal};
  engine.unprotect_rtcp({&job, 1});
  out.resize(job.length);
  return {job.status, std::move(out)};
}

std::string parameter_name(const ::testing::TestParamInfo<std::tuple<EngineKind, SrtpProfile>>& info) {
  return std::string(engine_name(std::get<0>(info.param))) + "_" +
         std::string(profile_info(std::get<1>(info.param)).name);
}

}  // namespace sluice::crypto::test

namespace sluice::crypto {

void PrintTo(SrtpStatus status, std::ostream* out) {
  constexpr std::array<std::string_view, 5> kNames{"kOk", "kAuthFailed", "kMalformed", "kExhausted",
                                                   "kInternal"};
  *out << kNames.at(static_cast<std::size_t>(status));
}

}  // namespace sluice::crypto
