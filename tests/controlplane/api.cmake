sluice_add_test(api_test SOURCES api_test.cc LIBS GTest::gtest_main sluice_api)
target_compile_definitions(api_test PRIVATE SLUICE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
sluice_add_test(api_server_test SOURCES api_server_test.cc LIBS GTest::gtest_main sluice_api_server)
sluice_add_test(start_test SOURCES start_test.cc LIBS GTest::gtest_main sluice_daemon)
