#include "crypto/ipsec_mb/ipsec_mb_counter.h"

#include <cassert>
#include <cstring>

#include "crypto/ipsec_mb/ipsec_mb_jobs.h"
#include "crypto/srtp/counter_iv.h"
#include "crypto/srtp/packet_index.h"
#include "crypto/srtp/secret.h"
#include "crypto/srtp/srtp_bytes.h"

namespace sluice::crypto {
namespace {

constexpr std::size_t kRocLength = 4;

template <class Job>
std::size_t tag_length_of(const Job& job) {
  const SrtpProfileInfo& info = profile_info(job.keys->profile);
  return kIsRtp<Job> ? info.rtp_tag_length : info.rtcp_tag_length;
}

template <class Job>
void fetch_round_keys(const Job& job) {
  const CounterKeys& keys = counter_keys(block_of(job));
  prefetch_lines(keys.round_keys.data(), sizeof keys.round_keys);
}

/// Sets kInternal in the jobs that the library did not complete. True when all are complete.
bool mark_incomplete(std::span<IMB_JOB> jobs, std::size_t completed, IMB_STATUS wanted) {
  if (completed == jobs.size()) return true;
  for (const IMB_JOB& job : jobs)
    if ((job.status & wanted) != wanted || job.status >= IMB_STATUS_INVALID_ARGS)
      *static_cast<SrtpStatus*>(job.user_data) = SrtpStatus::kInternal;
  return false;
}

}  // namespace

CounterBursts::CounterBursts() : cipher_jobs_{}, hash_jobs_{}, ivs_{}, computed_tags_{}, received_tags_{} {
  for (std::size_t i = 0; i < kStageJobs; ++i) {
    IMB_JOB& cipher = cipher_jobs_[i];
    cipher.cipher_mode = IMB_CIPHER_CNTR;
    cipher.cipher_direction = IMB_DIR_ENCRYPT;  // counter mode has only one direction
    cipher.hash_alg = IMB_AUTH_NULL;
    cipher.chain_order = IMB_ORDER_CIPHER_HASH;
    cipher.key_len_in_bytes = IMB_KEY_128_BYTES;
    cipher.iv = ivs_[i].data();
    cipher.iv_len_in_bytes = ivs_[i].size();
    IMB_JOB& hash = hash_jobs_[i];
    hash.cipher_mode = IMB_CIPHER_NULL;
    hash.hash_alg = IMB_AUTH_HMAC_SHA_1;
    hash.chain_order = IMB_ORDER_HASH_CIPHER;
    hash.auth_tag_output_len_in_bytes = kStoredTagLength;
  }
}

CounterBursts::~CounterBursts() {
  wipe(ivs_.data(), sizeof ivs_);  // initialisation vectors contain the session salts
}

void CounterBursts::add_cipher(const CounterKeys& keys, const Salt& salt, std::uint32_t ssrc,
                               std::uint64_t index, const std::uint8_t* from, std::uint8_t* to,
                               std::size_t length, SrtpStatus& status) {
  if (length == 0) return;  // to the library an empty message is an error
  IMB_JOB& job = cipher_jobs_[cipher_count_];
  const CounterIv iv = counter_iv(salt, ssrc, index);
  std::memcpy(ivs_[cipher_count_].data(), &iv, sizeof iv);
  job.enc_keys = keys.round_keys.data();
  job.src = from;
  job.dst = to;
  job.msg_len_to_cipher_in_bytes = length;
  job.user_data = &status;
  ++cipher_count_;
}

void CounterBursts::add_hash(const CounterKeys& keys, const std::uint8_t* from, std::size_t length,
                             std::uint8_t* tag, SrtpStatus& status) {
  IMB_JOB& job = hash_jobs_[hash_count_];
  job.src = from;
  job.msg_len_to_hash_in_bytes = length;
  job.auth_tag_output = tag;
  job.u.HMAC._hashed_auth_key_xor_ipad = keys.inner.data();
  job.u.HMAC._hashed_auth_key_xor_opad = keys.outer.data();
  job.user_data = &status;
  ++hash_count_;
}

bool CounterBursts::run_cipher(IpsecMbManager& manager) {
  const std::size_t completed = manager.cipher(cipher_jobs_.data(), cipher_count_);
  return mark_incomplete(std::span(cipher_jobs_).first(cipher_count_), completed,
                         IMB_STATUS_COMPLETED_CIPHER);
}

bool CounterBursts::run_hash(IpsecMbManager& manager) {
  const std::size_t completed = manager.hash(hash_jobs_.data(), hash_count_);
  return mark_incomplete(std::span(hash_jobs_).first(hash_count_), completed, IMB_STATUS_COMPLETED_AUTH);
}

// Sealing: encrypt, then authenticate the ciphertext.

template <class Job>
bool CounterBursts::seal(IpsecMbManager& manager, std::span<Job*> jobs) {
  assert(are_checked<Job>(jobs, {KeyForm::kCounter}));
  cipher_count_ = hash_count_ = 0;
  for (Job* job : jobs) fetch_round_keys(*job);
  for (Job* job : jobs) add_seal(*job);
  const bool encrypted = run_cipher(manager);
  const bool authenticated = run_hash(manager);
  return encrypted && authenticated;
}

void CounterBursts::add_seal(RtpProtectJob& job) {
  const CounterKeys& keys = counter_keys(job.keys->rtp);
  const std::size_t length = packet_length(job);
  std::uint8_t* tag = job.packet + length;
  store_be32(tag, roll_over_counter(job.index));
  add_cipher(keys, job.keys->rtp_salt, job.ssrc, job.index, job.payload, job.packet + job.header_length,
             job.payload_length, job.status);
  add_hash(keys, job.packet, length + kRocLength, tag, job.status);
  job.length = static_cast<std::uint16_t>(length + tag_length_of(job));
}

void CounterBursts::add_seal(RtcpProtectJob& job) {
  const CounterKeys& keys = counter_keys(job.keys->rtcp);
  const std::size_t length = job.length;
  std::uint8_t* word = job.packet + length;
  std::uint8_t* text = job.packet + kRtcpHeaderLength;
  store_be32(word, kSrtcpEncrypted | job.index);
  add_cipher(keys, job.keys->rtcp_salt, load_be32(job.packet + 4), job.index, text, text,
             length - kRtcpHeaderLength, job.status);
  add_hash(keys, job.packet, length + kSrtcpWordLength, word + kSrtcpWordLength, job.status);
  job.length = static_cast<std::uint16_t>(length + kSrtcpWordLength + tag_length_of(job));
}

// Opening: authenticate all, then decrypt those that passed.

template <class Job>
bool CounterBursts::open(IpsecMbManager& manager, std::span<Job*> jobs) {
  assert(are_checked<Job>(jobs, {KeyForm::kCounter}));
  cipher_count_ = hash_count_ = 0;
  for (Job* job : jobs) fetch_round_keys(*job);
  for (Job* job : jobs) add_verify(*job);
  const bool hashed = run_hash(manager);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Job& job = *jobs[i];
    if (job.status == SrtpStatus::kOk &&
        !equal_tags(computed_tags_[i].data(), received_tags_[i].data(), tag_length_of(job)))
      job.status = SrtpStatus::kAuthFailed;
    if (job.status == SrtpStatus::kOk)
      accept(job);
    else
      reject(job, received_tags_[i]);
  }
  return run_cipher(manager) && hashed;
}

