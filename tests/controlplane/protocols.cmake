sluice_add_test(stun_test SOURCES stun_test.cc LIBS GTest::gtest_main sluice_protocols OpenSSL::Crypto)
sluice_add_test(ice_lite_test SOURCES ice_lite_test.cc LIBS GTest::gtest_main sluice_protocols)
sluice_add_test(dtls_test SOURCES dtls_test.cc dtls_wire_test.cc dtls_certificate_test.cc LIBS GTest::gtest_main sluice_protocols)
sluice_add_test(neighbors_test SOURCES neighbors_test.cc neighbor_resolution_test.cc LIBS GTest::gtest_main sluice_protocols)
