// dtls_record: the record layer as it lies in a datagram (RFC 6347 4.1). What a stranger can say in plain
// text is looked at here before OpenSSL sees it, since OpenSSL ends a handshake over a malformed plain-text
// record; and what OpenSSL sends is looked at for the numbers that the next record would bear. Pure functions
// over bytes; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sluice::control {

/// Who sluice is in the handshake: RFC 5763 5, a=setup. Active sends the ClientHello.
enum class DtlsRole : std::uint8_t { kActive, kPassive };

enum class DtlsContentType : std::uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
};

inline constexpr std::size_t kDtlsRecordHeader = 13;
inline constexpr std::size_t kDtlsMaxDatagram = 2048;  // a longer one is refused; ours are at most an MTU

/// What is left of a datagram after the records that cannot be the peer's.
struct DtlsScreened {
  std::vector<std::uint8_t> records;  // whole records in their order; empty: nothing to do
  std::uint32_t refused = 0;          // records, or a rest of the datagram, that were left out
  bool handshake = false;             // has a plain-text handshake message, or a part of one
  bool certificate = false;           // has a part of the peer's Certificate message
};

/// Keeps the records that are whole, of a known type and version and, in epoch 0 (plain text), well-formed
/// for a peer of `our_role`: a ChangeCipherSpec of one byte 1, an alert of two bytes, handshake messages
/// whose fragment lies within the message and within the record and whose type that peer sends (RFC 5246 7.4,
/// RFC 6347 4.2.2). Records of later epochs are authenticated by OpenSSL and pass as they are.
DtlsScreened screen_datagram(std::span<const std::uint8_t> datagram, DtlsRole our_role);

/// The numbers of the last record that was sent.
struct DtlsWritePosition {
  std::uint16_t epoch = 0;
  std::uint64_t sequence = 0;        // 48 bits, within the epoch
  std::uint64_t explicit_nonce = 0;  // first 8 bytes of the payload, in epoch 1 and later (RFC 5288 3)
};

/// Of the last record of one datagram that OpenSSL wrote; nullopt when it holds none.
[[nodiscard]] std::optional<DtlsWritePosition> last_record(std::span<const std::uint8_t> datagram);

}  // namespace sluice::control
