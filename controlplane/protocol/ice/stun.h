// stun: a bounds-checked view of received STUN messages, and a writer of STUN messages (RFC 8489, the ICE
// attributes of RFC 8445 16.1). Formats only: ice_lite decides who is answered and how.
//
// Threads: plain values, any thread. Invariant: a StunView exists only for a message whose header and
// attributes all lie within the datagram, so reading an attribute cannot run past the end.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "config/ip_address.h"

namespace sluice::control {

enum class StunClass : std::uint8_t { kRequest, kIndication, kResponse, kError };

/// Attribute types (IANA "STUN Attributes"). A message with an unknown type below 0x8000 must be refused (RFC
/// 8489 14).
enum class StunAttribute : std::uint16_t {
  kMappedAddress = 0x0001,
  kUsername = 0x0006,
  kMessageIntegrity = 0x0008,
  kErrorCode = 0x0009,
  kUnknownAttributes = 0x000a,
  kRealm = 0x0014,
  kNonce = 0x0015,
  kMessageIntegritySha256 = 0x001c,
  kXorMappedAddress = 0x0020,
  kPriority = 0x0024,
  kUseCandidate = 0x0025,
  kSoftware = 0x8022,
  kFingerprint = 0x8028,
  kIceControlled = 0x8029,
  kIceControlling = 0x802a,
};

inline constexpr std::uint16_t kStunBinding = 0x001;
inline constexpr std::uint32_t kStunMagicCookie = 0x2112a442;
inline constexpr std::size_t kStunHeaderBytes = 20;
/// A longer datagram is not read as STUN; an ICE check is about 100 bytes.
inline constexpr std::size_t kStunMaxBytes = 1500;
/// The most attributes of a message, and the most unknown ones that are kept for a 420.
inline constexpr std::size_t kStunMaxAttributes = 32;
inline constexpr std::size_t kStunMaxUnknown = 8;

using StunTransactionId = std::array<std::uint8_t, 12>;

/// ERROR-CODE (RFC 8489 14.8).
struct StunError {
  std::uint16_t code = 0;  // 300..699
  std::string_view reason;
};

/// A received message. It points into the datagram, which must outlive the view.
class StunView {
 public:
  /// nullopt for anything that is not one whole STUN message: header (5), magic cookie, a length that equals
  /// the datagram's and is a multiple of 4, all attributes within it, nothing after FINGERPRINT, at most
  /// kStunMaxAttributes attributes.
  [[nodiscard]] static std::optional<StunView> parse(std::span<const std::uint8_t> datagram);

  StunClass message_class() const { return class_; }
  /// 12 bits; ICE uses kStunBinding only.
  std::uint16_t method() const { return method_; }
  const StunTransactionId& transaction_id() const { return transaction_id_; }
  std::size_t size() const { return bytes_.size(); }

  /// The value, without padding, of the first attribute of that type. Attributes after MESSAGE-INTEGRITY are
  /// not protected; they are ignored, except FINGERPRINT (RFC 8489 14.5). nullopt when there is none.
  [[nodiscard]] std::optional<std::span<const std::uint8_t>> find(StunAttribute type) const;
  [[nodiscard]] bool has(StunAttribute type) const { return find(type).has_value(); }

  /// At most 508 bytes (RFC 8489 14.3); nullopt when absent, empty or longer.
  [[nodiscard]] std::optional<std::string_view> username() const;
  /// nullopt when absent or of a wrong length; has() says whether it is there.
  [[nodiscard]] std::optional<std::uint32_t> priority() const;
  [[nodiscard]] std::optional<std::uint64_t> ice_controlling() const;
  [[nodiscard]] std::optional<std::uint64_t> ice_controlled() const;
  /// For tests, which read the answers.
  [[nodiscard]] std::optional<config::SocketAddress> xor_mapped_address() const;
  [[nodiscard]] std::optional<StunError> error_code() const;
  /// For tests.
  [[nodiscard]] std::optional<std::string_view> software() const;
  [[nodiscard]] bool use_candidate() const { return has(StunAttribute::kUseCandidate); }

  /// Comprehension-required attributes that sluice does not know, in order, at most kStunMaxUnknown of them.
  std::span<const std::uint16_t> unknown_required() const { return {unknown_.data(), unknown_count_}; }

  /// True when FINGERPRINT is there and is the message's CRC-32 xor 0x5354554e (14.7).
  [[nodiscard]] bool fingerprint_ok() const;
  /// True when MESSAGE-INTEGRITY is there and is the HMAC-SHA1, under `key`, of the bytes before it (14.5).
  /// For ICE the key is the password itself (9.1.1). The comparison takes constant time.
  [[nodiscard]] bool integrity_ok(std::span<const std::uint8_t> key) const;
  [[nodiscard]] bool integrity_ok(std::string_view password) const;

 private:
  struct Entry {
    std::uint16_t type;
    std::uint16_t offset;  // of the value, from the message's first byte
    std::uint16_t length;
  };

  StunView() = default;
  [[nodiscard]] bool parse_attributes();
  void note_unknown(std::uint16_t type);

  std::span<const std::uint8_t> bytes_;
  StunClass class_ = StunClass::kRequest;
  std::uint16_t method_ = 0;
  StunTransactionId transaction_id_{};
  std::array<Entry, kStunMaxAttributes> entries_{};
  std::size_t entry_count_ = 0;
  std::array<std::uint16_t, kStunMaxUnknown> unknown_{};
  std::size_t unknown_count_ = 0;
};

/// Builds one message, attribute by attribute, in the order of the calls. The caller adds MESSAGE-INTEGRITY
/// after all attributes but FINGERPRINT, and FINGERPRINT last.
class StunWriter {
 public:
  StunWriter(StunClass message_class, std::uint16_t method, const StunTransactionId& transaction_id);

  /// Pads the value with zero bytes to a multiple of 4. REQUIRES: value.size() <= 65535 - 4.
  void add(StunAttribute type, std::span<const std::uint8_t> value);
  void add_text(StunAttribute type, std::string_view text);
  void add_u32(StunAttribute type, std::uint32_t value);
  void add_u64(StunAttribute type, std::uint64_t value);
  /// USE-CANDIDATE and other attributes without a value.
  void add_flag(StunAttribute type) { add(type, {}); }
  void add_xor_mapped_address(const config::SocketAddress& address);
  /// REQUIRES: code in 300..699.
  void add_error_code(std::uint16_t code, std::string_view reason);
  void add_unknown_attributes(std::span<const std::uint16_t> types);
  void add_message_integrity(std::string_view password);
  void add_fingerprint();

  const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  void set_length(std::size_t attribute_bytes);

  std::vector<std::uint8_t> bytes_;
};

/// CRC-32 of ISO 3309 as FINGERPRINT uses it (RFC 8489 14.7), without the final xor with 0x5354554e. Declared
/// here for tests.
std::uint32_t crc32(std::span<const std::uint8_t> bytes);

}  // namespace sluice::control
