// dtls_fingerprint: the hash of a certificate as signalling carries it (RFC 8122 5), read, printed and
// compared. Plain values, any thread. A fingerprint is public: it is compared with memcmp.
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

/// In order of strength. SHA-1 and MD5 are not among them: a fingerprint is all that ties the media to the
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

/// By its name in any case; nullptr for another.
[[nodiscard]] constexpr const FingerprintHashInfo* find_fingerprint_hash(std::string_view name) {
  for (const FingerprintHashInfo& info : kFingerprintHashes)
    if (std::equal(name.begin(), name.end(), info.name.begin(), info.name.end(),
                   [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == b; }))
      return &info;
  return nullptr;
}

/// How many pairs of hex digits with colons between; nullopt for a text that is none.
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

  /// `algorithm` as in a=fingerprint, in any case; `value` pairs of hex digits with colons between, in any
  /// case. nullopt, with `error` saying what was found and what is allowed, for an algorithm that is not one
  /// of the three or a value that is not of its length.
  [[nodiscard]] static std::optional<DtlsFingerprint> parse(std::string_view algorithm,
                                                            std::string_view value, std::string& error);
  /// Of the certificate's DER form.
  static DtlsFingerprint of(const x509_st* certificate, FingerprintHash hash);

  std::string value() const;  // "AB:CD:..."

  bool operator==(const DtlsFingerprint&) const = default;
};

/// Whether the certificate is the one that these fingerprints promise: among those of the strongest hash that
/// is there, one matches (RFC 8122 5). False for an empty set.
[[nodiscard]] bool fingerprints_match(std::span<const DtlsFingerprint> expected, const x509_st* certificate);

}  // namespace sluice::control
