#include "controlplane/protocol/ice/stun.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "dataplane/wire/frame.h"

namespace sluice::control {
namespace {

using dataplane::load_be16;
using dataplane::load_be32;
using dataplane::store_be16;
using dataplane::store_be32;

constexpr std::size_t kAttributeHeader = 4;
constexpr std::size_t kHmacBytes = 20;
constexpr std::uint32_t kFingerprintXor = 0x5354554e;
constexpr std::size_t kMaxUsername = 508;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? 0xedb88320U ^ (value >> 1) : value >> 1;
    table[i] = value;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kCrcTable = make_crc_table();

std::uint32_t crc32_update(std::uint32_t crc, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) crc = kCrcTable[(crc ^ byte) & 0xff] ^ (crc >> 8);
  return crc;
}

constexpr std::size_t padded(std::size_t length) {
  return (length + 3) & ~std::size_t{3};
}

// The class bits C1 and C0 lie between the method's bits (RFC 8489 5).
std::uint16_t encode_type(StunClass message_class, std::uint16_t method) {
  const unsigned c = static_cast<unsigned>(message_class);
  const unsigned m = method;
  return static_cast<std::uint16_t>((m & 0x0f80) << 2 | (m & 0x0070) << 1 | (m & 0x000f) | (c & 2) << 7 |
                                    (c & 1) << 4);
}

// The HMAC is taken over a header whose length field counts MESSAGE-INTEGRITY as the last attribute (14.5).
std::array<std::uint8_t, kHmacBytes> integrity_of(std::span<const std::uint8_t> before,
                                                  std::span<const std::uint8_t> key) {
  std::vector<std::uint8_t> covered(before.begin(), before.end());
  store_be16(covered.data() + 2,
             static_cast<std::uint16_t>(covered.size() - kStunHeaderBytes + kAttributeHeader + kHmacBytes));
  std::array<std::uint8_t, kHmacBytes> digest{};
  unsigned length = 0;
  // HMAC allows an empty key, but OpenSSL takes a null pointer as "keep the old key".
  static constexpr std::uint8_t kNoKey = 0;
  HMAC(EVP_sha1(), key.empty() ? &kNoKey : key.data(), static_cast<int>(key.size()), covered.data(),
       covered.size(), digest.data(), &length);
  return digest;
}

std::uint32_t fingerprint_of(std::span<const std::uint8_t> before) {
  // As for the HMAC, the length field counts FINGERPRINT itself.
  std::array<std::uint8_t, 4> head{before[0], before[1], 0, 0};
  store_be16(head.data() + 2, static_cast<std::uint16_t>(before.size() - kStunHeaderBytes + 8));
  const std::uint32_t crc = crc32_update(crc32_update(0xffffffff, head), before.subspan(4));
  return ~crc ^ kFingerprintXor;
}

bool known(std::uint16_t type) {
  switch (static_cast<StunAttribute>(type)) {
    case StunAttribute::kMappedAddress:
    case StunAttribute::kUsername:
    case StunAttribute::kMessageIntegrity:
    case StunAttribute::kErrorCode:
    case StunAttribute::kUnknownAttributes:
    case StunAttribute::kRealm:
    case StunAttribute::kNonce:
    case StunAttribute::kMessageIntegritySha256:
    case StunAttribute::kXorMappedAddress:
    case StunAttribute::kPriority:
    case StunAttribute::kUseCandidate:
    case StunAttribute::kSoftware:
    case StunAttribute::kFingerprint:
    case StunAttribute::kIceControlled:
    case StunAttribute::kIceControlling:
      return true;
  }
  return false;
}

std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// XOR-MAPPED-ADDRESS (14.2): the address is xored with header bytes 4 to 19, which are the cookie and the
// transaction id.
void xor_with_header(std::span<std::uint8_t> address, const std::uint8_t* header) {
  for (std::size_t i = 0; i < address.size(); ++i) address[i] ^= header[4 + i];
}

}  // namespace

std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  return ~crc32_update(0xffffffff, bytes);
}

std::optional<StunView> StunView::parse(std::span<const std::uint8_t> datagram) {
  if (datagram.size() < kStunHeaderBytes || datagram.size() > kStunMaxBytes) return std::nullopt;
  const std::uint16_t type = load_be16(datagram.data());
  const std::uint16_t length = load_be16(datagram.data() + 2);
  if ((type & 0xc000) != 0 || length % 4 != 0 || length != datagram.size() - kStunHeaderBytes)
    return std::nullopt;
  if (load_be32(datagram.data() + 4) != kStunMagicCookie) return std::nullopt;
  StunView view;
  view.bytes_ = datagram;
  view.class_ = static_cast<StunClass>((type >> 7 & 2) | (type >> 4 & 1));
  view.method_ = static_cast<std::uint16_t>((type & 0x000f) | (type >> 1 & 0x0070) | (type >> 2 & 0x0f80));
  std::copy_n(datagram.begin() + 8, view.transaction_id_.size(), view.transaction_id_.begin());
  if (!view.parse_attributes()) return std::nullopt;
  return view;
}

