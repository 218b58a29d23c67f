// srtp_engine: SRTP and SRTCP in batches (RFC 3711, RFC 7714), behind one interface with two implementations:
// ipsec_mb_engine (multi-buffer, the fast path) and libsrtp_engine (any CPU, and the oracle of the tests).
// engine_factory makes one.
//
// An engine knows keys and packet indices, nothing else: the caller estimates the index (packet_index.h),
// keeps the replay window (replay_window.h) and commits both only for packets whose status is kOk. So a
// forged packet moves nothing.
//
// Threads: one engine instance per thread. A control thread expands keys with its own instance; the worker
// that owns the endpoint uses them with its own. expand() and release() may allocate; the batch calls of
// ipsec_mb_engine never do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "crypto/secret.h"
#include "crypto/srtp_profile.h"

namespace sluice::crypto {

enum class EngineKind : std::uint8_t { kIpsecMb, kLibsrtp };

std::string_view engine_name(EngineKind kind);  // "ipsec_mb", "libsrtp"

enum class Direction : std::uint8_t { kSend, kReceive };

struct MasterKey {
  SrtpProfile profile{};
  Secret<kMaxMasterKey> key;
  Secret<kMaxMasterSalt> salt;
};

/// What the blocks of expanded keys hold.
enum class KeyForm : std::uint8_t { kNone, kCounter, kGcm, kOwnGcm };

/// The expanded keys of one direction of one endpoint. Owned by the slot it lies in; filled by
/// SrtpEngine::expand on the control thread, read by the worker while installed, wiped by SrtpEngine::release
/// on the control thread after the worker's ack. Trivially destructible: lies in preallocated memory. What
/// `near` and the blocks hold is the engine's own affair.
///
/// With ten thousand endpoints most keys are in no near cache, so what a packet costs depends on how many
/// cache lines of them it needs: two of AES_CM (this struct's first and one of `rtp`), four or five of
/// GCM by our own kernel, nine or seventeen by the library's.
struct alignas(64) SrtpKeys {
  struct alignas(64) Block {
    /// Where the cache line of it lies that every RTP packet needs.
    static constexpr std::size_t kEveryPacket = 1024 - 64;
    std::array<std::uint8_t, 1024> bytes;
  };
  Block rtp;
  SrtpProfile profile;
  EngineKind engine;
  Direction direction;
  bool ready;                             // false until expanded
  std::array<std::uint8_t, 14> rtp_salt;  // session salts; AEAD uses the first 12 bytes
  std::array<std::uint8_t, 14> rtcp_salt;
  std::array<std::uint8_t, 16> near;
  void* context;  // libsrtp_engine: its sessions; otherwise null
  // ipsec_mb_engine:
  KeyForm form;                 // kNone in keys that are not ready or not its own
  std::uint8_t rtp_tag_length;  // as the profile says
  Block rtcp;
};
static_assert(offsetof(SrtpKeys, near) % 16 == 0);

/// Asks for the cache lines that every RTP packet needs of the keys. Any thread.
inline void prefetch(const SrtpKeys& keys) {
  __builtin_prefetch(&keys.profile);
  __builtin_prefetch(&keys.rtp.bytes[SrtpKeys::Block::kEveryPacket]);
}

enum class SrtpStatus : std::uint8_t {
  kOk,
  kAuthFailed,  // tag mismatch: forged, corrupted, or other keys
  kMalformed,   // lengths that cannot be
  kExhausted,   // the key's packet limit (2^48 RTP, 2^31 RTCP) is reached
  kInternal,    // the engine's library refused; see SrtpEngine::last_error
};

/// Encrypts and authenticates one RTP packet, out of place or in place.
/// REQUIRES: `packet` holds the final RTP header (fixed part, CSRCs and extension; header_length bytes), and
/// has room for header_length + payload_length + kTailBytes bytes. `payload` is the plaintext: either packet
/// + header_length (in place) or memory of another buffer, which any number of jobs of the batch may share as
/// long as none works in place on it.
struct RtpProtectJob {
  const SrtpKeys* keys;
  std::uint8_t* packet;
  const std::uint8_t* payload;
  std::uint64_t index;  // 48-bit packet index ROC || SEQ; its low 16 bits equal the header's sequence number
  std::uint32_t ssrc;   // equals the header's
  std::uint16_t header_length;
  std::uint16_t payload_length;
  // out:
  std::uint16_t length;  // of the whole protected packet
  SrtpStatus status;
};

/// Authenticates, then decrypts in place. A packet that fails authentication is left as it came but for the
/// bytes behind `length` (scratch of at most kTailBytes). REQUIRES: kTailBytes writable bytes behind the
/// packet.
struct RtpUnprotectJob {
  const SrtpKeys* keys;
  std::uint8_t* packet;
  std::uint64_t index;
  std::uint32_t ssrc;
  std::uint16_t header_length;
  std::uint16_t length;  // in: of the SRTP packet; out: without the tag
  SrtpStatus status;
};

/// In place. `index` is the 31-bit SRTCP index to send with. REQUIRES: kTailBytes bytes behind the packet;
/// length >= 8.
struct RtcpProtectJob {
  const SrtpKeys* keys;
  std::uint8_t* packet;
  std::uint32_t index;
  std::uint16_t length;  // in: of the RTCP compound; out: of the SRTCP packet
  SrtpStatus status;
};

/// In place. The index comes from the packet itself (srtcp_index below): check it against the replay window
/// first.
struct RtcpUnprotectJob {
  const SrtpKeys* keys;
  std::uint8_t* packet;
  std::uint16_t length;  // in: of the SRTCP packet; out: of the RTCP compound
  SrtpStatus status;
};

/// The 31-bit index that an SRTCP packet carries; false where the packet is too short for its profile.
[[nodiscard]] bool srtcp_index(SrtpProfile profile, std::span<const std::uint8_t> packet,
                               std::uint32_t& index);

class SrtpEngine {
 public:
  virtual ~SrtpEngine() = default;

  virtual EngineKind kind() const = 0;
  /// For people: library, version and instruction set, as in "ipsec-mb 1.3.0, AVX512".
  virtual std::string description() const = 0;

  /// Derives and expands the session keys (RFC 3711 4.3, RFC 7714 11) into `out`. False when the library
  /// refuses; `out` is then wiped and last_error() says why. REQUIRES: `out` holds no ready keys (release()
  /// them first).
  [[nodiscard]] virtual bool expand(const MasterKey& master, Direction direction, SrtpKeys& out) = 0;
  /// Wipes. Harmless on keys that are not ready.
  virtual void release(SrtpKeys& keys) = 0;

  /// Each job gets its status; jobs are independent and may be of any mix of keys, profiles and lengths.
  /// The engine may work in any order. Bounded work per job, no system calls.
  virtual void protect(std::span<RtpProtectJob> jobs) = 0;
  virtual void unprotect(std::span<RtpUnprotectJob> jobs) = 0;
  virtual void protect_rtcp(std::span<RtcpProtectJob> jobs) = 0;
  virtual void unprotect_rtcp(std::span<RtcpUnprotectJob> jobs) = 0;

  /// Lets an engine that keeps state per SSRC drop it, when the worker forgets the stream. Nothing to do for
  /// ipsec_mb.
  virtual void forget(const SrtpKeys& keys, std::uint32_t ssrc) = 0;

  virtual std::string last_error() const = 0;
};

}  // namespace sluice::crypto
