# What needs neither EAL nor NIC: formats, tables, rings, the worker's books and the mailbox.
sluice_add_test(dataplane_pure_test
  SOURCES
    commands_random_test.cc
    commands_test.cc
    counters_test.cc
    fanout_test.cc
    flat_table_test.cc
    frame_test.cc
    header_template_test.cc
    landing_test.cc
    mailbox_thread_test.cc
    packet_cache_test.cc
    pure_support.cc
    rtcp_test.cc
    rtp_test.cc
    spsc_ring_test.cc
    streams_test.cc
    worker_memory_test.cc
  LIBS sluice_dataplane GTest::gtest_main)
