#include "crypto/ipsec_mb/ipsec_mb_engine.h"

#include <intel-ipsec-mb.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "crypto/ipsec_mb/ipsec_mb_counter.h"
#include "crypto/ipsec_mb/ipsec_mb_gcm.h"
#include "crypto/ipsec_mb/ipsec_mb_jobs.h"
#include "crypto/ipsec_mb/ipsec_mb_keys.h"
#include "crypto/ipsec_mb/lane_counter.h"
#include "crypto/ipsec_mb/length_order.h"
#include "crypto/ipsec_mb/wide_gcm.h"
#include "crypto/kernels/avx512.h"
#include "crypto/srtp/instruction_set.h"
#include "crypto/srtp/packet_index.h"
#include "crypto/srtp/srtp_bytes.h"
#include "crypto/srtp/srtp_kdf.h"

namespace sluice::crypto {
namespace {

constexpr std::size_t kMaxPacket = 0xffff;
constexpr char kUnready[] = "a job came with keys that are released or that another engine expanded";

/// Whether the RTP header agrees with the job, as srtp_engine.h requires.
[[maybe_unused]] bool header_agrees(const RtpProtectJob& job) {
  const auto sequence = static_cast<std::uint16_t>(job.packet[2] << 8 | job.packet[3]);
  return sequence == static_cast<std::uint16_t>(job.index) && load_be32(job.packet + 8) == job.ssrc;
}

// check() says kOk when the lengths and the index of a job are possible. A peer decides the lengths, so wrong
// ones are a status and never an assertion.

SrtpStatus check(const RtpProtectJob& job) {
  if (job.header_length < kRtpHeaderLengthMin ||
      std::size_t{job.header_length} + job.payload_length + kMaxRtpTrailer > kMaxPacket)
    return SrtpStatus::kMalformed;
  if (job.index > kMaxPacketIndex) return SrtpStatus::kExhausted;
  assert(header_agrees(job));
  return SrtpStatus::kOk;
}

SrtpStatus check(const RtpUnprotectJob& job) {
  const std::size_t tag_length = job.keys->rtp_tag_length;
  if (job.header_length < kRtpHeaderLengthMin || job.length < job.header_length + tag_length)
    return SrtpStatus::kMalformed;
  return job.index > kMaxPacketIndex ? SrtpStatus::kExhausted : SrtpStatus::kOk;
}

SrtpStatus check(const RtcpProtectJob& job) {
  if (job.length < kRtcpHeaderLength || job.length + kMaxRtcpTrailer > kMaxPacket)
    return SrtpStatus::kMalformed;
  return job.index > kMaxSrtcpIndex ? SrtpStatus::kExhausted : SrtpStatus::kOk;
}

SrtpStatus check(const RtcpUnprotectJob& job) {
  const std::size_t tag_length = profile_info(job.keys->profile).rtcp_tag_length;
  const bool possible = job.length >= kRtcpHeaderLength + kSrtcpWordLength + tag_length;
  return possible ? SrtpStatus::kOk : SrtpStatus::kMalformed;
}

/// The jobs of one stage by family. Those for hash lanes are in descending order of length. Jobs that fail
/// the check are in no family and have their status.
template <class Job>
struct Families {
  std::array<Job*, kStageJobs> counter;
  std::array<Job*, kStageJobs> gcm;
  std::array<Job*, kStageJobs> own_gcm;
  std::size_t counter_count = 0;
  std::size_t gcm_count = 0;
  std::size_t own_gcm_count = 0;
  bool unready = false;  // this engine did not expand the keys of some job