void CounterBursts::add_verify(RtpUnprotectJob& job) {
  const std::size_t tag_length = tag_length_of(job);
  const std::size_t length = job.length - tag_length;
  std::uint8_t* tag = job.packet + length;
  std::memcpy(received_tags_[hash_count_].data(), tag, tag_length);
  store_be32(tag, roll_over_counter(job.index));
  add_hash(counter_keys(job.keys->rtp), job.packet, length + kRocLength, computed_tags_[hash_count_].data(),
           job.status);
}

void CounterBursts::add_verify(RtcpUnprotectJob& job) {
  const std::size_t tag_length = tag_length_of(job);
  const std::size_t length = job.length - tag_length;  // includes the index word, which is hashed too
  std::memcpy(received_tags_[hash_count_].data(), job.packet + length, tag_length);
  add_hash(counter_keys(job.keys->rtcp), job.packet, length, computed_tags_[hash_count_].data(), job.status);
}

void CounterBursts::accept(RtpUnprotectJob& job) {
  const std::size_t length = job.length - tag_length_of(job);
  std::uint8_t* text = job.packet + job.header_length;
  add_cipher(counter_keys(job.keys->rtp), job.keys->rtp_salt, job.ssrc, job.index, text, text,
             length - job.header_length, job.status);
  job.length = static_cast<std::uint16_t>(length);
}

void CounterBursts::accept(RtcpUnprotectJob& job) {
  const std::size_t length = job.length - tag_length_of(job) - kSrtcpWordLength;
  const std::uint32_t word = load_be32(job.packet + length);
  std::uint8_t* text = job.packet + kRtcpHeaderLength;
  if ((word & kSrtcpEncrypted) != 0) {
    add_cipher(counter_keys(job.keys->rtcp), job.keys->rtcp_salt, load_be32(job.packet + 4),
               word & kMaxSrtcpIndex, text, text, length - kRtcpHeaderLength, job.status);
  }
  job.length = static_cast<std::uint16_t>(length);
}

void CounterBursts::reject(RtpUnprotectJob& job, const Tag& received) {
  // Restores the bytes of the tag. The ROC took their place while the packet was hashed.
  std::memcpy(job.packet + job.length - tag_length_of(job), received.data(), kRocLength);
}

// Nothing to restore: opening wrote nothing into the packet.
void CounterBursts::reject(RtcpUnprotectJob&, const Tag&) {}

template bool CounterBursts::seal(IpsecMbManager&, std::span<RtpProtectJob*>);
template bool CounterBursts::seal(IpsecMbManager&, std::span<RtcpProtectJob*>);
template bool CounterBursts::open(IpsecMbManager&, std::span<RtpUnprotectJob*>);
template bool CounterBursts::open(IpsecMbManager&, std::span<RtcpUnprotectJob*>);

}  // namespace sluice::crypto
