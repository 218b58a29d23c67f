# Pure protocol logic of the control thread: ICE-lite, DTLS, ARP, neighbour discovery, ICMP. No sockets, no event loop.
add_library(sluice_protocols STATIC
  stun.cc
  ice_lite.cc
)
target_link_libraries(sluice_protocols PUBLIC sluice_options sluice_config sluice_crypto sluice_dataplane
                                       PRIVATE OpenSSL::SSL OpenSSL::Crypto)
