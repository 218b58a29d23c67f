#include "controlplane/protocol/dtls/dtls_reassembly.h"

#include <algorithm>
#include <utility>

#include "dataplane/wire/frame.h"

namespace sluice::control {
namespace {

using dataplane::load_be16;
using dataplane::store_be16;

constexpr std::size_t kHeader = 12;
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint8_t kServerHelloDone = 14;
constexpr std::uint8_t kCertificateVerify = 15;

}  // namespace

void DtlsReassembly::take(std::span<const std::uint8_t> records, std::vector<std::uint8_t>& out) {
  other_hello_.clear();
  for (auto record = first_record(records); !record.empty(); record = first_record(records)) {
    records = records.subspan(record.size());
    // OpenSSL would keep a whole buffer for each record that comes before its epoch.
    if (epoch_of(record) != 0) {
      release(out);
      if (cipher_changed_) out.insert(out.end(), record.begin(), record.end());
      continue;
    }
    auto payload = record.subspan(kDtlsRecordHeader);
    if (DtlsContentType{record[0]} != DtlsContentType::kHandshake) {
      release(out);
      if (last_type_ != kCertificateVerify && last_type_ != kServerHelloDone) continue;
      cipher_changed_ = true;
      append_record(DtlsContentType{record[0]}, payload, out);
      continue;
    }
    while (!payload.empty()) {
      Fragment fragment;
      fragment.type = payload[0];
      fragment.length = load_be24(payload.data() + 1);
      fragment.number = load_be16(payload.data() + 4);
      fragment.offset = load_be24(payload.data() + 6);
      fragment.bytes = payload.subspan(kHeader, load_be24(payload.data() + 9));
      payload = payload.subspan(kHeader + fragment.bytes.size());
      take(fragment);
    }
  }
  // Only now: the datagram may bring the true message after an early one that was forged.
  release(out);
}

void DtlsReassembly::take(const Fragment& fragment) {
  const bool whole = fragment.bytes.size() == fragment.length;
  if (fragment.number < next_) {
    const bool is_hello = fragment.type == kClientHello && fragment.length != 0;
    const bool anew = whole && is_hello && fragment.number == 0 && next_ == 1 &&
                      !std::equal(hello_.begin(), hello_.end(), fragment.bytes.begin(), fragment.bytes.end());
    if (anew) other_hello_.assign(fragment.bytes.begin(), fragment.bytes.end());
    return;  // else the peer repeats what OpenSSL has
  }
  if (fragment.number - next_ > kDtlsMaxAhead) return;
  keep(fragment);
}

// The fragment joins every message that it does not contradict. When it contradicts one, or there is none, it
// also begins a message of its own.
void DtlsReassembly::keep(const Fragment& fragment) {
  bool alone = true;
  bool contradicts = false;
  for (Message& message : messages_) {
    if (message.number != fragment.number) continue;
    if (message.type != fragment.type || message.body.size() != fragment.length) continue;
    bool fits = true;
    for (std::size_t i = 0; i < fragment.bytes.size() && fits; ++i)
      fits = !message.have[fragment.offset + i] || message.body[fragment.offset + i] == fragment.bytes[i];
    if (!fits) {
      contradicts = true;
      continue;
    }
    alone = false;
    for (std::size_t i = 0; i < fragment.bytes.size(); ++i) {
      if (message.have[fragment.offset + i]) continue;
      message.have[fragment.offset + i] = true;
      message.body[fragment.offset + i] = fragment.bytes[i];
      --message.missing;
    }
  }
  if (!alone && !contradicts) return;
  make_space(fragment.length);
  Message message;
  message.type = fragment.type;
  message.number = fragment.number;
  message.body.resize(fragment.length);
  message.have.resize(fragment.length);
  std::copy(fragment.bytes.begin(), fragment.bytes.end(), message.body.begin() + fragment.offset);
  std::fill_n(message.have.begin() + fragment.offset, fragment.bytes.size(), true);
  message.missing = fragment.length - fragment.bytes.size();
  messages_.push_back(std::move(message));
}

// Drops those of which the least has come, the oldest first. The peer sends again what it misses.
void DtlsReassembly::make_space(std::size_t bytes) {
  std::size_t needed = held() + bytes;
  while (!messages_.empty() && (messages_.size() >= kDtlsMaxMessages || needed > kDtlsMaxMessageBytes)) {
    const auto least =
        std::min_element(messages_.begin(), messages_.end(), [](const Message& a, const Message& b) {
          return a.body.size() - a.missing < b.body.size() - b.missing;
        });
    needed -= least->body.size();
    messages_.erase(least);
  }
}

std::size_t DtlsReassembly::held() const {
  std::size_t bytes = 0;
  for (const Message& message : messages_) bytes += message.body.size();
  return bytes;
}

// Gives OpenSSL the messages that are complete and next. Of several the last one: a forged message that came
// early does not stand before the true one.
void DtlsReassembly::release(std::vector<std::uint8_t>& out) {
  for (;;) {
    const auto ready = std::find_if(messages_.rbegin(), messages_.rend(), [&](const Message& message) {
      return message.number == next_ && message.missing == 0;
    });
    if (ready == messages_.rend()) break;
    const Message message = std::move(*ready);
    emit(message.type, message.body, out);
  }
}

void DtlsReassembly::emit(std::uint8_t type, std::span<const std::uint8_t> body,
                          std::vector<std::uint8_t>& out) {
  std::vector<std::uint8_t> payload(kHeader + body.size());
  payload[0] = type;
  store_be24(payload.data() + 1, body.size());
  store_be16(payload.data() + 4, next_);
  store_be24(payload.data() + 9, body.size());
  std::copy(body.begin(), body.end(), payload.begin() + kHeader);
  append_record(DtlsContentType::kHandshake, payload, out);
  if (type == kClientHello) hello_.assign(body.begin(), body.end());
  if (next_ != 0) other_hello_.clear();
  last_type_ = type;
  ++next_;
  std::erase_if(messages_, [&](const Message& message) { return message.number < next_; });
}

void DtlsReassembly::append_record(DtlsContentType type, std::span<const std::uint8_t> payload,
                                   std::vector<std::uint8_t>& out) {
  const std::size_t at = out.size();
  out.resize(at + kDtlsRecordHeader);
  store_record_header(&out[at], type, 0, next_record_++, payload.size());
  out.insert(out.end(), payload.begin(), payload.end());
}

void DtlsReassembly::restart(std::vector<std::uint8_t>& out) {
  const auto hello = std::exchange(other_hello_, {});
  *this = {};
  emit(kClientHello, hello, out);
}

}  // namespace sluice::control
