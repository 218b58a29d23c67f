// ice_lite: a script of genuine and forged checks, restarts and passing time, for one ICE-lite agent. Only a
// message with the right integrity for one of our passwords changes any state. Every message is counted once.
// Each answer is a well-formed answer to the request, and the answer to a forged request is never longer than
// the request. The number of pairs is bounded.
//
// A step is one byte for the kind, then its operands. This target makes most bytes of a check, because a
// fuzzer cannot guess an HMAC. The script gives the attributes, their order and the password.
#include "controlplane/protocol/ice/ice_lite.h"

#include <memory>
#include <string>

#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::control;
using fuzz::Bytes;
using std::chrono::milliseconds;

enum Step : std::uint8_t { kRaw, kCheck, kForgedCheck, kTime, kRestart, kRemoteUfrag, kExpire, kSteps };

IceCredentials credentials_number(unsigned number) {
  IceCredentials made;
  made.ufrag = "ours" + std::to_string(number);
  const std::string password = "password-of-generation-" + std::to_string(number);
  made.password.assign(fuzz::as_bytes(password));
  return made;
}

class Agent {
 public:
  void step(fuzz::Input& input) {
    switch (input.u8() % kSteps) {
      case kRaw:
        return receive(input.piece(), input);
      case kCheck:
        return receive(check(input, true), input);
      case kForgedCheck:
        return receive(check(input, false), input);
      case kTime:
        now_ += milliseconds(10 * input.u16());
        FUZZ_CHECK(ice_.pair_count() > 0 || !ice_.consent_expired(now_));
        return;
      case kRestart:
        return restart();
      case kRemoteUfrag:
        return set_remote_ufrag(input.u8());
      case kExpire:
        return expire();
    }
  }

  void check_end() const {
    std::uint64_t refused = 0;
    for (std::size_t i = 0; i < kIceRefusals; ++i) refused += ice_.refused(static_cast<IceRefusal>(i));
    FUZZ_CHECK(refused + accepted_ == received_);
    FUZZ_CHECK(ice_.refused(IceRefusal::kNone) == 0 && ice_.kept_back() <= refused);
  }

 private:
  // A check with the attributes that the script names. A `valid` one is signed with one of our passwords.
  Bytes check(fuzz::Input& input, bool valid) {
    const std::uint8_t shape = input.u8();
    const bool previous = (shape & 1) != 0;
    const unsigned generation = previous && generation_ > 0 ? generation_ - 1 : generation_;
    const std::string remote = "peer" + std::to_string(shape >> 6);
    StunWriter writer((shape & 2) != 0 ? StunClass::kIndication : StunClass::kRequest,
                      (shape & 4) != 0 ? input.u16() & 0xfff : kStunBinding, {1, 2, 3});
    if ((shape & 8) == 0)
      writer.add_text(StunAttribute::kUsername, credentials_number(generation).ufrag + ":" + remote);
    for (int left = input.u8() % 8; left > 0; --left) add_attribute(writer, input);
    if ((shape & 16) == 0)
      writer.add_message_integrity(valid ? credentials_number(generation).password_text() : "a guess");
    if ((shape & 32) == 0) writer.add_fingerprint();
    return writer.take();
  }

  static void add_attribute(StunWriter& writer, fuzz::Input& input) {
    switch (input.u8() % 6) {
      case 0:
        return writer.add_flag(StunAttribute::kUseCandidate);
      case 1:
        return writer.add_u64(StunAttribute::kIceControlling, input.u8());
      case 2:
        return writer.add_u64(StunAttribute::kIceControlled, input.u8());
      case 3:
        return writer.add_u32(StunAttribute::kPriority, input.u32());
      default: {
        const std::uint16_t type = input.u16();
        return writer.add(static_cast<StunAttribute>(type), input.take(input.u8()));
      }
    }
  }

