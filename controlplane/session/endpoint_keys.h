// endpoint_keys: expands an endpoint's SRTP keys into the memory of its worker, and wipes them there. The
// control thread writes keys after it has taken the slot and before it sends kKeysReady. It wipes them after
// the worker has acknowledged the removal. Between the two the worker reads them. Control thread only.
#pragma once

#include <string>

#include "controlplane/session/context.h"

namespace sluice::control {

/// Expands the keys of both directions. False with the engine's reason in `error`; then the slot holds no
/// key.
[[nodiscard]] bool expand_keys(Context& context, Endpoint& endpoint, const crypto::MasterKey& send,
                               const crypto::MasterKey& receive, std::string& error);
/// Sends kKeysReady: from now on media may flow. REQUIRES: expand_keys returned true, and the endpoint is
/// installed.
void announce_keys(Context& context, Endpoint& endpoint);
/// Wipes the keys of both directions. REQUIRES: kKeysReady was not sent, or the worker has acknowledged the
/// removal of the endpoint.
void wipe_keys(Context& context, const Endpoint& endpoint);

/// Splits `bytes`, which are key || salt as in SDES, into key and salt. REQUIRES: `bytes` has the length that
/// `profile` asks for.
crypto::MasterKey split_key(crypto::SrtpProfile profile, const SrtpKeyBytes& bytes);

}  // namespace sluice::control
