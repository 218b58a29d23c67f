#include "crypto/libsrtp/libsrtp_engine.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "crypto/libsrtp/libsrtp_backend.h"
#include "crypto/libsrtp/libsrtp_context.h"
#include "crypto/libsrtp/libsrtp_library.h"
#include "crypto/srtp/packet_index.h"
#include "crypto/srtp/srtp_bytes.h"

namespace sluice::crypto {
namespace {

constexpr std::size_t kMaxPacket = 0xffff;

/// The header length that libsrtp finds in an RTP packet (fixed part, CSRCs, extension). 0 when the header
/// does not fit.
std::size_t rtp_header_length(const std::uint8_t* packet, std::size_t length) {
  if (length < kRtpHeaderLengthMin) return 0;
  std::size_t header = kRtpHeaderLengthMin + 4 * std::size_t{packet[0] & 0x0fu};
  if ((packet[0] & 0x10) != 0) {
    if (length < header + 4) return 0;
    header += 4 + 4 * ((std::size_t{packet[header + 2]} << 8) | packet[header + 3]);
  }
  return header <= length ? header : 0;
}

/// Whether libsrtp reads in the packet what the job says of it.
template <class Job>
bool agrees(const Job& job, std::size_t length) {
  if (rtp_header_length(job.packet, length) != job.header_length) return false;
  const auto sequence = static_cast<std::uint16_t>((job.packet[2] << 8) | job.packet[3]);
  return sequence == static_cast<std::uint16_t>(job.index) && load_be32(job.packet + 8) == job.ssrc;
}

/// The status of a packet that was opened. After the checks here, a failure to authenticate means a wrong
/// tag. Built on NSS libsrtp reports wrong AEAD tags as a failure of the cipher.
SrtpStatus opening_status(srtp_err_status_t status) {
  switch (status) {
    case srtp_err_status_ok:
      return SrtpStatus::kOk;
    case srtp_err_status_auth_fail:
    case srtp_err_status_cipher_fail:
      return SrtpStatus::kAuthFailed;
    case srtp_err_status_parse_err:
    case srtp_err_status_bad_param:
      return SrtpStatus::kMalformed;
    case srtp_err_status_key_expired:
      return SrtpStatus::kExhausted;
    default:
      return SrtpStatus::kInternal;
  }
}

}  // namespace

LibsrtpEngine::LibsrtpEngine() : scratch_(kMaxPacket + SRTP_MAX_TRAILER_LEN) {}

std::unique_ptr<LibsrtpEngine> LibsrtpEngine::create(std::string& error) {
  if (!start_libsrtp(error)) return nullptr;
  return std::unique_ptr<LibsrtpEngine>(new LibsrtpEngine);
}

std::string LibsrtpEngine::description() const {
  return libsrtp_version() + ", " + libsrtp_crypto_library();
}

bool LibsrtpEngine::expand(const MasterKey& master, Direction direction, SrtpKeys& out) {
  assert(!out.ready);
  wipe(&out, sizeof out);
  std::unique_ptr<LibsrtpContext> context = LibsrtpContext::create(master, last_error_);
  if (!context) return false;
  out.profile = master.profile;
  out.engine = EngineKind::kLibsrtp;
  out.direction = direction;
  out.context = context.release();
  out.ready = true;
  return true;
}

void LibsrtpEngine::release(SrtpKeys& keys) {
  if (keys.ready && keys.engine == EngineKind::kLibsrtp) delete static_cast<LibsrtpContext*>(keys.context);
  wipe(&keys, sizeof keys);
}

void LibsrtpEngine::forget(const SrtpKeys& keys, std::uint32_t ssrc) {
  if (keys.ready && keys.engine == EngineKind::kLibsrtp)
    static_cast<LibsrtpContext*>(keys.context)->forget(ssrc);
}

LibsrtpContext* LibsrtpEngine::context_of(const SrtpKeys& keys) {
  if (keys.ready && keys.engine == EngineKind::kLibsrtp) return static_cast<LibsrtpContext*>(keys.context);
  last_error_ = "a job came with keys that are released or that another engine expanded";
  return nullptr;
}

void LibsrtpEngine::protect(std::span<RtpProtectJob> jobs) {
  for (RtpProtectJob& job : jobs) job.status = protect_one(job);
}
void LibsrtpEngine::unprotect(std::span<RtpUnprotectJob> jobs) {
  for (RtpUnprotectJob& job : jobs) job.status = unprotect_one(job);
}
void LibsrtpEngine::protect_rtcp(std::span<RtcpProtectJob> jobs) {
  for (RtcpProtectJob& job : jobs) job.status = protect_rtcp_one(job);
}
void LibsrtpEngine::unprotect_rtcp(std::span<RtcpUnprotectJob> jobs) {
  for (RtcpUnprotectJob& job : jobs) job.status = unprotect_rtcp_one(job);
}

/// `call` seals the packet of the job in place. It gets the length and sets the new one.
template <class Job, class Call>
SrtpStatus LibsrtpEngine::seal(Job& job, std::size_t length, Call call) {
  int sealed = static_cast<int>(length);
  const srtp_err_status_t status = call(sealed);
  if (status != srtp_err_status_ok) {
    last_error_ = libsrtp_status_text(status);
    return SrtpStatus::kInternal;
  }
  job.length = static_cast<std::uint16_t>(sealed);
  return SrtpStatus::kOk;
}

/// `call` opens a copy of the packet. The copy replaces the packet only when it authenticates.
template <class Job, class Call>
SrtpStatus LibsrtpEngine::open(Job& job, Call call) {
  std::memcpy(scratch_.data(), job.packet, job.length);
  int length = job.length;
  const srtp_err_status_t status = call(scratch_.data(), length);
  if (status != srtp_err_status_ok) {
    last_error_ = libsrtp_status_text(status);
    return opening_status(status);
  }
  job.length = static_cast<std::uint16_t>(length);
  std::memcpy(job.packet, scratch_.data(), job.length);
  return SrtpStatus::kOk;
}

SrtpStatus LibsrtpEngine::protect_one(RtpProtectJob& job) {
  LibsrtpContext* context = context_of(*job.keys);
  if (context == nullptr) return SrtpStatus::kInternal;
  const std::size_t length = std::size_t{job.header_length} + job.payload_length;
  if (length + kMaxRtpTrailer > kMaxPacket || !agrees(job, length)) return SrtpStatus::kMalformed;
  if (job.index > kMaxPacketIndex) return SrtpStatus::kExhausted;
  std::uint8_t* text = job.packet + job.header_length;
  if (job.payload != text && job.payload_length > 0) std::memcpy(text, job.payload, job.payload_length);
  return seal(job, length,
              [&](int& sealed) { return context->protect(job.ssrc, job.index, job.packet, sealed); });
}

SrtpStatus LibsrtpEngine::unprotect_one(RtpUnprotectJob& job) {
  LibsrtpContext* context = context_of(*job.keys);
  if (context == nullptr) return SrtpStatus::kInternal;
  const std::size_t tag_length = profile_info(job.keys->profile).rtp_tag_length;
  if (job.length < job.header_length + tag_length || !agrees(job, job.length - tag_length))
    return SrtpStatus::kMalformed;
  if (job.index > kMaxPacketIndex) return SrtpStatus::kExhausted;
  return open(job, [&](std::uint8_t* packet, int& length) {
    return context->unprotect(job.ssrc, job.index, packet, length);
  });
}

SrtpStatus LibsrtpEngine::protect_rtcp_one(RtcpProtectJob& job) {
  LibsrtpContext* context = context_of(*job.keys);
  if (context == nullptr) return SrtpStatus::kInternal;
  if (job.length < kRtcpHeaderLength || job.length + kMaxRtcpTrailer > kMaxPacket)
    return SrtpStatus::kMalformed;
  if (job.index > kMaxSrtcpIndex) return SrtpStatus::kExhausted;
  if (job.index == 0) {
    last_error_ = "libsrtp cannot send SRTCP index 0: it counts from 1";
    return SrtpStatus::kInternal;
  }
  return seal(job, job.length, [&](int& sealed) {
    return context->protect_rtcp(load_be32(job.packet + 4), job.index, job.packet, sealed);
  });
}

SrtpStatus LibsrtpEngine::unprotect_rtcp_one(RtcpUnprotectJob& job) {
  LibsrtpContext* context = context_of(*job.keys);
  if (context == nullptr) return SrtpStatus::kInternal;
  const SrtpProfileInfo info = profile_info(job.keys->profile);
  if (job.length < kRtcpHeaderLength + kSrtcpWordLength + info.rtcp_tag_length) return SrtpStatus::kMalformed;
  const std::size_t word_at = job.length - kSrtcpWordLength - (info.aead ? 0 : info.rtcp_tag_length);
  const bool encrypted = (load_be32(job.packet + word_at) & kSrtcpEncrypted) != 0;
  return open(job, [&](std::uint8_t* packet, int& length) {
    return context->unprotect_rtcp(load_be32(job.packet + 4), encrypted, packet, length);
  });
}

}  // namespace sluice::crypto