bool StunView::parse_attributes() {
  bool protected_part = true;  // false after MESSAGE-INTEGRITY
  std::size_t offset = kStunHeaderBytes;
  while (offset < bytes_.size()) {
    if (bytes_.size() - offset < kAttributeHeader) return false;
    const std::uint16_t type = load_be16(bytes_.data() + offset);
    const std::uint16_t length = load_be16(bytes_.data() + offset + 2);
    offset += kAttributeHeader;
    if (padded(length) > bytes_.size() - offset || entry_count_ == entries_.size()) return false;
    const bool fingerprint = type == static_cast<std::uint16_t>(StunAttribute::kFingerprint);
    const bool last = offset + padded(length) == bytes_.size();
    if (fingerprint && !last) return false;
    if (protected_part || fingerprint) {
      entries_[entry_count_++] = {type, static_cast<std::uint16_t>(offset), length};
      if (type < 0x8000 && !known(type)) note_unknown(type);
    }
    if (type == static_cast<std::uint16_t>(StunAttribute::kMessageIntegrity)) protected_part = false;
    offset += padded(length);
  }
  return true;
}

void StunView::note_unknown(std::uint16_t type) {
  const auto seen = unknown_required();
  if (unknown_count_ == unknown_.size() || std::find(seen.begin(), seen.end(), type) != seen.end()) return;
  unknown_[unknown_count_++] = type;
}

std::optional<std::span<const std::uint8_t>> StunView::find(StunAttribute type) const {
  for (std::size_t i = 0; i < entry_count_; ++i)
    if (entries_[i].type == static_cast<std::uint16_t>(type))
      return bytes_.subspan(entries_[i].offset, entries_[i].length);
  return std::nullopt;
}

std::optional<std::string_view> StunView::username() const {
  const auto value = find(StunAttribute::kUsername);
  if (!value || value->empty() || value->size() > kMaxUsername) return std::nullopt;
  return as_text(*value);
}

std::optional<std::uint32_t> StunView::priority() const {
  const auto value = find(StunAttribute::kPriority);
  if (!value || value->size() != 4) return std::nullopt;
  return load_be32(value->data());
}

std::optional<std::uint64_t> StunView::ice_controlling() const {
  const auto value = find(StunAttribute::kIceControlling);
  if (!value || value->size() != 8) return std::nullopt;
  return std::uint64_t{load_be32(value->data())} << 32 | load_be32(value->data() + 4);
}

std::optional<std::uint64_t> StunView::ice_controlled() const {
  const auto value = find(StunAttribute::kIceControlled);
  if (!value || value->size() != 8) return std::nullopt;
  return std::uint64_t{load_be32(value->data())} << 32 | load_be32(value->data() + 4);
}

std::optional<config::SocketAddress> StunView::xor_mapped_address() const {
  const auto value = find(StunAttribute::kXorMappedAddress);
  if (!value || value->size() < 4) return std::nullopt;
  const std::size_t address_bytes = value->size() - 4;
  const std::uint8_t family = (*value)[1];
  if (!((family == 1 && address_bytes == 4) || (family == 2 && address_bytes == 16))) return std::nullopt;
  std::array<std::uint8_t, 16> address{};
  std::copy(value->begin() + 4, value->end(), address.begin());
  xor_with_header({address.data(), address_bytes}, bytes_.data());
  const auto port = static_cast<std::uint16_t>(load_be16(value->data() + 2) ^ (kStunMagicCookie >> 16));
  return config::SocketAddress{config::IpAddress::from_bytes({address.data(), address_bytes}), port};
}

std::optional<StunError> StunView::error_code() const {
  const auto value = find(StunAttribute::kErrorCode);
  if (!value || value->size() < 4) return std::nullopt;
  const unsigned hundreds = (*value)[2] & 0x07;
  const unsigned rest = (*value)[3];
  if (hundreds < 3 || hundreds > 6 || rest > 99) return std::nullopt;
  return StunError{static_cast<std::uint16_t>(hundreds * 100 + rest), as_text(value->subspan(4))};
}

std::optional<std::string_view> StunView::software() const {
  const auto value = find(StunAttribute::kSoftware);
  if (!value) return std::nullopt;
  return as_text(*value);
}

