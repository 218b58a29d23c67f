// endpoint_keys: expands an endpoint's SRTP keys into the memory of its worker, and wipes them there. Control
// thread only.
//
// Keys reach an endpoint in one of two ways. The first keys of a DTLS association, and those that a request
// creates an endpoint with, are written into its slot before kKeysReady; until then the worker does not look.
// All others are expanded into memory of their own, a KeyExchange. kUpdateEndpoint names it, and the worker
// exchanges the keys between two turns, so that no packet is lost. Its answer brings the former keys back.
//
// Keys in a slot are wiped after the worker has acknowledged the removal of the endpoint.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controlplane/session/context.h"
#include "controlplane/session/key_exchange.h"

namespace sluice::control {

/// Expands the keys of both directions. False with the engine's reason in `error`; then the slot holds no
/// key. REQUIRES: the worker has no keys of this endpoint.
[[nodiscard]] bool expand_keys(Context& context, Endpoint& endpoint, const crypto::MasterKey& send,
                               const crypto::MasterKey& receive, std::string& error);
/// Sends kKeysReady: from now on media may flow. REQUIRES: expand_keys returned true, and the endpoint is
/// installed.
void announce_keys(Context& context, Endpoint& endpoint);
/// Tells the worker where incoming streams stand under the receive key. REQUIRES: the endpoint is installed,
/// and its worker has that key, or will have it by a command that was sent or that comes next.
void announce_positions(Context& context, const Endpoint& endpoint,
                        const std::vector<StreamPosition>& positions);
/// Wipes the keys of both directions. REQUIRES: kKeysReady was not sent, or the worker has acknowledged the
/// removal of the endpoint.
void wipe_keys(Context& context, const Endpoint& endpoint);

/// Expands the keys that are not nullptr. nullptr with the engine's reason in `error`.
[[nodiscard]] std::unique_ptr<KeyExchange> expand_fresh(Context& context, const crypto::MasterKey* send,
                                                        const crypto::MasterKey* receive, std::string& error);

/// Sends kUpdateEndpoint: from the next turn on the worker uses `terms` and the keys of `fresh`. nullptr: the
/// keys stay. `terms.keys` is filled in here. With `terms.send_restarts`, the next route of each SSRC starts
/// with a roll-over counter of zero.
void exchange_keys(Context& context, Endpoint& endpoint, std::unique_ptr<KeyExchange> fresh,
                   dataplane::EndpointTerms terms);

/// Packets under `keys` carry that MKI. REQUIRES: the worker does not have them yet.
void set_mki(crypto::SrtpKeys& keys, const Mki& mki);

/// Splits `bytes`, which are key || salt as in SDES, into key and salt. REQUIRES: `bytes` has the length that
/// `profile` asks for.
crypto::MasterKey split_key(crypto::SrtpProfile profile, const SrtpKeyBytes& bytes);

}  // namespace sluice::control
