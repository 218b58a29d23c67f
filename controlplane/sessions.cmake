# The registry and life cycle of sessions, endpoints and routes.
add_library(sluice_sessions STATIC
  command_queue.cc
  context.cc
  endpoint_keys.cc
  endpoint_plan.cc
  endpoints.cc
  idle_watch.cc
  load_meter.cc
  media_plane.cc
  objects.cc
  outgoing_ssrcs.cc
  placement.cc
  port_allocator.cc
  udp_ports.cc
  punt_desk.cc
  registry.cc
  remote_desk.cc
  route_plan.cc
  routing.cc
  sessions.cc
  stream_watch.cc
  views.cc
  webrtc_desk.cc
  webrtc_peer.cc
  worker_records.cc
)
find_package(Boost 1.74 REQUIRED)  # Intrusive, header-only
target_link_libraries(sluice_sessions PUBLIC Boost::headers sluice_options sluice_config sluice_crypto sluice_dataplane
                                             sluice_protocols PRIVATE sluice_log fmt::fmt OpenSSL::Crypto)
