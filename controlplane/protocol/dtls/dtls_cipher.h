// dtls_cipher: seals and opens the records of an association after its handshake (RFC 6347 4.1, RFC 5288), so
// that a call need not keep OpenSSL's association: tens of KiB for two keys. It also seals the alerts that
// OpenSSL has no call for.
//
// Thread: control. The keys wipe themselves. AES-GCM only, as all suites of DtlsContext.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "controlplane/base/openssl_ptr.h"
#include "controlplane/protocol/dtls/dtls_record.h"
#include "crypto/srtp/secret.h"

namespace sluice::control {

class DtlsCipher {
 public:
  /// The keys of both directions. nullopt when OpenSSL refuses or has no cipher yet.
  static std::optional<DtlsCipher> of(SSL* ssl, DtlsRole our_role);

  /// The record that follows `last`, which is the last record that was sent, in its epoch. Empty when OpenSSL
  /// refuses. REQUIRES: `last` is of epoch 1.
  [[nodiscard]] std::vector<std::uint8_t> seal(DtlsContentType type, std::span<const std::uint8_t> plain,
                                               const DtlsWritePosition& last) const;
  /// What a record of the peer holds; nullopt when it does not authenticate. REQUIRES: `record` is whole.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> open(std::span<const std::uint8_t> record) const;

 private:
  static constexpr std::size_t kMaxKey = 32;
  static constexpr std::size_t kSalt = 4;
  struct Keys {
    crypto::Secret<kMaxKey> key;
    crypto::Secret<kSalt> salt;
  };

  Keys write_;
  Keys read_;
};

}  // namespace sluice::control
