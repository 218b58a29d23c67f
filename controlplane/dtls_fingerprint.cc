#include "controlplane/dtls_fingerprint.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>

namespace sluice::control {
namespace {

constexpr std::array<FingerprintHash, 3> kHashes{FingerprintHash::kSha256, FingerprintHash::kSha384,
                                                 FingerprintHash::kSha512};

const EVP_MD* digest_of(FingerprintHash hash) {
  switch (hash) {
    case FingerprintHash::kSha256:
      return EVP_sha256();
    case FingerprintHash::kSha384:
      return EVP_sha384();
    case FingerprintHash::kSha512:
      return EVP_sha512();
  }
  __builtin_unreachable();
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  c = lower(c);
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  return std::nullopt;
}

// nullopt for anything but "XX:XX:...:XX".
std::optional<std::vector<std::uint8_t>> parse_hex(std::string_view text) {
  if (text.size() % 3 != 2) return std::nullopt;
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    const auto high = hex_digit(text[i]);
    const auto low = hex_digit(text[i + 1]);
    if (!high || !low || (i + 2 < text.size() && text[i + 2] != ':')) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(*high << 4 | *low));
  }
  return bytes;
}

}  // namespace

std::string_view fingerprint_hash_name(FingerprintHash hash) {
  switch (hash) {
    case FingerprintHash::kSha256:
      return "sha-256";
    case FingerprintHash::kSha384:
      return "sha-384";
    case FingerprintHash::kSha512:
      return "sha-512";
  }
  __builtin_unreachable();
}

std::optional<DtlsFingerprint> DtlsFingerprint::parse(std::string_view algorithm, std::string_view value,
                                                      std::string& error) {
  std::string name(algorithm);
  std::transform(name.begin(), name.end(), name.begin(), lower);
  const auto hash = std::find_if(kHashes.begin(), kHashes.end(), [&](FingerprintHash candidate) {
    return fingerprint_hash_name(candidate) == name;
  });
  if (hash == kHashes.end()) {
    error = "fingerprint algorithm '" + std::string(algorithm.substr(0, 32)) +
            "': allowed are sha-256, sha-384, sha-512";
    return std::nullopt;
  }
  auto digest = parse_hex(value);
  const auto length = static_cast<std::size_t>(EVP_MD_get_size(digest_of(*hash)));
  if (!digest || digest->size() != length) {
    error = "fingerprint value of " + std::to_string(value.size()) + " characters: " + name + " takes " +
            std::to_string(length) + " pairs of hex digits with colons between";
    return std::nullopt;
  }
  return DtlsFingerprint{*hash, std::move(*digest)};
}

DtlsFingerprint DtlsFingerprint::of(const x509_st* certificate, FingerprintHash hash) {
  DtlsFingerprint fingerprint{hash, std::vector<std::uint8_t>(EVP_MAX_MD_SIZE)};
  unsigned length = 0;
  if (X509_digest(certificate, digest_of(hash), fingerprint.digest.data(), &length) != 1) length = 0;
  fingerprint.digest.resize(length);
  return fingerprint;
}

std::string DtlsFingerprint::value() const {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  for (const std::uint8_t byte : digest) {
    if (!text.empty()) text.push_back(':');
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 0x0f]);
  }
  return text;
}

bool fingerprints_match(std::span<const DtlsFingerprint> expected, const x509_st* certificate) {
  const auto strongest = std::max_element(expected.begin(), expected.end(),
                                          [](const auto& a, const auto& b) { return a.hash < b.hash; });
  if (strongest == expected.end()) return false;
  const DtlsFingerprint actual = DtlsFingerprint::of(certificate, strongest->hash);
  return !actual.digest.empty() && std::find(expected.begin(), expected.end(), actual) != expected.end();
}

}  // namespace sluice::control
