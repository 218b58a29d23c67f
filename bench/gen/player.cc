#include "bench/gen/player.h"

#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "bench/gen/echo.h"
#include "bench/gen/verify.h"

namespace sluice::gen {
namespace {

constexpr std::size_t kReceiveBurst = 64;
constexpr std::uint32_t kSlowEvery = 16;     // turns; one in so many does the slow work
constexpr double kWarmUpRate = 20'000;       // packets/s
constexpr double kSettleSeconds = 2;         // longest wait for the last packets of a trial
constexpr double kQuietSeconds = 0.02;       // without media for this long, all packets have come
constexpr double kLateSeconds = 0.0005;      // packets that are due for longer are not sent
constexpr double kNapLateSeconds = 0.002;    // the same for a player that sleeps between bursts
constexpr double kFrameLateSeconds = 0.002;  // the same for frames
constexpr double kReached = 0.995;           // of the rate asked for
constexpr timespec kNap{0, 100'000};
constexpr double kEchoEvery = 0.05;   // s
constexpr double kEchoSeconds = 0.5;  // longest wait for a relay that answers no ping

double microseconds(std::uint32_t steps, const Clock& clock) {
  return steps * static_cast<double>(LatencyHistogram::kTicksPerStep) * 1e6 / clock.tsc_hz;
}

}  // namespace

Player::Player(const Plan& plan, Link& link, const Clock& clock, std::unique_ptr<crypto::SrtpEngine> engine,
               bool mirrored, std::atomic<bool>& stop)
    : plan_(plan),
      link_(link),
      clock_(clock),
      mirrored_(mirrored),
      stop_(stop),
      source_(plan, link, std::move(engine)),
      forger_(source_, link),
      wire_(plan.takes_gbps, clock.tsc_hz),
      sink_(plan, source_, mirrored),
      neighbors_(plan),
      control_(plan, source_, clock.tsc_hz) {
  sink_.on_other = [this](std::span<const std::uint8_t> frame) {
    auto answer = neighbors_.answer(frame);
    if (answer.empty() && is_echo_reply(frame))
      echoed_ = true;
    else if (answer.empty())
      control_.on_frame(frame, counts_);
    else if (control_.frames.size() < ControlTraffic::kMaxQueued)
      control_.frames.push_back(std::move(answer));
  };
  if (control_.wants_media() && !mirrored)
    sink_.on_media = [this](std::uint32_t receiver, std::uint16_t sequence) {
      control_.on_media(receiver, sequence);
    };
  if (!mirrored) return;
  double owed = 0;
  double rates = 0;
  for (const PlanStream& stream : plan.streams) {
    owed += stream.packets_per_second * stream.outputs;
    rates += stream.packets_per_second;
  }
  copies_ = static_cast<std::uint32_t>(std::max(1.0, owed / rates + 0.5));
}

Player::Turn Player::turn(std::size_t due, std::uint64_t now) {
  Turn done;
  if (due != 0) {
    if (flood_.per_packet > 0)
      source_.send(due, counts_, forger_.make(flood_, due, counts_));
    else
      source_.send(due, counts_);
    done.sent = due;
  }
  for (std::uint16_t queue = 0; queue < link_.queues(); ++queue) done.received += drain_queue(queue);
  if (++turns_ % kSlowEvery == 0) {
    if (!mirrored_) control_.poll(now, counts_);
    if (!control_.frames.empty()) send_frames();
  }
  return done;
}

std::size_t Player::drain_queue(std::uint16_t queue) {
  std::array<rte_mbuf*, kReceiveBurst> packets;
  const std::size_t room = wire_.room(rte_rdtsc(), packets.size());
  if (room == 0) return 0;
  const std::size_t count = link_.receive(queue, packets.data(), room);
  if (wire_.is_paced()) {
    for (std::size_t i = 0; i < count; ++i) wire_.took(packets[i]->pkt_len);
    if (count < room) wire_.idle(rte_rdtsc());
  }
  if (count == 0) return 0;
  // When mirrored, as many times as the relay would have sent the packet.
  for (std::uint32_t copy = 0; copy < copies_; ++copy)
    sink_.take(std::span(packets).first(count), rte_rdtsc(), counts_);
  link_.give_back(queue, packets.data(), count);
  return count;
}

void Player::send_frames() {
  for (const auto& frame : control_.frames) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(link_.pool());
    if (mbuf == nullptr) break;
    char* data = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size()));
    if (data != nullptr) std::memcpy(data, frame.data(), frame.size());
    mbuf->ol_flags = link_.mac() ? 0 : RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    if (data == nullptr || link_.send(0, &mbuf, 1) != 1) rte_pktmbuf_free(mbuf);
  }
  control_.frames.clear();
}

void Player::nap() const {
  if (naps_) clock_nanosleep(CLOCK_MONOTONIC, 0, &kNap, nullptr);
}

