# What every part of the control plane may use.
add_library(sluice_log STATIC log.cc)
target_link_libraries(sluice_log PUBLIC sluice_options sluice_config fmt::fmt PRIVATE spdlog::spdlog)

# Pure protocol logic of the control thread: ICE-lite, DTLS, ARP, neighbour discovery, ICMP. No sockets, no event loop.
add_library(sluice_protocols STATIC
  stun.cc
  ice_lite.cc
  dtls_fingerprint.cc
  dtls_certificate.cc
  dtls_context.cc
  dtls_record.cc
  dtls_alert.cc
  dtls_transport.cc
  link_frame.cc
  arp.cc
  neighbor_discovery.cc
  icmp_echo.cc
  neighbor_table.cc
  neighbors.cc
)
target_link_libraries(sluice_protocols PUBLIC sluice_options sluice_base sluice_config sluice_crypto sluice_dataplane
                                       OpenSSL::SSL OpenSSL::Crypto)
