// dtls_reassembly: a script of handshake fragments with lengths and bytes that contradict each other, ranges
// that overlap, gaps between message numbers, and new ClientHellos. OpenSSL gets whole messages only, each
// once, in order, and each byte of them is one that a fragment brought. What waits stays within its bound.
// As long as no fragment contradicts another one, a simple reassembler gives the same records. After all of
// it, a message that comes whole, or in two datagrams that nothing interrupts, gets through.
//
// The input is one byte for our role, then steps: one byte for the kind, then its operands. A fragment joins
// the datagram that is being made.
#include "controlplane/protocol/dtls/dtls_reassembly.h"

#include <array>
#include <map>
#include <utility>

#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::control;
using fuzz::Bytes;
using Span = std::span<const std::uint8_t>;

constexpr std::size_t kRecord = 13;   // bytes of the header of a record,
constexpr std::size_t kMessage = 12;  // and of a handshake message
constexpr std::uint8_t kChangeCipherSpec = 20, kHandshake = 22;
constexpr std::uint8_t kClientHello = 1, kServerHelloDone = 14, kCertificateVerify = 15;

enum Step : std::uint8_t {
  kPiece,    // a valid fragment of a message near the next one
  kAny,      // a fragment whose header may be wrong
  kCut,      // what follows goes into a record of its own
  kSend,     // the datagram arrives
  kCipher,   // a ChangeCipherSpec
  kSealed,   // a record of a later epoch
  kRestart,  // a new association, if the peer has begun anew
  kRaw,      // a datagram of the script's bytes arrives
  kSteps,
};

struct Fragment {
  std::uint8_t type = 0;
  std::uint16_t number = 0;
  std::uint32_t length = 0, offset = 0;
  Bytes bytes;

  bool is_whole() const { return bytes.size() == length; }
  bool is_of(const Fragment& other) const {
    return type == other.type && number == other.number && length == other.length;
  }
};

std::uint32_t number_at(Span bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes.subspan(at, size)) value = value << 8 | byte;
  return value;
}

