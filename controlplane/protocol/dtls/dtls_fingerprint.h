// dtls_fingerprint: the hash of a certificate as signalling carries it (RFC 8122 5): parsed, printed and
// compared. Plain values, any thread. A fingerprint is public, so the comparison need not take constant time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct x509_st;  // OpenSSL's X509

namespace sluice::control {

/// In order of strength. SHA-1 and MD5 are not accepted, since only the fingerprint ties the media to the
/// signalling.
enum class FingerprintHash : std::uint8_t { kSha256, kSha384, kSha512 };

struct FingerprintHashInfo {
  FingerprintHash hash;
  std::string_view name;  // as in a=fingerprint
  std::size_t length;     // bytes of a digest
};
inline constexpr std::array<FingerprintHashInfo, 3> kFingerprintHashes{
    {{FingerprintHash::kSha256, "sha-256", 32},
     {FingerprintHash::kSha384, "sha-384", 48},
     {FingerprintHash::kSha512, "sha-512", 64}}};

/// Finds a hash by its name, in any case; nullptr for an unknown name.
[[nodiscard]] constexpr const FingerprintHashInfo* find_fingerprint_hash(std::string_view name) {
  for (const FingerprintHashInfo& info : kFingerprintHashes)
    if (std::equal(name.begin(), name.end(), info.name.begin(), info.name.end(),
                   [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == b; }))
      return &info;
  return nullptr;
}

/// The number of pairs of hex digits, with colons between; nullopt when `text` has another form.
[[nodiscard]] constexpr std::optional<std::size_t> count_hex_pairs(std::string_view text) {
  if (text.size() % 3 != 2) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
    if (i % 3 == 2 ? c != ':' : !is_hex) return std::nullopt;
  }
  return (text.size() + 1) / 3;
}

struct DtlsFingerprint {
  FingerprintHash hash = FingerprintHash::kSha256;
  std::vector<std::uint8_t> digest;

  /// `algorithm` is as in a=fingerprint, `value` is pairs of hex digits with colons between; case does not
  /// matter. nullopt when the algorithm is not one of the three or the value has another length; `error` then
  /// says what was found and what is allowed.
  [[nodiscard]] static std::optional<DtlsFingerprint> parse(std::string_view algorithm,
                                                            std::string_view value, std::string& error);
  /// The hash of the certificate's DER form; an empty digest when OpenSSL refuses.
  static DtlsFingerprint of(const x509_st* certificate, FingerprintHash hash);

  std::string value() const;  // "AB:CD:..."

  bool operator==(const DtlsFingerprint&) const = default;
};

/// Whether one of the expected fingerprints is the certificate's. Only those of the strongest hash among them
/// count (RFC 8122 5). False for an empty set.
[[nodiscard]] bool fingerprints_match(std::span<const DtlsFingerprint> expected, const x509_st* certificate);

}  // namespace sluice::control
