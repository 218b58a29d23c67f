// endpoint_keys: SRTP keys into an endpoint's place on its worker, and out of it. Written after the slot is
// the endpoint's and before kKeysReady, wiped after the worker has let go; the worker looks at them between
// the two. Control thread only.
#pragma once

#include <string>

#include "controlplane/session/context.h"

namespace sluice::control {

/// Expands both directions. False with the engine's reason in `error`; then nothing is left in the slot.
[[nodiscard]] bool expand_keys(Context& context, Endpoint& endpoint, const crypto::MasterKey& send,
                               const crypto::MasterKey& receive, std::string& error);
/// Tells the worker that media may flow. REQUIRES: expand_keys said true, the endpoint is installed.
void announce_keys(Context& context, Endpoint& endpoint);
/// REQUIRES: the worker was not told that they are ready, or has let go of the slot.
void wipe_keys(Context& context, const Endpoint& endpoint);

/// key || salt, as SDES writes it, in two. REQUIRES: the length that the profile has.
crypto::MasterKey split_key(crypto::SrtpProfile profile, const SrtpKeyBytes& bytes);

}  // namespace sluice::control