void put(Bytes& to, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    to.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put(Bytes& to, const Fragment& fragment) {
  put(to, fragment.type, 1);
  put(to, fragment.length, 3);
  put(to, fragment.number, 2);
  put(to, fragment.offset, 3);
  put(to, fragment.bytes.size(), 3);
  to.insert(to.end(), fragment.bytes.begin(), fragment.bytes.end());
}

void put_record(Bytes& to, std::uint8_t type, std::uint16_t epoch, std::uint64_t sequence, Span payload) {
  put(to, type, 1);
  put(to, 0xfefd, 2);
  put(to, epoch, 2);
  put(to, sequence, 6);
  put(to, payload.size(), 2);
  to.insert(to.end(), payload.begin(), payload.end());
}

// Calls `visit` with each record of `records`. REQUIRES: they are whole.
template <typename Visit>
void each_record(Span records, Visit visit) {
  while (!records.empty()) {
    FUZZ_CHECK(records.size() >= kRecord);
    const std::size_t length = kRecord + number_at(records, 11, 2);
    FUZZ_CHECK(length <= records.size());
    visit(records.first(length));
    records = records.subspan(length);
  }
}

std::vector<Fragment> fragments_of(Span record) {
  std::vector<Fragment> fragments;
  for (Span rest = record.subspan(kRecord); !rest.empty();) {
    FUZZ_CHECK(rest.size() >= kMessage);
    Fragment fragment;
    fragment.type = rest[0];
    fragment.length = number_at(rest, 1, 3);
    fragment.number = static_cast<std::uint16_t>(number_at(rest, 4, 2));
    fragment.offset = number_at(rest, 6, 3);
    const Span bytes = rest.subspan(kMessage, number_at(rest, 9, 3));
    fragment.bytes.assign(bytes.begin(), bytes.end());
    rest = rest.subspan(kMessage + bytes.size());
    fragments.push_back(std::move(fragment));
  }
  return fragments;
}

bool is_early(Span record) {
  return number_at(record, 3, 2) == 0;
}

// Puts messages together as long as no fragment contradicts another one.
class SimpleReassembler {
 public:
  bool lost() const { return lost_; }
  std::size_t held() const {
    std::size_t bytes = 0;
    for (const auto& [number, message] : messages_) bytes += message.header.length;
    return bytes;
  }

  void take(Span records, Bytes& out) {
    each_record(records, [&](Span record) {
      if (is_early(record) && record[0] == kHandshake) {
        for (const Fragment& fragment : fragments_of(record)) add(fragment);
        return;
      }
      release(out);
      if (!is_early(record)) {
        if (ciphered_) out.insert(out.end(), record.begin(), record.end());
      } else if (last_ == kCertificateVerify || last_ == kServerHelloDone) {
        ciphered_ = true;
        put_record(out, kChangeCipherSpec, 0, record_++, record.subspan(kRecord));
      }
    });
    release(out);
  }

 private:
  struct Message {
    Fragment header;
    std::map<std::size_t, std::uint8_t> bytes;
  };

  void add(const Fragment& fragment) {
    if (fragment.number < next_ || fragment.number > next_ + kDtlsMaxAhead) return;
    Message& message = messages_.try_emplace(fragment.number, Message{fragment, {}}).first->second;
    lost_ = lost_ || !message.header.is_of(fragment) || held() > kDtlsMaxMessageBytes;
    for (std::size_t i = 0; i < fragment.bytes.size(); ++i) {
      const auto had = message.bytes.try_emplace(fragment.offset + i, fragment.bytes[i]);
      lost_ = lost_ || had.first->second != fragment.bytes[i];
    }
  }
  void release(Bytes& out) {
    for (auto at = messages_.find(next_); at != messages_.end(); at = messages_.find(next_)) {
      Message& message = at->second;
      if (message.bytes.size() != message.header.length) return;
      Fragment whole = message.header;
      whole.offset = 0;
      whole.bytes.clear();
      for (const auto& [offset, byte] : message.bytes) whole.bytes.push_back(byte);
      Bytes payload;
      put(payload, whole);
      put_record(out, kHandshake, 0, record_++, payload);
      last_ = whole.type;
      messages_.erase(at);
      ++next_;
    }
  }

  std::map<std::uint16_t, Message> messages_;
  std::uint16_t next_ = 0;
  std::uint64_t record_ = 0;
  std::uint8_t last_ = 0;
  bool ciphered_ = false;
  bool lost_ = false;  // what the other reassembler does from now on is its own choice
};

class Association {
 public:
  explicit Association(DtlsRole role) : role_(role) {}

  std::uint16_t next() const { return next_; }

  void receive(const Bytes& datagram) {
    const Bytes records = screen_datagram(datagram, role_).records;
    std::size_t most = kDtlsMaxMessageBytes + kDtlsMaxMessages * (kRecord + kMessage);
    hellos_.clear();
    each_record(records, [&](Span record) {
      most += record.size();
      if (!is_early(record) || record[0] != kHandshake) return;
      for (Fragment& fragment : fragments_of(record)) {
        most += kRecord;
        if (fragment.type == kClientHello && fragment.number == 0 && fragment.length != 0 &&
            fragment.is_whole())
          hellos_.push_back(fragment);
        given_.push_back(std::move(fragment));
      }
    });
    const bool had_hello = next_ == 1;
    const bool has_other = std::any_of(hellos_.begin(), hellos_.end(),
                                       [&](const Fragment& hello) { return hello.bytes != hello_; });
    Bytes out;
    reassembly_.take(records, out);
    FUZZ_CHECK(out.size() <= most && reassembly_.held() <= kDtlsMaxMessageBytes);
    simple_out_.clear();
    if (!simple_.lost()) simple_.take(records, simple_out_);
    if (!simple_.lost()) FUZZ_CHECK(out == simple_out_ && reassembly_.held() == simple_.held());
    check_output(out);
    if (had_hello) FUZZ_CHECK(reassembly_.begun_anew() == (has_other && next_ == 1));
    FUZZ_CHECK(!reassembly_.begun_anew() || (next_ == 1 && !hellos_.empty()));
  }

  // What the transport does for a new association.
  void restart() {
    if (!reassembly_.begun_anew()) return;
    *this = Association(role_, std::move(reassembly_), std::move(hellos_));
    Bytes out;
    reassembly_.restart(out);
    FUZZ_CHECK(!reassembly_.begun_anew() && reassembly_.held() == 0);
    check_output(out);
    FUZZ_CHECK(next_ == 1 && next_record_ == 1 && last_type_ == kClientHello);
    simple_.take(out, simple_out_);
    FUZZ_CHECK(simple_out_ == out);
  }

  // The next message gets through. It is none that came before.
  void check_alive() {
    const std::size_t length = 300;
    Fragment whole{std::uint8_t{11}, next_, length, 0, Bytes(length, 0xa5)};
    Association other = *this;
    other.receive(datagram_of(whole));
    FUZZ_CHECK(other.next_ > next_);
    Fragment first = whole, second = whole;
    first.bytes.resize(100);
    second.bytes.resize(200);
    second.offset = 100;
    const std::uint16_t wanted = next_;
    for (int round = 0; round < 3 && next_ == wanted; ++round) {
      receive(datagram_of(first));
      receive(datagram_of(second));
    }
    FUZZ_CHECK(next_ > wanted);
  }

 private:
  Association(DtlsRole role, DtlsReassembly reassembly, std::vector<Fragment> given)
      : role_(role), reassembly_(std::move(reassembly)), given_(std::move(given)) {}

  static Bytes datagram_of(const Fragment& fragment) {
    Bytes payload, datagram;
    put(payload, fragment);
    put_record(datagram, kHandshake, 0, 0, payload);
    return datagram;
  }

  void check_output(const Bytes& out) {
    each_record(out, [&](Span record) {
      if (!is_early(record)) return FUZZ_CHECK(ciphered_);
      FUZZ_CHECK(number_at(record, 1, 2) == 0xfefd && number_at(record, 5, 2) == 0);
      FUZZ_CHECK(number_at(record, 7, 4) == next_record_++);
      if (record[0] == kChangeCipherSpec) {
        FUZZ_CHECK(last_type_ == kCertificateVerify || last_type_ == kServerHelloDone);
        ciphered_ = true;
        return;
      }
      FUZZ_CHECK(record[0] == kHandshake);
      const auto messages = fragments_of(record);
      FUZZ_CHECK(messages.size() == 1 && messages[0].number == next_ && messages[0].is_whole());
      check_origin(messages[0]);
      if (messages[0].type == kClientHello) hello_ = messages[0].bytes;
      last_type_ = messages[0].type;
      ++next_;
    });
  }

  // Fragments of that message, as to type, number and length, brought each of its bytes.
  void check_origin(const Fragment& message) const {
    std::vector<bool> brought(message.length);
    bool any = false;
    for (const Fragment& fragment : given_) {
      if (!fragment.is_of(message)) continue;
      any = true;
      for (std::size_t i = 0; i < fragment.bytes.size(); ++i)
        if (fragment.bytes[i] == message.bytes[fragment.offset + i]) brought[fragment.offset + i] = true;
    }
    FUZZ_CHECK(any && std::find(brought.begin(), brought.end(), false) == brought.end());
  }

  DtlsRole role_;
  DtlsReassembly reassembly_;
  SimpleReassembler simple_;
  Bytes simple_out_;
  std::vector<Fragment> given_;   // to this association
  std::vector<Fragment> hellos_;  // whole ones in the last datagram
  Bytes hello_;
  std::uint16_t next_ = 0;
  std::uint64_t next_record_ = 0;
  std::uint8_t last_type_ = 0;
  bool ciphered_ = false;
};

class Script {
 public:
  explicit Script(DtlsRole role) : role_(role), association_(role) {}

  void step(fuzz::Input& input) {
    switch (static_cast<Step>(input.u8() % kSteps)) {
      case kPiece:
        return add(piece(input));
      case kAny: {
        Fragment fragment{input.u8(), input.u16(), input.u16(), input.u16(), {}};
        fragment.bytes = input.take(input.u8());
        return add(fragment);
      }
      case kCut:
        return end_record();
      case kSend:
        return send();
      case kCipher:
        end_record();
        return put_record(datagram_, kChangeCipherSpec, 0, 9, Bytes{1});
      case kSealed:
        end_record();
        return put_record(datagram_, kHandshake, 1, 0, input.take(input.u8()));
      case kRestart:
        send();
        return association_.restart();
      case kRaw:
        send();
        return association_.receive(input.take(std::min<std::size_t>(input.u16(), kDtlsMaxDatagram)));
      case kSteps:
        return;
    }
  }

  void check_end() {
    send();
    association_.check_alive();
  }

 private:
  // Different variants of a message have other bytes in some places.
  Fragment piece(fuzz::Input& input) const {
    constexpr std::array<std::uint8_t, 4> kOfClient{kClientHello, 11, kCertificateVerify, 16};
    constexpr std::array<std::uint8_t, 8> kOfServer{2, 11, 12, 13, kServerHelloDone, 3, 4, 22};
    const std::uint8_t what = input.u8();
    const std::uint8_t variant = what / 64U;
    Fragment fragment;
    fragment.type = role_ == DtlsRole::kPassive ? kOfClient[what % 4U] : kOfServer[what % 8U];
    fragment.number = static_cast<std::uint16_t>(std::max(association_.next() + what / 8U % 8U, 1U) - 1U);
    fragment.length = input.u16() % 12289U;
    fragment.offset = input.u16() % (fragment.length + 1);
    const std::size_t left = fragment.length - fragment.offset;
    fragment.bytes.resize(input.u16() % (std::min<std::size_t>(left, 1200) + 1));
    for (std::size_t i = 0; i < fragment.bytes.size(); ++i) {
      const std::size_t at = fragment.offset + i;
      fragment.bytes[i] = static_cast<std::uint8_t>(at * 31 + fragment.number + (at % 16 == 0 ? variant : 0));
    }
    return fragment;
  }

  void add(const Fragment& fragment) {
    Bytes bytes;
    put(bytes, fragment);
    if (datagram_.size() + kRecord + payload_.size() + bytes.size() > kDtlsMaxDatagram) send();
    payload_.insert(payload_.end(), bytes.begin(), bytes.end());
  }
  void end_record() {
    if (datagram_.size() > kDtlsMaxDatagram - 2 * kRecord - 255) send();
    if (!payload_.empty()) put_record(datagram_, kHandshake, 0, 7, payload_);
    payload_.clear();
  }
  void send() {
    if (!payload_.empty()) put_record(datagram_, kHandshake, 0, 7, payload_);
    payload_.clear();
    association_.receive(std::exchange(datagram_, {}));
  }

  DtlsRole role_;
  Association association_;
  Bytes datagram_;
  Bytes payload_;  // of the record that is being made
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Script script(input.u8() % 2 == 0 ? DtlsRole::kPassive : DtlsRole::kActive);
  for (int steps = 0; steps < 200 && !input.empty(); ++steps) script.step(input);
  script.check_end();
  return 0;
}