  explicit Families(std::span<Job> jobs) {
    std::size_t different = 0;
    // With many endpoints these lines are in no near cache.
    for (const Job& job : jobs) __builtin_prefetch(&job.keys->profile);
    for (Job& job : jobs) {
      const SrtpKeys& keys = *job.keys;
      if (keys.form == KeyForm::kNone) {
        job.status = SrtpStatus::kInternal;
        unready = true;
        continue;
      }
      job.status = check(job);
      if (job.status != SrtpStatus::kOk) continue;
      if (keys.form == KeyForm::kCounter) {
        __builtin_prefetch(&counter_keys(block_of(job)).inner);
        different |= length_class(job) ^ length_class(*(counter_count == 0 ? &job : counter[0]));
        counter[counter_count++] = &job;
      } else if (kIsRtp<Job> && keys.form == KeyForm::kOwnGcm) {
        own_gcm[own_gcm_count++] = &job;
      } else {
        gcm[gcm_count++] = &job;
      }
    }
    if (different != 0) order_by_length(counter_jobs());
  }

  std::span<Job*> counter_jobs() { return {counter.data(), counter_count}; }
  std::span<Job*> gcm_jobs() { return {gcm.data(), gcm_count}; }
  std::span<Job*> own_gcm_jobs() { return {own_gcm.data(), own_gcm_count}; }
};

template <class Job, class Work>
void for_each_stage(std::span<Job> jobs, std::size_t most, Work work) {
  while (!jobs.empty()) {
    const std::size_t count = std::min(jobs.size(), most);
    work(jobs.first(count));
    jobs = jobs.subspan(count);
  }
}

/// The state of SHA-1 after one block: the key padded with zeros, xor `pad`.
void start_hmac(IMB_MGR* manager, std::span<const std::uint8_t> key, std::uint8_t pad, std::uint8_t* state) {
  std::array<std::uint8_t, IMB_SHA1_BLOCK_SIZE> block{};
  std::copy(key.begin(), key.end(), block.begin());
  for (std::uint8_t& byte : block) byte ^= pad;
  IMB_SHA1_ONE_BLOCK(manager, block.data(), state);
  wipe(block.data(), block.size());
}

void expand_counter(IMB_MGR* manager, std::span<const std::uint8_t> key,
                    std::span<const std::uint8_t> authentication, CounterKeys& out) {
  // The library also makes the keys of decryption, which counter mode does not use.
  alignas(64) std::array<std::uint8_t, sizeof out.round_keys> unused;
  IMB_AES_KEYEXP_128(manager, key.data(), out.round_keys.data(), unused.data());
  wipe(unused.data(), unused.size());
  start_hmac(manager, authentication, 0x36, out.inner.data());
  start_hmac(manager, authentication, 0x5c, out.outer.data());
}

void expand_gcm(IMB_MGR* manager, std::span<const std::uint8_t> key, gcm_key_data* out) {
  if (key.size() == IMB_GCM_256_KEY_LEN)
    IMB_AES256_GCM_PRE(manager, key.data(), out);
  else
    IMB_AES128_GCM_PRE(manager, key.data(), out);
}

}  // namespace

struct IpsecMbEngine::Stage {
  explicit Stage(bool wanted)
      : own_kernels(wanted && widest_instruction_set() == InstructionSet::kAuto && cpu_has_avx512_lanes()) {}

  CounterBursts counter;
  LaneCounter lanes;
  GcmCalls gcm;
  WideGcm wide_gcm;
  const bool own_kernels;  // whether lanes and wide_gcm are used

  std::size_t most_jobs() const { return own_kernels ? kStageJobs : kBurstStageJobs; }