void Player::settle(double seconds) {
  const std::uint64_t end = rte_rdtsc() + ticks(seconds);
  std::uint64_t last = rte_rdtsc();
  for (std::uint64_t now = last; now < end && now < last + ticks(kQuietSeconds); now = rte_rdtsc()) {
    const std::uint64_t media = counts_.received;  // only media counts, since reports never stop
    const bool idle = turn(0, now).received == 0;
    if (counts_.received != media) last = now;
    if (idle) nap();
  }
}

// The relay asked for the addresses of the endpoints when they were created, before this process started, and
// asks again only after a second. So this answers the questions that wait. All other packets that wait were
// for an earlier generator, and are freed.
void Player::answer_earlier_questions() {
  std::array<rte_mbuf*, kReceiveBurst> packets;
  for (std::uint16_t queue = 0; queue < link_.queues(); ++queue)
    while (const std::size_t count = link_.receive(queue, packets.data(), packets.size())) {
      for (std::size_t i = 0; i < count && control_.frames.size() < ControlTraffic::kMaxQueued; ++i) {
        auto answer =
            neighbors_.answer({rte_pktmbuf_mtod(packets[i], const std::uint8_t*), packets[i]->data_len});
        if (!answer.empty()) control_.frames.push_back(std::move(answer));
      }
      link_.give_back(queue, packets.data(), count);
    }
}

// Answers the relay's questions until it has handled the answers. Before that, the relay drops copies for a
// receiver whose MAC it does not know, and media of a plain sender whose address it does not know.
void Player::tell_where_we_are() {
  answer_earlier_questions();
  std::uint16_t asked = 0;
  const std::uint64_t begin = rte_rdtsc();
  for (std::uint64_t now = begin; !echoed_ && !stop_ && now < begin + ticks(kEchoSeconds);
       now = rte_rdtsc()) {
    if (now >= begin + ticks(kEchoEvery * asked))
      control_.frames.push_back(make_echo_request(plan_, asked++));
    send_frames();
    turn(0, now);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &kNap, nullptr);  // the relay's control thread may need this CPU
  }
}

bool Player::warm_up(double seconds, std::string& error) {
  const std::uint64_t deadline = rte_rdtsc() + ticks(seconds);
  sink_.begin_trial(false);
  if (!mirrored_) tell_where_we_are();
  while (sink_.silent() != 0 && !stop_ && rte_rdtsc() < deadline) {
    std::vector<std::uint32_t> streams;
    for (const std::uint32_t receiver : sink_.silent_receivers())
      streams.push_back(mirrored_ ? receiver : plan_.receivers[receiver].stream);
    std::sort(streams.begin(), streams.end());
    streams.erase(std::unique(streams.begin(), streams.end()), streams.end());
    const std::uint64_t begin = rte_rdtsc();
    for (std::size_t sent = 0; sent < streams.size() && !stop_;) {
      const std::uint64_t now = rte_rdtsc();
      const auto due =
          static_cast<std::size_t>(static_cast<double>(now - begin) * kWarmUpRate / clock_.tsc_hz);
      const std::size_t count = std::min({due > sent ? due - sent : 0, streams.size() - sent, kBurst});
      if (count != 0) source_.send_of(streams.data() + sent, count, counts_);
      sent += count;
      if (turn(0, now).received == 0) nap();
    }
    const std::uint64_t until = rte_rdtsc() + ticks(mirrored_ ? 0.01 : 0.25);
    for (std::uint64_t now = rte_rdtsc(); now < until && sink_.silent() != 0; now = rte_rdtsc())
      if (turn(0, now).received == 0) nap();
  }
  if (sink_.silent() == 0) return true;
  const auto silent = sink_.silent_receivers();
  const PlanReceiver& first = plan_.receivers[mirrored_ ? 0 : silent[0]];
  error = std::to_string(silent.size()) + " of " + std::to_string(plan_.receivers.size()) +
          " receivers heard nothing within " + std::to_string(static_cast<int>(seconds)) +
          " s; the first is receivers[" + std::to_string(silent[0]) + "], SSRC " +
          std::to_string(first.ssrc) + " at " + plan_.endpoints[first.endpoint].address.to_string() + " (" +
          std::to_string(counts_.other) + " frames of other kinds came, " +
          std::to_string(counts_.strangers) + " media of unknown SSRC or address)";
  return false;
}

Player::Turn Player::frame_turn(Frames& frames, std::uint32_t packets, std::uint64_t now) {
  std::size_t sent = 0;
  if (const auto due = frames.next(now, ticks(kFrameLateSeconds))) {
    if (due->late) {
      counts_.skipped += packets;
    } else {
      std::array<std::uint32_t, kBurst> streams;
      streams.fill(due->stream);
      for (; sent < packets; sent += std::min(kBurst, packets - sent))
        source_.send_of(streams.data(), std::min(kBurst, packets - sent), counts_);
    }
  }
  Turn done = turn(0, now);
  done.sent = sent;
  return done;
}

