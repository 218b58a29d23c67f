// dtls_record: the DTLS record layer in a datagram (RFC 6347 4.1). A malformed plain-text record, which any
// host can send, would make OpenSSL end the handshake. So screen_datagram() checks these records before
// OpenSSL sees them. last_record() finds the numbers of the last record that OpenSSL sent, for dtls_alert.
// The modules that make or take records share the forms of header and lengths here. Pure functions over
// bytes; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sluice::control {

/// The role of sluice in the handshake (RFC 5763 5, a=setup). The active side sends the ClientHello.
enum class DtlsRole : std::uint8_t { kActive, kPassive };

enum class DtlsContentType : std::uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
};

inline constexpr std::size_t kDtlsRecordHeader = 13;
inline constexpr std::size_t kDtlsMaxDatagram = 2048;  // a longer one is refused; we send at most an MTU

/// The first whole record; empty when there is none.
[[nodiscard]] std::span<const std::uint8_t> first_record(std::span<const std::uint8_t> bytes);
/// The epoch in the header of a record. REQUIRES: the record is whole.
[[nodiscard]] std::uint16_t epoch_of(std::span<const std::uint8_t> record);

/// Writes the header of a DTLS 1.2 record with `length` bytes of payload to the kDtlsRecordHeader bytes at
/// `p`. `sequence`: 48 bits.
void store_record_header(std::uint8_t* p, DtlsContentType type, std::uint16_t epoch, std::uint64_t sequence,
                         std::size_t length);

/// The 24-bit lengths of handshake messages (RFC 6347 4.2.2).
[[nodiscard]] std::uint32_t load_be24(const std::uint8_t* p);
void store_be24(std::uint8_t* p, std::size_t value);

/// The part of a datagram that may come from the peer.
struct DtlsScreened {
  std::vector<std::uint8_t> records;  // whole records in their order; may be empty
  std::uint32_t refused = 0;          // records, or the rest of the datagram, left out
  bool handshake = false;             // has a plain-text handshake message or a part of one
  bool certificate = false;           // has a part of the peer's Certificate message
  std::optional<std::uint8_t> alert;  // the number of a plain-text alert that ends a handshake
};

/// Keeps the records that are whole and of a known type and version. In epoch 0 (plain text) they must also
/// be valid for a peer of `our_role`: a ChangeCipherSpec is one byte 1, an alert is two bytes, the fragment
/// of a handshake message lies within message and record, the message is not longer than any true one, and
/// the peer sends messages of that type (RFC 5246 7.4, RFC 6347 4.2.2). OpenSSL authenticates records of
/// later epochs, so they pass unchecked.
///
/// Plain-text alerts are never among the records: any host can send one, and OpenSSL would end the handshake
/// at once. `alert` has the last one that is fatal or a close_notify, for the caller to judge.
DtlsScreened screen_datagram(std::span<const std::uint8_t> datagram, DtlsRole our_role);

/// The numbers of the last record that was sent.
struct DtlsWritePosition {
  std::uint16_t epoch = 0;
  std::uint64_t sequence = 0;        // 48 bits, within the epoch
  std::uint64_t explicit_nonce = 0;  // first 8 bytes of the payload, in epoch 1 and later (RFC 5288 3)
};

/// The numbers of the last record in a datagram that OpenSSL wrote; nullopt when it has no whole record.
[[nodiscard]] std::optional<DtlsWritePosition> last_record(std::span<const std::uint8_t> datagram);

}  // namespace sluice::control
