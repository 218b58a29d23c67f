// dtls_transport: a script of what a bad wire and an attacker do to a DTLS handshake with a real peer
// (OpenSSL, used directly). An association calls on_connected at most once, ends at most once, and does
// nothing after its end. Every datagram that it sends holds whole records. When both sides are connected,
// their keys are equal; when the wire did no harm, both are connected.
//
// The input is one byte of options, then steps: one byte for the kind, then its operands.
#include "controlplane/protocol/dtls/dtls_transport.h"

#include <optional>

#include "tests/controlplane/protocol/dtls_peer.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::control;
using fuzz::Bytes;
using test::DtlsPeer;
using Span = std::span<const std::uint8_t>;

enum Option : std::uint8_t { kActiveRole = 1, kFingerprintsFirst = 2, kSmallMtu = 4, kWrongFingerprint = 8 };
enum Step : std::uint8_t {
  kExchange,      // all datagrams on the wire arrive
  kToUs,          // one datagram to us arrives
  kToPeer,        // one datagram to the peer arrives
  kTwice,         // one datagram to us arrives twice
  kFingerprints,  // signalling gives the peer's fingerprints
  kTime,          // time passes
  kLose,          // one datagram to us is lost; this step and all below count as harm
  kFlip,          // one datagram to us arrives with one byte changed
  kCut,           // one datagram to us arrives cut short
  kMadeUp,        // a datagram of the script's bytes arrives
  kPeerEnds,
  kWeEnd,
  kWeFail,
  kSteps,
};

std::shared_ptr<const DtlsContext> context() {
  static const auto made = [] {
    std::string error;
    auto context = DtlsContext::make(DtlsCertificate::self_made(error), crypto::kAllSrtpProfiles, error);
    FUZZ_CHECK(context != nullptr);
    return context;
  }();
  return made;
}

test::PeerOptions peer_options(std::uint8_t options) {
  test::PeerOptions peer;
  peer.client = (options & kActiveRole) == 0;
  peer.mtu = (options & kSmallMtu) != 0 ? 300 : 1200;
  return peer;
}

class Wire {
 public:
  explicit Wire(std::uint8_t options) : options_(options), peer_(peer_options(options)) {
    DtlsOptions ours;
    ours.role = (options & kActiveRole) != 0 ? DtlsRole::kActive : DtlsRole::kPassive;
    ours.mtu = (options & kSmallMtu) != 0 ? kDtlsMtuMin : 1200;
    mtu_ = ours.mtu;
    std::string error;
    transport_ = DtlsTransport::make(context(), ours, callbacks(), error);
    FUZZ_CHECK(transport_ != nullptr);
    if ((options & kFingerprintsFirst) != 0) tell_fingerprints();
    transport_->start(now_);
    peer_.run();
  }

  void step(fuzz::Input& input) {
    const auto what = static_cast<Step>(input.u8() % kSteps);
    harmed_ = harmed_ || what >= kLose;
    switch (what) {
      case kExchange:
        return exchange();
      case kToUs:
        return receive(next_of(peer_.sent));
      case kToPeer:
        return to_peer();
      case kTwice: {
        const Bytes datagram = next_of(peer_.sent);
        receive(datagram);
        return receive(datagram);
      }
      case kFingerprints:
        return tell_fingerprints();
      case kTime:
        return pass(input.u16());
      case kLose:
        static_cast<void>(next_of(peer_.sent));
        return;
      case kFlip:
        return flipped(input);
      case kCut: {
        Bytes datagram = next_of(peer_.sent);
        datagram.resize(datagram.empty() ? 0 : input.u16() % datagram.size());
        return receive(datagram);
      }
      case kMadeUp:
        return receive(input.piece());
      case kPeerEnds:
        if (peer_.connected) peer_.shut_down();
        return;
      case kWeEnd:
        transport_->close();
        closed_by_us_ = true;
        return;
      case kWeFail:
        return transport_->fail("as the script says");
      case kSteps:
        return;
    }
  }

  void check_end() {
    exchange();
    const bool known = told_ && (options_ & kWrongFingerprint) == 0;
    if (!harmed_ && !timed_out_) FUZZ_CHECK((connected_ == 1) == known);
    if (!harmed_ && told_ && !known && !timed_out_) FUZZ_CHECK(failure_ == DtlsFailure::kFingerprintMismatch);
    if (connected_ == 1 && peer_.connected) check_keys();
    check_state();
  }

 private:
  DtlsTransport::Callbacks callbacks() {
    DtlsTransport::Callbacks callbacks;
    callbacks.send = [this](Span datagram) { send(datagram); };
    callbacks.on_connected = [this](crypto::SrtpProfile profile, const crypto::MasterKey& to_peer,
                                    const crypto::MasterKey& from_peer) {
      FUZZ_CHECK(connected_ == 0 && ends_ == 0);
      FUZZ_CHECK(told_ && (options_ & kWrongFingerprint) == 0);
      ++connected_;
      FUZZ_CHECK(to_peer.profile == profile && from_peer.profile == profile);
      send_key_ = to_peer;
      receive_key_ = from_peer;
    };
    callbacks.on_failed = [this](DtlsFailure failure, const std::string& text) {
      FUZZ_CHECK(ends_ == 0 && !text.empty() && !dtls_failure_name(failure).empty());
      ++ends_;
      failure_ = failure;
      timed_out_ = timed_out_ || failure == DtlsFailure::kHandshakeTimeout;
    };
    callbacks.on_closed = [this] {
      FUZZ_CHECK(ends_ == 0 && connected_ == 1);
      ++ends_;
    };
    return callbacks;
  }