  void receive(const Bytes& datagram, fuzz::Input& input) {
    const auto view = StunView::parse(datagram);
    if (!view) return;
    ++received_;
    const std::uint8_t where = input.u8();
    IcePair pair;
    pair.local = {config::IpAddress::v4(198, 18, 0, 1), 3478};
    pair.remote = {config::IpAddress::v4(198, 18, 1, where % 32),
                   static_cast<std::uint16_t>(4000 + where / 128)};
    if (where % 64 >= 32) pair.remote.ip = *config::IpAddress::parse("2001:db8::2");
    const std::size_t pairs = ice_.pair_count();
    const auto selected = ice_.selected(now_);
    const auto nominated = ice_.nominated(now_);
    const bool authentic = is_authentic(*view);

    const IceOutcome outcome = ice_.on_request(*view, pair.remote, pair.local, now_);
    FUZZ_CHECK(ice_.pair_count() <= kIceMaxPairs);
    if (!outcome.response.empty()) check_response(*view, outcome, pair.remote);
    FUZZ_CHECK(!ice_refusal_name(outcome.refusal).empty());
    if (outcome.refusal != IceRefusal::kNone) {
      FUZZ_CHECK(ice_.pair_count() == pairs && ice_.selected(now_) == selected &&
                 ice_.nominated(now_) == nominated);
      FUZZ_CHECK(!outcome.validated && !outcome.nominated && !outcome.evicted && !outcome.retired_ufrag);
      FUZZ_CHECK(authentic || outcome.response.size() <= datagram.size());
      return;
    }
    ++accepted_;
    FUZZ_CHECK(authentic && !outcome.response.empty());
    FUZZ_CHECK(ice_.is_validated(pair, now_));
    FUZZ_CHECK(!view->use_candidate() || (ice_.nominated(now_).has_value() && !ice_.consent_expired(now_)));
    FUZZ_CHECK(ice_.pair_count() == pairs + (outcome.validated && !outcome.evicted ? 1 : 0));
    if (outcome.retired_ufrag) in_restart_ = false;
  }

  // True when the message is signed with a password that is valid now.
  bool is_authentic(const StunView& view) const {
    const bool current = view.integrity_ok(credentials_number(generation_).password_text());
    return view.fingerprint_ok() &&
           (current ||
            (in_restart_ && view.integrity_ok(credentials_number(generation_ - 1).password_text())));
  }

  static void check_response(const StunView& request, const IceOutcome& outcome,
                             const config::SocketAddress& from) {
    const auto response = StunView::parse(outcome.response);
    FUZZ_CHECK(response && response->fingerprint_ok());
    FUZZ_CHECK(request.message_class() == StunClass::kRequest && request.method() == kStunBinding);
    FUZZ_CHECK(response->transaction_id() == request.transaction_id() && response->method() == kStunBinding);
    const bool good = outcome.refusal == IceRefusal::kNone;
    FUZZ_CHECK(response->message_class() == (good ? StunClass::kResponse : StunClass::kError));
    if (good)
      FUZZ_CHECK(response->xor_mapped_address() == from && response->has(StunAttribute::kMessageIntegrity));
    if (!good) FUZZ_CHECK(response->error_code().has_value());
  }

  void restart() {
    if (generation_ == 1000) return;
    const auto retired = ice_.restart(credentials_number(++generation_));
    FUZZ_CHECK(retired.has_value() == in_restart_);
    in_restart_ = true;
  }

  void set_remote_ufrag(std::uint8_t which) {
    const std::size_t pairs = ice_.pair_count();
    const auto forgotten = ice_.set_remote_ufrag("peer" + std::to_string(which % 4));
    FUZZ_CHECK(ice_.pair_count() + forgotten.size() == pairs);
    for (const IcePair& pair : forgotten) FUZZ_CHECK(!ice_.is_validated(pair, now_));
  }

  void expire() {
    const std::size_t pairs = ice_.pair_count();
    const auto selected = ice_.selected(now_);
    const auto forgotten = ice_.expire(now_);
    FUZZ_CHECK(ice_.pair_count() + forgotten.size() == pairs && ice_.selected(now_) == selected);
    FUZZ_CHECK(ice_.expire(now_).empty());
  }

  IceLite ice_{credentials_number(0), milliseconds(30000)};
  IceLite::TimePoint now_{std::chrono::hours(1)};
  unsigned generation_ = 0;
  bool in_restart_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t accepted_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Agent agent;
  for (int steps = 0; steps < 200 && !input.empty(); ++steps) agent.step(input);
  agent.check_end();
  return 0;
}
