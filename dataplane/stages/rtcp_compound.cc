#include "dataplane/stages/rtcp_compound.h"

#include <rte_mbuf.h>

#include <cassert>
#include <string_view>

#include "dataplane/stages/protect.h"

namespace sluice::dataplane {
namespace {

constexpr std::string_view kCname = "sluice";

}  // namespace

std::span<const std::uint8_t> own_cname() {
  return {reinterpret_cast<const std::uint8_t*>(kCname.data()), kCname.size()};
}

RtcpCompound::RtcpCompound(WorkerState& state, std::uint32_t endpoint)
    : state_(state), endpoint_(endpoint), mbuf_(rte_pktmbuf_alloc(state.pool)) {
  if (mbuf_ != nullptr) writer_ = RtcpWriter({rte_pktmbuf_mtod(mbuf_, std::uint8_t*), kMaxBytes});
}

RtcpCompound::~RtcpCompound() {
  if (mbuf_ != nullptr) rte_pktmbuf_free(mbuf_);
}

void RtcpCompound::begin(std::uint32_t ssrc, std::span<const std::uint8_t> sender_info,
                         std::span<const std::uint8_t> blocks, std::span<const std::uint8_t> cname) {
  [[maybe_unused]] const bool fits = writer_.report(ssrc, sender_info, blocks) && writer_.cname(ssrc, cname);
  assert(fits || mbuf_ == nullptr);
}

void RtcpCompound::bye(std::uint32_t ssrc) {
  [[maybe_unused]] const bool fits = writer_.bye(ssrc);
  assert(fits || mbuf_ == nullptr);
}

void RtcpCompound::finish() {
  state_.counters().reports.add();
  if (mbuf_ == nullptr) return state_.counters().drop(DropReason::kNoBuffer);
  mbuf_->data_len = writer_.length();
  mbuf_->pkt_len = writer_.length();
  if (state_.reports.count == state_.reports.entries.size()) seal_reports(state_);
  state_.reports.entries[state_.reports.count++] = {mbuf_, endpoint_};
  mbuf_ = nullptr;
}

}  // namespace sluice::dataplane
