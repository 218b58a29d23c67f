sluice_add_test(stun_test SOURCES stun_test.cc LIBS GTest::gtest_main sluice_protocols OpenSSL::Crypto)
sluice_add_test(ice_lite_test SOURCES ice_lite_test.cc LIBS GTest::gtest_main sluice_protocols)
