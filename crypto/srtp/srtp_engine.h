// srtp_engine: SRTP and SRTCP in batches (RFC 3711, RFC 7714). Two classes implement the interface:
// ipsec_mb_engine (multi-buffer, the fast path) and libsrtp_engine (any CPU, and the oracle of the tests).
// engine_factory makes one of them.
//
// An engine knows keys and packet indices, nothing else. The caller estimates the index (packet_index.h),
// keeps the replay window (replay_window.h), and commits both only for packets whose status is kOk. So a
// forged packet changes nothing.
//
// Threads: one engine instance per thread. A control thread expands keys with its own instance; the worker
// that owns the endpoint uses them with another. expand() and release() may allocate. The batch calls of
// ipsec_mb_engine never allocate.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "crypto/srtp/secret.h"
#include "crypto/srtp/srtp_profile.h"

namespace sluice::crypto {

enum class EngineKind : std::uint8_t { kIpsecMb, kLibsrtp };

/// "ipsec_mb" or "libsrtp".
std::string_view engine_name(EngineKind kind);

enum class Direction : std::uint8_t { kSend, kReceive };

struct MasterKey {
  SrtpProfile profile{};
  Secret<kMaxMasterKey> key;
  Secret<kMaxMasterSalt> salt;
};

/// What the blocks of expanded keys hold.
enum class KeyForm : std::uint8_t { kNone, kCounter, kGcm, kOwnGcm };

/// The expanded keys of one direction of one endpoint. The slot that holds them owns them. The control thread
/// fills them (SrtpEngine::expand). The worker reads them while they are installed. After the worker's ack
/// the control thread wipes them (SrtpEngine::release). Trivially destructible, since they are in
/// preallocated memory. Only the engine knows what `near` and the blocks hold.
///
/// With ten thousand endpoints most keys are not in a near cache. The cost of a packet then depends on how
/// many cache lines of keys it needs: two of AES_CM (one of this struct's own and one of `rtp`), four or five
/// of GCM by our own kernel, nine or seventeen by the library's.
struct alignas(64) SrtpKeys {
  struct alignas(64) Block {
    /// The place of the cache line that every RTP packet needs.
    static constexpr std::size_t kEveryPacket = 1024 - 64;
    std::array<std::uint8_t, 1024> bytes;
  };
  Block rtp;
  SrtpProfile profile;
  EngineKind engine;
  Direction direction;
  bool ready;  // false until expanded
  // Session salts. AEAD uses the first 12 bytes.
  std::array<std::uint8_t, 14> rtp_salt;
  std::array<std::uint8_t, 14> rtcp_salt;
  std::array<std::uint8_t, 16> near;
  void* context;  // libsrtp_engine: its sessions; otherwise null
  // Of ipsec_mb_engine:
  KeyForm form;                 // kNone: not ready, or the keys of another engine
  std::uint8_t rtp_tag_length;  // that of the profile
  // The master key identifier of the packets (crypto/srtp/mki.h). The caller of expand() sets it afterwards.
  static constexpr std::size_t kMaxMki = 4;
  std::uint8_t mki_length;  // 0 = none
  std::array<std::uint8_t, kMaxMki> mki;
  Block rtcp;
};
static_assert(offsetof(SrtpKeys, near) % 16 == 0);
static_assert(offsetof(SrtpKeys, mki) / 64 == offsetof(SrtpKeys, profile) / 64, "a line that is read anyway");

/// Prefetches the cache lines of the keys that every RTP packet needs. Any thread.
inline void prefetch(const SrtpKeys& keys) {
  __builtin_prefetch(&keys.profile);
  __builtin_prefetch(&keys.rtp.bytes[SrtpKeys::Block::kEveryPacket]);
}

enum class SrtpStatus : std::uint8_t {
  kOk,
  kAuthFailed,  // wrong tag: forged, corrupted, or other keys
  kMalformed,   // impossible lengths
  kExhausted,   // the key's packet limit (2^48 RTP, 2^31 RTCP) is reached
  kInternal,    // the engine's library refused; see SrtpEngine::last_error
};

/// Encrypts and authenticates one RTP packet, out of place or in place. `payload` is the plaintext. It is
/// packet + header_length (in place), or it is in another buffer. Any number of jobs of the batch may share
/// that buffer, as long as none of them works in place on it.
///
/// REQUIRES: `packet` holds the final RTP header, header_length bytes (fixed part, CSRCs and extension), in a
/// buffer of at least header_length + payload_length + kTailBytes bytes. `index` and `ssrc` agree with that
/// header.
struct RtpProtectJob {
  const SrtpKeys* keys;
  std::uint8_t* packet;
  const std::uint8_t* payload;
  std::uint64_t index;  // 48-bit packet index ROC || SEQ
  std::uint32_t ssrc;
  std::uint16_t header_length;
  std::uint16_t payload_length;
  // out:
  std::uint16_t length;  // of the whole protected packet
  SrtpStatus status;
};

/// Authenticates and decrypts one SRTP packet in place. Of a packet that does not authenticate the header
/// stays. The bytes behind it have no meaning any more: to give back what came would make a forged packet
/// dearer than a good one. REQUIRES: kTailBytes writable bytes behind the packet.
struct RtpUnprotectJob {
  const SrtpKeys* keys;
  std::uint8_t* packet;
  std::uint64_t index;
  std::uint32_t ssrc;
  std::uint16_t header_length;
  std::uint16_t length;  // in: of the SRTP packet; out: without the tag
  SrtpStatus status;
};

/// Encrypts and authenticates one RTCP compound in place. `index` is the 31-bit SRTCP index to send it with.
/// A compound shorter than 8 bytes is kMalformed. REQUIRES: kTailBytes writable bytes behind the packet.
struct RtcpProtectJob {
  const SrtpKeys* keys;
  std::uint8_t* packet;
  std::uint32_t index;
  std::uint16_t length;  // in: of the RTCP compound; out: of the SRTCP packet
  SrtpStatus status;
};

/// Authenticates one SRTCP packet, then decrypts it in place. The index is in the packet itself (srtcp_index
/// below): the caller checks it against the replay window first. Of a packet that does not authenticate the
/// first 8 bytes stay, as above. REQUIRES: kTailBytes writable bytes behind the packet.
struct RtcpUnprotectJob {
  const SrtpKeys* keys;
  std::uint8_t* packet;
  std::uint16_t length;  // in: of the SRTCP packet; out: of the RTCP compound
  SrtpStatus status;
};

/// Sets `index` to the 31-bit index that an SRTCP packet carries. False where the packet is too short for its
/// profile.
[[nodiscard]] bool srtcp_index(SrtpProfile profile, std::span<const std::uint8_t> packet,
                               std::uint32_t& index);

class SrtpEngine {
 public:
  virtual ~SrtpEngine() = default;

