#include "controlplane/protocol/dtls/dtls_fingerprint.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>

namespace sluice::control {
namespace {

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

// REQUIRES: a hex digit.
std::uint8_t hex_digit(char c) {
  return static_cast<std::uint8_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

}  // namespace

std::optional<DtlsFingerprint> DtlsFingerprint::parse(std::string_view algorithm, std::string_view value,
                                                      std::string& error) {
  const FingerprintHashInfo* info = find_fingerprint_hash(algorithm);
  if (info == nullptr) {
    std::string names;
    for (const auto& known : kFingerprintHashes) names.append(names.empty() ? "" : ", ").append(known.name);
    error = "fingerprint algorithm '" + std::string(algorithm.substr(0, 32)) + "': allowed are " + names;
    return std::nullopt;
  }
  if (count_hex_pairs(value) != info->length) {
    error = "fingerprint value of " + std::to_string(value.size()) +
            " characters: " + std::string(info->name) + " takes " + std::to_string(info->length) +
            " pairs of hex digits with colons between";
    return std::nullopt;
  }
  DtlsFingerprint fingerprint{info->hash, {}};
  for (std::size_t i = 0; i < value.size(); i += 3)
    fingerprint.digest.push_back(
        static_cast<std::uint8_t>(hex_digit(value[i]) << 4 | hex_digit(value[i + 1])));
  return fingerprint;
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