// How many packets may be late and are sent even so, all at once. A ring of a NIC's size must not overflow by
// that: then the loss would be the generator's.
std::size_t Player::most_late(const TrialOptions& options) const {
  const double late = naps_ ? kNapLateSeconds : kLateSeconds;
  double most = std::max(options.rate * late, 2.0 * kBurst);
  const auto half_a_ring = static_cast<double>(link_.capacity()) / 2 / (1 + options.flood.per_packet);
  if (half_a_ring > 0) most = std::min(most, std::max<double>(half_a_ring, kBurst));
  return static_cast<std::size_t>(most);
}

/// Sends and receives until `end`, and sets `end` to when that was. Returns the ticks that it was busy for.
double Player::play(const TrialOptions& options, std::uint64_t begin, std::uint64_t& end) {
  const double per_tick = options.rate / clock_.tsc_hz;
  const std::size_t most = most_late(options);
  std::optional<Frames> frames;
  if (options.frames.packets != 0) frames.emplace(options.frames, clock_.tsc_hz, begin, frame_seed_++);
  std::uint64_t busy = 0;
  std::uint64_t planned = 0;
  std::uint64_t now = begin;
  while (now < end && !stop_.load(std::memory_order_relaxed)) {
    std::size_t due = kBurst;
    if (frames) {
      due = 0;
    } else if (options.rate > 0) {
      const auto target = static_cast<std::uint64_t>(static_cast<double>(now - begin) * per_tick);
      // When the host has taken the CPU away for a while, do not send all late packets at once: that would
      // measure the host.
      if (target - planned > most) {
        counts_.skipped += target - planned - most;
        planned = target - most;
      }
      due = std::min<std::uint64_t>(target - planned, kBurst);
    }
    const Turn done = frames ? frame_turn(*frames, options.frames.packets, now) : turn(due, now);
    planned += done.sent;
    const std::uint64_t after = rte_rdtsc();
    if (done.sent != 0 || done.received != 0) busy += after - now;
    now = after;
    // Sleeps only when less than a burst is left in both directions.
    if (naps_ && due < kBurst && done.received < kReceiveBurst) {
      nap();
      now = rte_rdtsc();
    }
  }
  end = now;
  return static_cast<double>(busy);
}

Trial Player::run(const TrialOptions& options) {
  Trial trial;
  trial.rate = options.frames.packets != 0 ? options.frames.rate() : options.rate;
  counts_ = {};
  flood_ = options.flood;
  sink_.begin_trial(options.verify);
  trial.begin_ns = nanoseconds(CLOCK_MONOTONIC);
  const std::uint64_t begin = rte_rdtsc();
  std::uint64_t end = begin + ticks(options.seconds);
  const double busy = play(options, begin, end);
  trial.seconds = static_cast<double>(end - begin) / clock_.tsc_hz;
  trial.busy_share = busy / static_cast<double>(end - begin);
  const std::uint64_t in_time = counts_.received;
  settle(kSettleSeconds);
  trial.end_ns = nanoseconds(CLOCK_MONOTONIC);
  trial.counts = counts_;
  trial.cycles_per_packet = counts_.sent == 0 ? 0 : busy / static_cast<double>(counts_.sent);
  sum_up(trial, in_time);
  if (options.verify) {
    Verdict verdict = verify(plan_, sink_, source_.pattern(), mirrored_);
    trial.verified = verdict.verified;
    trial.verify_failures = verdict.failures;
    trial.failure_reasons = std::move(verdict.reasons);
  }
  return trial;
}

void Player::sum_up(Trial& trial, std::uint64_t in_time) {
  const Counts& counts = trial.counts;
  trial.input_pps = static_cast<double>(counts.sent) / trial.seconds;
  trial.output_pps = static_cast<double>(counts.received) / trial.seconds;
  const std::uint64_t expected = mirrored_ ? counts.sent : counts.expected;
  const auto share = [expected](std::uint64_t received) {
    return expected > received ? static_cast<double>(expected - received) / static_cast<double>(expected) : 0;
  };
  trial.lost = expected > counts.received ? expected - counts.received : 0;
  trial.loss_ratio = share(counts.received);
  trial.behind_seconds = trial.seconds * share(in_time);
  trial.generator_limited = trial.rate > 0 && trial.input_pps < trial.rate * kReached;
  LatencyHistogram& latency = sink_.latency();
  trial.latency = {microseconds(latency.quantile(0.5), clock_), microseconds(latency.quantile(0.99), clock_),
                   microseconds(latency.quantile(0.999), clock_), microseconds(latency.max(), clock_)};
}

}  // namespace sluice::gen