  /// False when the library refused a job.
  template <class Job>
  [[nodiscard]] bool process_counter(IpsecMbManager& manager, std::span<Job*> jobs) {
    if constexpr (kIsRtp<Job>) {
      const std::size_t in_lanes = own_kernels ? LaneCounter::share(jobs.size()) : 0;
      lanes.process(jobs.first(in_lanes));
      jobs = jobs.subspan(in_lanes);
    }
    return jobs.empty() || counter.process(manager, jobs);
  }
};

std::unique_ptr<IpsecMbEngine> IpsecMbEngine::create(std::string& error, bool own_kernels) {
  std::optional<IpsecMbManager> manager = IpsecMbManager::create(error);
  if (!manager) return nullptr;
  return std::unique_ptr<IpsecMbEngine>(
      new IpsecMbEngine(std::move(*manager), std::make_unique<Stage>(own_kernels)));
}

IpsecMbEngine::IpsecMbEngine(IpsecMbManager manager, std::unique_ptr<Stage> stage)
    : manager_(std::move(manager)), stage_(std::move(stage)) {}

IpsecMbEngine::~IpsecMbEngine() = default;

std::string IpsecMbEngine::description() const {
  return manager_.description() + (stage_->own_kernels ? ", AES-128 in our own kernels (AVX512 + VAES)" : "");
}

bool IpsecMbEngine::expand(const MasterKey& master, Direction direction, SrtpKeys& out) {
  assert(!out.ready);
  SessionKeys session;
  if (!derive_session_keys(master, session)) {
    wipe(&out, sizeof out);
    last_error_ =
        "key derivation refused: the master key or salt has not its profile's length, or OpenSSL failed";
    return false;
  }
  expand_session(session, master.profile, direction, out);
  return true;
}

void IpsecMbEngine::expand_session(const SessionKeys& session, SrtpProfile profile, Direction direction,
                                   SrtpKeys& out) {
  wipe(&out, sizeof out);
  IMB_MGR* manager = manager_.wide();
  if (profile_info(profile).aead) {
    out.form =
        stage_->own_kernels && profile == SrtpProfile::kAeadAes128Gcm ? KeyForm::kOwnGcm : KeyForm::kGcm;
    if (out.form == KeyForm::kOwnGcm) {
      std::copy_n(session.rtp_key.bytes().begin(), out.near.size(), out.near.begin());
      make_gcm_powers(out.near.data(), own_gcm_keys(out.rtp));
    } else {
      expand_gcm(manager, session.rtp_key.bytes(), gcm_keys(out.rtp));
    }
    expand_gcm(manager, session.rtcp_key.bytes(), gcm_keys(out.rtcp));
  } else {
    out.form = KeyForm::kCounter;
    expand_counter(manager, session.rtp_key.bytes(), session.rtp_authentication.bytes(),
                   counter_keys(out.rtp));
    std::copy_n(session.rtp_key.bytes().begin(), out.near.size(), out.near.begin());
    expand_counter(manager, session.rtcp_key.bytes(), session.rtcp_authentication.bytes(),
                   counter_keys(out.rtcp));
  }
  const auto copy_salt = [](std::span<const std::uint8_t> from, std::array<std::uint8_t, 14>& to) {
    std::copy(from.begin(), from.end(), to.begin());
  };
  copy_salt(session.rtp_salt.bytes(), out.rtp_salt);
  copy_salt(session.rtcp_salt.bytes(), out.rtcp_salt);
  out.profile = profile;
  out.rtp_tag_length = profile_info(profile).rtp_tag_length;
  out.engine = EngineKind::kIpsecMb;
  out.direction = direction;
  out.context = nullptr;
  out.ready = true;
}

void IpsecMbEngine::release(SrtpKeys& keys) {
  wipe(&keys, sizeof keys);
}

void IpsecMbEngine::protect(std::span<RtpProtectJob> jobs) {
  process(jobs);
}
void IpsecMbEngine::protect_rtcp(std::span<RtcpProtectJob> jobs) {
  process(jobs);
}
void IpsecMbEngine::unprotect(std::span<RtpUnprotectJob> jobs) {
  process(jobs);
}
void IpsecMbEngine::unprotect_rtcp(std::span<RtcpUnprotectJob> jobs) {
  process(jobs);
}

template <class Job>
void IpsecMbEngine::process(std::span<Job> jobs) {
  for_each_stage(jobs, stage_->most_jobs(), [this](std::span<Job> some) {
    Families<Job> families(some);
    if (families.counter_count > 0 && !stage_->process_counter(manager_, families.counter_jobs()))
      last_error_ = manager_.error_text();
    if constexpr (kIsRtp<Job>)
      if (families.own_gcm_count > 0) stage_->wide_gcm.process(families.own_gcm_jobs());
    if (families.gcm_count > 0) stage_->gcm.process(manager_.wide(), families.gcm_jobs());
    if (families.unready) last_error_ = kUnready;
  });
}

}  // namespace sluice::crypto
