#include "controlplane/session/endpoint_keys.h"

#include <cassert>

namespace sluice::control {

namespace {

void restart_numbers(Endpoint& endpoint) {
  endpoint.ssrcs->restart();
  for (Route& route : endpoint.incoming)
    if (!route.removing) route.lease = endpoint.ssrcs->renew(route.lease);
}

}  // namespace

bool expand_keys(Context& context, Endpoint& endpoint, const crypto::MasterKey& send,
                 const crypto::MasterKey& receive, std::string& error) {
  dataplane::EndpointKeys& keys = context.records(endpoint).memory.keys[endpoint.ref.slot];
  if (context.engine->expand(send, crypto::Direction::kSend, keys.send) &&
      context.engine->expand(receive, crypto::Direction::kReceive, keys.receive))
    return true;
  error = context.engine->last_error();
  wipe_keys(context, endpoint);
  return false;
}

void announce_keys(Context& context, Endpoint& endpoint) {
  assert(context.records(endpoint).endpoint(endpoint.ref) == &endpoint);
  assert(context.records(endpoint).memory.keys[endpoint.ref.slot].send.ready);
  endpoint.keys_ready = true;
  dataplane::Command command;
  command.kind = dataplane::CommandKind::kKeysReady;
  command.ref = endpoint.ref;
  context.records(endpoint).commands.send(command);
}

void announce_positions(Context& context, const Endpoint& endpoint,
                        const std::vector<StreamPosition>& positions) {
  // From the middle of a cycle every sequence number is estimated to be of that cycle.
  constexpr std::uint16_t kMiddle = 0x8000;
  for (const StreamPosition& position : positions) {
    dataplane::Command command;
    command.kind = dataplane::CommandKind::kExpectStream;
    command.ref = endpoint.ref;
    command.ssrc = position.ssrc;
    command.index = std::uint64_t{position.rollover_counter} << 16 | position.sequence.value_or(kMiddle);
    context.records(endpoint).commands.send(command);
  }
}

void wipe_keys(Context& context, const Endpoint& endpoint) {
  assert(!endpoint.keys_ready || endpoint.acked);
  dataplane::EndpointKeys& keys = context.records(endpoint).memory.keys[endpoint.ref.slot];
  context.engine->release(keys.send);
  context.engine->release(keys.receive);
}

std::unique_ptr<KeyExchange> expand_fresh(Context& context, const crypto::MasterKey* send,
                                          const crypto::MasterKey* receive, std::string& error) {
  auto fresh = std::make_unique<KeyExchange>(*context.engine);
  const bool done =
      (send == nullptr || context.engine->expand(*send, crypto::Direction::kSend, fresh->keys().send)) &&
      (receive == nullptr ||
       context.engine->expand(*receive, crypto::Direction::kReceive, fresh->keys().receive));
  if (done) return fresh;
  error = context.engine->last_error();
  return nullptr;
}

void exchange_keys(Context& context, Endpoint& endpoint, std::unique_ptr<KeyExchange> fresh,
                   dataplane::EndpointTerms terms) {
  terms.keys = fresh ? &fresh->keys() : nullptr;
  dataplane::Command update;
  update.kind = dataplane::CommandKind::kUpdateEndpoint;
  update.ref = endpoint.ref;
  update.terms = terms;
  endpoint.updates.push_back(std::move(fresh));
  context.records(endpoint).commands.send(update);
  if (terms.send_restarts) restart_numbers(endpoint);
}

void set_mki(crypto::SrtpKeys& keys, const Mki& mki) {
  assert(mki.length <= keys.mki.size());
  keys.mki_length = mki.length;
  for (std::size_t i = 0; i < mki.length; ++i)
    keys.mki[i] = static_cast<std::uint8_t>(mki.value >> 8 * (mki.length - 1 - i));
}

crypto::MasterKey split_key(crypto::SrtpProfile profile, const SrtpKeyBytes& bytes) {
  const crypto::SrtpProfileInfo info = crypto::profile_info(profile);
  assert(bytes.bytes().size() == std::size_t{info.key_length} + info.salt_length);
  crypto::MasterKey master;
  master.profile = profile;
  master.key.assign(bytes.bytes().first(info.key_length));
  master.salt.assign(bytes.bytes().subspan(info.key_length, info.salt_length));
  return master;
}

}  // namespace sluice::control
