# What can be asked of sessions, by which rules, and why it is refused: what the sessions and every front end share.
# The command line links it, so it knows no DPDK.
add_library(sluice_model STATIC
  errors.cc
  rules.cc
)
target_link_libraries(sluice_model PUBLIC sluice_options sluice_base sluice_config sluice_crypto PRIVATE fmt::fmt OpenSSL::Crypto)