bool StunView::fingerprint_ok() const {
  const auto value = find(StunAttribute::kFingerprint);
  if (!value || value->size() != 4) return false;
  const auto before =
      bytes_.first(static_cast<std::size_t>(value->data() - bytes_.data()) - kAttributeHeader);
  return load_be32(value->data()) == fingerprint_of(before);
}

bool StunView::integrity_ok(std::span<const std::uint8_t> key) const {
  const auto value = find(StunAttribute::kMessageIntegrity);
  if (!value || value->size() != kHmacBytes) return false;
  const auto before =
      bytes_.first(static_cast<std::size_t>(value->data() - bytes_.data()) - kAttributeHeader);
  const auto expected = integrity_of(before, key);
  return CRYPTO_memcmp(expected.data(), value->data(), kHmacBytes) == 0;
}

bool StunView::integrity_ok(std::string_view password) const {
  return integrity_ok(as_bytes(password));
}

StunWriter::StunWriter(StunClass message_class, std::uint16_t method,
                       const StunTransactionId& transaction_id) {
  bytes_.reserve(128);
  bytes_.resize(kStunHeaderBytes);
  store_be16(bytes_.data(), encode_type(message_class, method));
  store_be32(bytes_.data() + 4, kStunMagicCookie);
  std::copy(transaction_id.begin(), transaction_id.end(), bytes_.begin() + 8);
}

void StunWriter::set_length(std::size_t attribute_bytes) {
  store_be16(bytes_.data() + 2, static_cast<std::uint16_t>(attribute_bytes));
}

void StunWriter::add(StunAttribute type, std::span<const std::uint8_t> value) {
  assert(value.size() <= 65535 - kAttributeHeader);
  const std::size_t start = bytes_.size();
  bytes_.resize(start + kAttributeHeader + padded(value.size()));
  store_be16(bytes_.data() + start, static_cast<std::uint16_t>(type));
  store_be16(bytes_.data() + start + 2, static_cast<std::uint16_t>(value.size()));
  std::copy(value.begin(), value.end(),
            bytes_.begin() + static_cast<std::ptrdiff_t>(start + kAttributeHeader));
  set_length(bytes_.size() - kStunHeaderBytes);
}

void StunWriter::add_text(StunAttribute type, std::string_view text) {
  add(type, as_bytes(text));
}

void StunWriter::add_u32(StunAttribute type, std::uint32_t value) {
  std::array<std::uint8_t, 4> raw{};
  store_be32(raw.data(), value);
  add(type, raw);
}

void StunWriter::add_u64(StunAttribute type, std::uint64_t value) {
  std::array<std::uint8_t, 8> raw{};
  store_be32(raw.data(), static_cast<std::uint32_t>(value >> 32));
  store_be32(raw.data() + 4, static_cast<std::uint32_t>(value));
  add(type, raw);
}

void StunWriter::add_xor_mapped_address(const config::SocketAddress& address) {
  std::array<std::uint8_t, 20> raw{};
  const std::size_t address_bytes = address.ip.size();
  raw[1] = address.ip.is_v6() ? 2 : 1;
  store_be16(raw.data() + 2, static_cast<std::uint16_t>(address.port ^ (kStunMagicCookie >> 16)));
  std::copy_n(address.ip.bytes.begin(), address_bytes, raw.begin() + 4);
  xor_with_header({raw.data() + 4, address_bytes}, bytes_.data());
  add(StunAttribute::kXorMappedAddress, {raw.data(), 4 + address_bytes});
}

void StunWriter::add_error_code(std::uint16_t code, std::string_view reason) {
  assert(code >= 300 && code <= 699);
  std::vector<std::uint8_t> raw(4 + reason.size());
  raw[2] = static_cast<std::uint8_t>(code / 100);
  raw[3] = static_cast<std::uint8_t>(code % 100);
  std::copy(reason.begin(), reason.end(), raw.begin() + 4);
  add(StunAttribute::kErrorCode, raw);
}

void StunWriter::add_unknown_attributes(std::span<const std::uint16_t> types) {
  std::vector<std::uint8_t> raw(2 * types.size());
  for (std::size_t i = 0; i < types.size(); ++i) store_be16(raw.data() + 2 * i, types[i]);
  add(StunAttribute::kUnknownAttributes, raw);
}

void StunWriter::add_message_integrity(std::string_view password) {
  add(StunAttribute::kMessageIntegrity, integrity_of(bytes_, as_bytes(password)));
}

void StunWriter::add_fingerprint() {
  add_u32(StunAttribute::kFingerprint, fingerprint_of(bytes_));
}

}  // namespace sluice::control
