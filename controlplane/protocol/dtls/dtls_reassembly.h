// dtls_reassembly: puts the peer's handshake messages together from fragments in plain text (RFC 6347 4.2.3),
// before OpenSSL sees them. Any host that can forge the peer's address can send a fragment. OpenSSL keeps the
// first length that it hears of a message, and then drops the fragments of the true one; and one record with
// a high sequence number makes it drop all later ones as replays. Here fragments that contradict each other
// form messages of their own, and OpenSSL gets only whole messages, each once, in order, in records that are
// numbered anew.
//
// A forged message that is whole and well-formed may still be the first: only the end of the handshake
// authenticates.
//
// Pure: bytes in, bytes out. Any thread. Holds at most kDtlsMaxMessages unfinished or early messages, of
// kDtlsMaxMessageBytes in all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "controlplane/protocol/dtls/dtls_record.h"

namespace sluice::control {

inline constexpr std::size_t kDtlsMaxMessages = 12;
inline constexpr std::size_t kDtlsMaxMessageBytes = 16384;
/// A fragment of a message that is further ahead is dropped; a flight has at most five messages in plain
/// text.
inline constexpr std::uint16_t kDtlsMaxAhead = 8;

class DtlsReassembly {
 public:
  /// Takes whole records that passed screen_datagram(), and appends to `out` the records for OpenSSL:
  /// complete messages that are next, ChangeCipherSpec after the last of them, and then records of later
  /// epochs.
  void take(std::span<const std::uint8_t> records, std::vector<std::uint8_t>& out);

  /// Whether the last take() met another ClientHello than the one that the handshake began with, while
  /// nothing else has come: the peer has begun anew, or an attacker's ClientHello was the first. Then a new
  /// association must begin with it: restart() appends it to `out`.
  [[nodiscard]] bool begun_anew() const { return !other_hello_.empty(); }
  void restart(std::vector<std::uint8_t>& out);

  /// Bytes of the messages that wait: at most kDtlsMaxMessageBytes.
  [[nodiscard]] std::size_t held() const;

 private:
  struct Message {
    std::uint8_t type = 0;
    std::uint16_t number = 0;
    std::vector<std::uint8_t> body;
    std::vector<bool> have;  // which bytes of it have come
    std::size_t missing = 0;
  };
  struct Fragment {
    std::uint8_t type = 0;
    std::uint16_t number = 0;
    std::uint32_t length = 0;  // of the message
    std::uint32_t offset = 0;
    std::span<const std::uint8_t> bytes;
  };

  void take(const Fragment& fragment);
  void keep(const Fragment& fragment);
  void make_space(std::size_t bytes);
  void release(std::vector<std::uint8_t>& out);
  void emit(std::uint8_t type, std::span<const std::uint8_t> body, std::vector<std::uint8_t>& out);
  void append_record(DtlsContentType type, std::span<const std::uint8_t> payload,
                     std::vector<std::uint8_t>& out);

  std::uint16_t next_ = 0;         // message_seq that OpenSSL waits for
  std::uint64_t next_record_ = 0;  // sequence number of the next record in plain text
  std::uint8_t last_type_ = 0;     // of the last message given to OpenSSL; 0: none yet
  bool cipher_changed_ = false;    // OpenSSL has the peer's ChangeCipherSpec
  std::vector<Message> messages_;  // unfinished, or complete and early
  std::vector<std::uint8_t> hello_;
  std::vector<std::uint8_t> other_hello_;
};

}  // namespace sluice::control
