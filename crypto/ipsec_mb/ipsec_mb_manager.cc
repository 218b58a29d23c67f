#include "crypto/ipsec_mb/ipsec_mb_manager.h"

#include <intel-ipsec-mb.h>

#include <string_view>
#include <utility>

#include "crypto/srtp/instruction_set.h"

namespace sluice::crypto {
namespace {

// Builds with assertions let the library check each job too.
#ifdef NDEBUG
constexpr bool kCheckedBursts = false;
#else
constexpr bool kCheckedBursts = true;
#endif

constexpr std::size_t kLanes = 16;

// From this many packets on, one pass of the 16 lanes is cheaper than the SHA extensions. The number depends
// on the length, since a pass has a fixed cost but costs less per SHA-1 block. Cycles per packet for the hash
// alone (lanes / SHA-NI):
//
//   AMD Zen 5, 2.6 GHz TSC            n=4         n=6        n=8        n=12       n=14       n=16
//     60 B payload (2 blocks)     325/143     264/143    224/146    212/147    200/148    136/146
//    160 B payload (3 blocks)     390/188     316/190    273/188    210/188    196/187    154/191
//   1200 B payload (20 blocks)   1261/916     888/918    711/919    504/918    447/922    373/923
//
// On an Intel server core, with cipher and hash together, the lanes are cheaper from a smaller number on: one
// between 8 and 12 for short packets, between 4 and 6 for long ones. The constants are those of Zen 5. On
// other CPUs they are near the best ones.
constexpr std::size_t kLanesFromShort = 14;
constexpr std::size_t kLanesFromLong = 7;
constexpr std::size_t kLongBytes = 256;

std::string_view instruction_set(std::uint32_t arch) {
  switch (arch) {
    case IMB_ARCH_SSE:
      return "SSE";
    case IMB_ARCH_AVX:
      return "AVX";
    case IMB_ARCH_AVX2:
      return "AVX2";
    case IMB_ARCH_AVX512:
      return "AVX512";
    default:
      return "unknown instruction set";
  }
}

/// The library's start for the widest instruction set that this process may use.
void init_widest(IMB_MGR* manager) {
  const bool no_avx512 = widest_instruction_set() == InstructionSet::kAvx2;
  if (no_avx512 && (imb_get_feature_flags() & IMB_FEATURE_AVX2) != 0)
    init_mb_mgr_avx2(manager);
  else
    init_mb_mgr_auto(manager, nullptr);
}

std::size_t hash_burst(IMB_MGR* manager, IMB_JOB* jobs, std::size_t count) {
  if (count == 0) return 0;
  const auto n = static_cast<std::uint32_t>(count);
  if constexpr (kCheckedBursts) return IMB_SUBMIT_HASH_BURST(manager, jobs, n, IMB_AUTH_HMAC_SHA_1);
  return IMB_SUBMIT_HASH_BURST_NOCHECK(manager, jobs, n, IMB_AUTH_HMAC_SHA_1);
}

}  // namespace

void IpsecMbManager::Deleter::operator()(IMB_MGR* manager) const {
  free_mb_mgr(manager);
}

IpsecMbManager::Handle IpsecMbManager::start(void (*init)(IMB_MGR*), std::string& error) {
  Handle manager(alloc_mb_mgr(0));
  if (!manager) {
    error = std::string("ipsec-mb: no manager: ") + imb_get_strerror(imb_get_errno(nullptr));
    return nullptr;
  }
  init(manager.get());
  if (const int code = imb_get_errno(manager.get()); code != 0) {
    error = std::string("ipsec-mb: the manager does not start: ") + imb_get_strerror(code);
    return nullptr;
  }
  if ((manager->features & IMB_FEATURE_SELF_TEST_PASS) == 0) {
    error = std::string("ipsec-mb ") + imb_get_version_str() + ": the library failed its own self-test";
    return nullptr;
  }
  return manager;
}

std::optional<IpsecMbManager> IpsecMbManager::create(std::string& error) {
  if (imb_get_version() < IMB_VERSION(1, 3, 0)) {
    error = std::string("ipsec-mb: version ") + imb_get_version_str() + " found, 1.3.0 or later needed";
    return std::nullopt;
  }
  constexpr std::uint64_t kNeeded = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ | IMB_FEATURE_SSE4_2;
  if ((imb_get_feature_flags() & kNeeded) != kNeeded) {
    error = "ipsec-mb: this CPU lacks AES-NI, PCLMULQDQ or SSE4.2";
    return std::nullopt;
  }
  IpsecMbManager managers;
  managers.wide_ = start(init_widest, error);
  if (!managers.wide_) return std::nullopt;
  managers.has_lanes_ = managers.wide_->used_arch == IMB_ARCH_AVX512;
  if ((managers.wide_->features & IMB_FEATURE_SHANI) != 0) {
    managers.narrow_ = start(init_mb_mgr_sse, error);
    if (!managers.narrow_) return std::nullopt;
  }
  return managers;
}

std::string IpsecMbManager::description() const {
  std::string text = std::string("ipsec-mb ") + imb_get_version_str() + ", ";
  text += instruction_set(wide_->used_arch);
  if (narrow_) text += " + SHA-NI";
  return text;
}

const char* IpsecMbManager::error_text() const {
  int code = imb_get_errno(wide_.get());
  if (code == 0 && narrow_) code = imb_get_errno(narrow_.get());
  return imb_get_strerror(code);
}

std::size_t IpsecMbManager::cipher(IMB_JOB* jobs, std::size_t count) {
  if (count == 0) return 0;
  const auto n = static_cast<std::uint32_t>(count);
  if constexpr (kCheckedBursts)
    return IMB_SUBMIT_CIPHER_BURST(wide_.get(), jobs, n, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES);
  return IMB_SUBMIT_CIPHER_BURST_NOCHECK(wide_.get(), jobs, n, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT,
                                         IMB_KEY_128_BYTES);
}

std::size_t IpsecMbManager::hash(IMB_JOB* jobs, std::size_t count) {
  if (!narrow_) return hash_burst(wide_.get(), jobs, count);
  if (!has_lanes_) return hash_burst(narrow_.get(), jobs, count);
  const std::size_t rest = count % kLanes;
  std::size_t in_lanes = count;
  if (rest > 0) {
    const bool is_long = jobs[count - rest].msg_len_to_hash_in_bytes >= kLongBytes;
    if (rest < (is_long ? kLanesFromLong : kLanesFromShort)) in_lanes = count - rest;
  }
  return hash_burst(wide_.get(), jobs, in_lanes) +
         hash_burst(narrow_.get(), jobs + in_lanes, count - in_lanes);
}

}  // namespace sluice::crypto
