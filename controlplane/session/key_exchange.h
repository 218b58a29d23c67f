// key_exchange: memory for SRTP keys that an endpoint's worker exchanges for those in its slot
// (endpoint_keys.h). As with slots, no core dump shows it. Control thread only, except that the worker
// exchanges the keys between kUpdateEndpoint and its answer.
#pragma once

#include "crypto/srtp/srtp_engine.h"
#include "dataplane/base/slot_array.h"
#include "dataplane/shared/endpoint_slot.h"

namespace sluice::control {

class KeyExchange {
 public:
  /// The engine that expands the keys, which outlives this object.
  explicit KeyExchange(crypto::SrtpEngine& engine) : engine_(engine) {}
  ~KeyExchange() {
    engine_.release(keys().send);
    engine_.release(keys().receive);
  }
  KeyExchange(const KeyExchange&) = delete;
  KeyExchange& operator=(const KeyExchange&) = delete;

  dataplane::EndpointKeys& keys() { return memory_[0]; }

 private:
  crypto::SrtpEngine& engine_;
  dataplane::SlotArray<dataplane::EndpointKeys> memory_{1};
};

}  // namespace sluice::control
