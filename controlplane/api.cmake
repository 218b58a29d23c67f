# The API and its two ends: the daemon and the command line.
#
# sluice_api         requests and objects to and from JSON; daemon and CLI link it, so it knows no DPDK
# sluice_api_server  the socket, the connections, the events
# sluice_daemon     what sluiced puts together: handlers, event loop, log, the choice of the crypto engine
# sluice_cli        sluicectl less its main
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(Boost 1.74 REQUIRED)  # Asio, header-only

add_library(sluice_api STATIC
  api.cc
  api_errors.cc
  api_values.cc
  api_views.cc
  base64.cc
  json.cc
)
target_link_libraries(sluice_api PUBLIC sluice_options sluice_base sluice_model sluice_config sluice_crypto nlohmann_json::nlohmann_json fmt::fmt)

add_library(sluice_api_server STATIC
  api_connection.cc
  api_server.cc
  api_socket.cc
  event_hub.cc
)
target_link_libraries(sluice_api_server PUBLIC sluice_api Boost::headers Threads::Threads)

# What the daemon's composition root puts together; a library so that tests link it.
add_library(sluice_daemon STATIC
  api_handlers.cc
  crypto_choice.cc
  event_loop.cc
  orderly_end.cc
  reloading.cc
  versions.cc
)
target_link_libraries(sluice_daemon PUBLIC sluice_log sluice_api_server sluice_sessions sluice_protocols sluice_dataplane
                                           PRIVATE OpenSSL::Crypto)

add_executable(sluiced sluiced.cc)
target_link_libraries(sluiced PRIVATE sluice_options sluice_whole_program sluice_daemon CLI11::CLI11 OpenSSL::Crypto)

add_library(sluice_cli STATIC
  cli_client.cc
  cli_options.cc
  cli_render.cc
  cli_table.cc
)
target_link_libraries(sluice_cli PUBLIC sluice_api)

add_executable(sluicectl sluicectl.cc)
target_link_libraries(sluicectl PRIVATE sluice_options sluice_cli CLI11::CLI11)
