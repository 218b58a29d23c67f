// punt_dispatch: takes punted packets from the workers, a bounded number of each class per turn, gives each
// to the module for its kind, and frees it. So a flood of one class costs the others no more than its share
// of a turn. The bytes are not trusted: only dataplane/wire/frame.h parses their headers. Control thread
// only.
#pragma once

#include "controlplane/session/context.h"
#include "controlplane/session/remote_addresses.h"
#include "controlplane/session/webrtc_transport.h"

namespace sluice::control {

class PuntDispatch {
 public:
  // Per worker. Together they are what the control thread handles in a few milliseconds.
  static constexpr std::size_t kLinkPerTurn = 64;
  static constexpr std::size_t kPeersPerTurn = 128;
  static constexpr std::size_t kStrangersPerTurn = 64;
  static constexpr std::size_t kEchoesPerTurn = 16;
  /// What a DTLS packet counts for: one of a handshake costs as much as many checks.
  static constexpr std::size_t kDtlsCost = 16;

  PuntDispatch(Context& context, RemoteAddresses& remotes, WebrtcTransport& webrtc)
      : context_(context), remotes_(remotes), webrtc_(webrtc) {}

  /// Handles packets of one worker. False when there may be more.
  [[nodiscard]] bool drain(WorkerRecords& records, TimePoint now);

 private:
  using Ring = dataplane::SpscRing<dataplane::Punt>;

  [[nodiscard]] bool drain(WorkerRecords& records, Ring& ring, std::size_t most, TimePoint now);
  void dispatch(WorkerRecords& records, const dataplane::Punt& punt, TimePoint now);
  [[nodiscard]] std::optional<std::size_t> port_index(std::uint16_t port_id) const;

  Context& context_;
  RemoteAddresses& remotes_;
  WebrtcTransport& webrtc_;
};

}  // namespace sluice::control