  virtual EngineKind kind() const = 0;
  /// For people: library, version and instruction set, such as "ipsec-mb 1.3.0, AVX512".
  virtual std::string description() const = 0;

  /// Derives and expands the session keys (RFC 3711 4.3, RFC 7714 11) into `out`. False when the library
  /// refuses, or the master key or salt does not have the length of the profile. `out` is then wiped, and
  /// last_error() says why. REQUIRES: `out` holds no ready keys (release() them first), and its memory is
  /// initialised.
  [[nodiscard]] virtual bool expand(const MasterKey& master, Direction direction, SrtpKeys& out) = 0;
  /// Wipes the keys. Does no harm to keys that are not ready.
  virtual void release(SrtpKeys& keys) = 0;

  /// Each job gets its status. Jobs are independent; a batch may mix keys, profiles and lengths, and may have
  /// any number of jobs. The engine works on them in any order. The work per job is bounded, without system
  /// calls.
  virtual void protect(std::span<RtpProtectJob> jobs) = 0;
  virtual void unprotect(std::span<RtpUnprotectJob> jobs) = 0;
  virtual void protect_rtcp(std::span<RtcpProtectJob> jobs) = 0;
  virtual void unprotect_rtcp(std::span<RtcpUnprotectJob> jobs) = 0;

  /// Drops what the engine keeps per SSRC, when the worker forgets the stream. ipsec_mb keeps nothing.
  virtual void forget(const SrtpKeys& keys, std::uint32_t ssrc) = 0;

  /// Why the last call failed. For logs.
  virtual std::string last_error() const = 0;
};

}  // namespace sluice::crypto