  void send(Span datagram) {
    FUZZ_CHECK(ends_ == 0);
    FUZZ_CHECK(!datagram.empty() && datagram.size() <= mtu_);
    FUZZ_CHECK(last_record(datagram).has_value());
    std::size_t whole = 0;
    while (whole + kDtlsRecordHeader <= datagram.size())
      whole += kDtlsRecordHeader + datagram[whole + 11] * 256U + datagram[whole + 12];
    FUZZ_CHECK(whole == datagram.size());
    sent_.emplace_back(datagram.begin(), datagram.end());
  }

  static Bytes next_of(std::deque<Bytes>& queue) {
    if (queue.empty()) return {};
    Bytes datagram = std::move(queue.front());
    queue.pop_front();
    datagram.shrink_to_fit();
    return datagram;
  }

  void receive(const Bytes& datagram) {
    const DtlsState before = transport_->state();
    transport_->receive(datagram, now_);
    if (before == DtlsState::kFailed || before == DtlsState::kClosed)
      FUZZ_CHECK(transport_->state() == before);
    if (before == DtlsState::kConnected)
      FUZZ_CHECK(transport_->state() != DtlsState::kNew && transport_->state() != DtlsState::kHandshaking);
    check_state();
  }

  void check_state() const {
    const DtlsState state = transport_->state();
    FUZZ_CHECK(!dtls_state_name(state).empty());
    FUZZ_CHECK((state == DtlsState::kConnected) == (connected_ == 1 && ends_ == 0 && !closed_by_us_));
    FUZZ_CHECK((state == DtlsState::kFailed) == failure_.has_value());
    const auto& counters = transport_->counters();
    FUZZ_CHECK(counters.datagrams_sent >= sent_.size() &&
               counters.datagrams_refused <= counters.datagrams_received);
  }

  void to_peer() {
    if (!sent_.empty()) peer_.receive(next_of(sent_));
  }

  void exchange() {
    for (int rounds = 0; rounds < 100 && (!sent_.empty() || !peer_.sent.empty()); ++rounds) {
      while (!peer_.sent.empty()) receive(next_of(peer_.sent));
      while (!sent_.empty()) to_peer();
    }
  }

  void flipped(fuzz::Input& input) {
    Bytes datagram = next_of(peer_.sent);
    const std::uint16_t at = input.u16();
    const std::uint8_t bits = input.u8();
    if (!datagram.empty()) datagram[at % datagram.size()] ^= bits;
    receive(datagram);
  }

  void tell_fingerprints() {
    std::string error;
    auto fingerprint = DtlsFingerprint::parse("sha-256", peer_.fingerprint(EVP_sha256()), error);
    FUZZ_CHECK(fingerprint.has_value());
    if ((options_ & kWrongFingerprint) != 0) fingerprint->digest[0] ^= 1;
    if (transport_->state() == DtlsState::kNew || transport_->state() == DtlsState::kHandshaking)
      told_ = true;
    transport_->set_fingerprints({*fingerprint}, now_);
  }

  void pass(std::uint16_t ms) {
    now_ += std::chrono::milliseconds(ms);
    const auto due = transport_->next_timeout();
    const bool over = transport_->state() == DtlsState::kFailed || transport_->state() == DtlsState::kClosed;
    FUZZ_CHECK(!over || !due);
    transport_->on_timer(now_);
    check_state();
  }

  void check_keys() const {
    const crypto::SrtpProfileInfo info = crypto::profile_info(send_key_.profile);
    FUZZ_CHECK(peer_.profile_name() == info.dtls_name);
    const std::size_t key = info.key_length;
    const std::size_t salt = info.salt_length;
    const Bytes material = peer_.keying_material(2 * (key + salt));
    const Span all(material);
    const bool active = (options_ & kActiveRole) != 0;
    const crypto::MasterKey& client = active ? send_key_ : receive_key_;
    const crypto::MasterKey& server = active ? receive_key_ : send_key_;
    const auto same = [](Span a, Span b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); };
    FUZZ_CHECK(same(client.key.bytes(), all.subspan(0, key)));
    FUZZ_CHECK(same(server.key.bytes(), all.subspan(key, key)));
    FUZZ_CHECK(same(client.salt.bytes(), all.subspan(2 * key, salt)));
    FUZZ_CHECK(same(server.salt.bytes(), all.subspan(2 * key + salt, salt)));
  }

  const std::uint8_t options_;
  DtlsPeer peer_;
  DtlsTransport::TimePoint now_{std::chrono::hours(1)};
  std::deque<Bytes> sent_;
  std::size_t mtu_ = 0;
  bool told_ = false;
  bool harmed_ = false;
  bool timed_out_ = false;
  bool closed_by_us_ = false;
  int connected_ = 0;
  int ends_ = 0;
  std::optional<DtlsFailure> failure_;
  crypto::MasterKey send_key_;
  crypto::MasterKey receive_key_;
  std::unique_ptr<DtlsTransport> transport_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Wire wire(input.u8());
  for (int steps = 0; steps < 40 && !input.empty(); ++steps) wire.step(input);
  wire.check_end();
  return 0;
}
