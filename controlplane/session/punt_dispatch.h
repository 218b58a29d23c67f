// punt_dispatch: takes in what the workers hand up: a bounded number at a time, each to who deals with its
// kind, each freed. The bytes are a stranger's: they are read through dataplane/wire/frame.h only. Control
// thread only.
#pragma once

#include "controlplane/session/context.h"
#include "controlplane/session/remote_addresses.h"
#include "controlplane/session/webrtc_transport.h"

namespace sluice::control {

class PuntDispatch {
 public:
  static constexpr std::size_t kPuntsPerTurn = 256;  // of one worker

  PuntDispatch(Context& context, RemoteAddresses& remotes, WebrtcTransport& webrtc)
      : context_(context), remotes_(remotes), webrtc_(webrtc) {}

  /// False when there may be more.
  [[nodiscard]] bool drain(WorkerRecords& records, TimePoint now);

 private:
  void dispatch(WorkerRecords& records, const dataplane::Punt& punt, TimePoint now);
  [[nodiscard]] std::optional<std::size_t> port_index(std::uint16_t port_id) const;

  Context& context_;
  RemoteAddresses& remotes_;
  WebrtcTransport& webrtc_;
};

}  // namespace sluice::control
