sluice_add_test(api_test SOURCES api_test.cc LIBS GTest::gtest_main sluice_api)
target_compile_definitions(api_test PRIVATE SLUICE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
sluice_add_test(api_server_test SOURCES api_server_test.cc LIBS GTest::gtest_main sluice_api_server)
sluice_add_test(api_refusals_test
  SOURCES api_refusals_test.cc scripted_plane.cc session_bench.cc
  LIBS GTest::gtest_main sluice_api sluice_sessions)
sluice_add_test(cli_test SOURCES cli_test.cc LIBS GTest::gtest_main sluice_cli)
target_compile_definitions(cli_test PRIVATE SLUICE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
sluice_add_test(start_test
  SOURCES start_test.cc scripted_plane.cc session_bench.cc
  LIBS GTest::gtest_main sluice_daemon)
sluice_add_test(daemon_test SOURCES daemon_test.cc LIBS GTest::gtest_main sluice_cli)
target_compile_definitions(daemon_test PRIVATE SLUICE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                               SLUICED_PATH="$<TARGET_FILE:sluiced>"
                                               SLUICECTL_PATH="$<TARGET_FILE:sluicectl>")
add_dependencies(daemon_test sluiced sluicectl)
