# The registry of sessions. mailbox_test runs workers on threads of their own and is meant for ThreadSanitizer as well; no
# test here starts DPDK's environment.
sluice_add_test(controlplane_pools_test
  SOURCES deferred_test.cc slot_pool_test.cc port_allocator_test.cc outgoing_ssrcs_test.cc command_queue_test.cc scripted_plane.cc
  LIBS GTest::gtest_main sluice_sessions)
sluice_add_test(controlplane_mailbox_test
  SOURCES mailbox_test.cc scripted_plane.cc session_bench.cc
  LIBS GTest::gtest_main sluice_sessions)
sluice_add_test(controlplane_sessions_test
  SOURCES sessions_test.cc routes_test.cc idle_test.cc limits_test.cc load_meter_test.cc webrtc_test.cc streams_test.cc leak_test.cc
          scripted_plane.cc session_bench.cc web_peer.cc
  LIBS GTest::gtest_main sluice_sessions)

# The same registry over the real data plane. Starts DPDK's environment, on ordinary pages.
sluice_add_test(controlplane_plane_test
  SOURCES plane_test.cc
  LIBS GTest::gtest_main sluice_sessions -lrte_net_ring)
