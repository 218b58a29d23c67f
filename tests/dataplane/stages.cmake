add_library(dataplane_harness STATIC harness.cc oracle.cc)
target_link_libraries(dataplane_harness PUBLIC sluice_dataplane sluice_test_options -lrte_net_ring PkgConfig::SRTP2)

sluice_add_test(dataplane_stages_test
  SOURCES classify_test.cc relay_test.cc switch_test.cc feedback_test.cc retransmit_test.cc latch_test.cc handoff_test.cc idle_test.cc lend_test.cc lend_feedback_test.cc
          gtest_complaints.cc
  LIBS dataplane_harness GTest::gtest_main)

# Workers on threads of their own, over real buffers; for ThreadSanitizer as well.
sluice_add_test(dataplane_threads_test
  SOURCES lend_thread_test.cc gtest_complaints.cc
  LIBS dataplane_harness GTest::gtest_main)
