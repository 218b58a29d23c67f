// header_template: the written headers are compared, byte for byte, with frames built field by field, and
// read back with parse_frame.
#include "dataplane/wire/header_template.h"

#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

struct Shape {
  bool v6;
  std::uint16_t vlan;
  std::uint8_t dscp;
};

std::vector<Shape> all_shapes() {
  std::vector<Shape> shapes;
  for (const bool v6 : {false, true})
    for (const std::uint16_t vlan : {0, 1, 100, 4094})
      for (const std::uint8_t dscp : {0, 1, 34, 46, 63}) shapes.push_back({v6, vlan, dscp});
  return shapes;
}

FrameSpec spec_of(const Shape& shape) {
  FrameSpec spec = shape.v6 ? v6_spec() : FrameSpec{};
  if (shape.vlan != 0) spec.vlan = shape.vlan;
  spec.dscp = shape.dscp;
  return spec;
}

HeaderTemplate template_of(const FrameSpec& spec) {
  return make_header_template({spec.from, {spec.source, spec.source_port}},
                              {spec.to, {spec.destination, spec.destination_port}}, spec.vlan.value_or(0),
                              spec.dscp);
}

Bytes write(const HeaderTemplate& header, const Bytes& payload, bool port_does_checksums = false) {
  Bytes frame(header.length, 0xa5);
  frame.insert(frame.end(), payload.begin(), payload.end());
  const auto length = static_cast<std::uint16_t>(payload.size());
  port_does_checksums ? write_headers_for_offload(header, frame.data(), length)
                      : write_headers(header, frame.data(), length);
  return frame;
}

// Writes the checksums as a port with checksum offload does before it sends a frame.
void complete_as_a_port_does(const HeaderTemplate& header, Bytes& frame) {
  std::uint8_t* ip = &frame[header.l3_offset];
  if (!header.is_v6) store_be16(ip + 10, checksum_finish(checksum_add({ip, 20})));
  std::uint8_t* udp = &frame[header.l4_offset];
  const std::uint16_t sum = checksum_finish(checksum_add({udp, frame.size() - header.l4_offset}));
  store_be16(udp + 6, sum == 0 ? 0xffff : sum);
}

TEST(HeaderTemplateTest, WritesExactlyTheFrame) {
  SEED_TRACE();
  Random random(test_seed());
  for (const Shape& shape : all_shapes()) {
    FrameSpec spec = spec_of(shape);
    const HeaderTemplate header = template_of(spec);
    ASSERT_TRUE(header.known());
    EXPECT_EQ(header.length, 14 + (shape.vlan != 0 ? 4 : 0) + (shape.v6 ? 40 : 20) + 8);
    EXPECT_LE(header.length, HeaderTemplate::kMaxLength);
    for (std::size_t length = 0; length <= 1472; length += 1 + length / 16) {
      spec.payload = random_bytes(random, length);
      ASSERT_EQ(write(header, spec.payload), build_frame(spec)) << length;
      Bytes unfinished = write(header, spec.payload, true);
      complete_as_a_port_does(header, unfinished);
      ASSERT_EQ(unfinished, build_frame(spec)) << length;
    }
  }
}

TEST(HeaderTemplateTest, ParsesBack) {
  SEED_TRACE();
  Random random(test_seed());
  for (const Shape& shape : all_shapes()) {
    for (int round = 0; round < 20; ++round) {
      FrameSpec spec = spec_of(shape);
      const std::size_t size = shape.v6 ? 16 : 4;
      spec.source = config::IpAddress::from_bytes(random_bytes(random, size));
      spec.destination = config::IpAddress::from_bytes(random_bytes(random, size));
      spec.source_port = static_cast<std::uint16_t>(random());
      spec.destination_port = static_cast<std::uint16_t>(random());
      const Bytes bytes = write(template_of(spec), random_bytes(random, random() % 1200));
      Frame frame;
      ASSERT_EQ(parse_frame(bytes, frame), std::nullopt);
      EXPECT_TRUE(udp_checksum_ok(bytes, frame));
      EXPECT_EQ(frame.vlan, shape.vlan);
      EXPECT_EQ(frame.source_port, spec.source_port);
      EXPECT_EQ(frame.destination_port, spec.destination_port);
      EXPECT_EQ(source_ip(bytes, frame), spec.source);
      EXPECT_EQ(destination_ip(bytes, frame), spec.destination);
      const HeaderTemplate header = template_of(spec);
      EXPECT_EQ(template_remote(header), (config::SocketAddress{spec.destination, spec.destination_port}));
      EXPECT_EQ(template_next_hop(header), spec.to);
    }
  }
}

// RFC 768: a computed zero is sent as all ones, since zero means "no checksum". One payload in 65,536 has it.
TEST(HeaderTemplateTest, AComputedZeroChecksumIsSentAsAllOnes) {
  for (const bool v6 : {false, true}) {
    const FrameSpec spec = spec_of({v6, 0, 0});
    const HeaderTemplate header = template_of(spec);
    int zeros = 0;
    for (unsigned value = 0; value <= 0xffff; ++value) {
      const Bytes payload{static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
      const Bytes bytes = write(header, payload);
      const std::uint16_t checksum = load_be16(&bytes[header.l4_offset + 6]);
      ASSERT_NE(checksum, 0) << value;
      Frame frame;
      ASSERT_EQ(parse_frame(bytes, frame), std::nullopt);
      ASSERT_TRUE(udp_checksum_ok(bytes, frame)) << value;
      zeros += checksum == 0xffff;
    }
    EXPECT_GE(zeros, 1);
  }
}

// What comes out is what a template of that DSCP would have written.
TEST(HeaderTemplateTest, AnotherDscpChangesItsSixBitsAndTheChecksum) {
  for (const Shape& shape : all_shapes())
    for (unsigned dscp = 0; dscp < 64; ++dscp) {
      FrameSpec spec = spec_of(shape);
      const HeaderTemplate header = template_of(spec);
      spec.dscp = static_cast<std::uint8_t>(dscp);
      const HeaderTemplate wanted = template_of(spec);
      const Bytes payload(33, 0x77);
      Bytes bytes = write(header, payload);
      set_dscp(header, bytes.data(), spec.dscp, true);
      EXPECT_EQ(bytes, write(wanted, payload)) << dscp;
      Bytes made(header.length);
      Bytes expected(header.length);
      write_headers_for_offload(header, made.data(), 33);
      set_dscp(header, made.data(), spec.dscp, false);
      write_headers_for_offload(wanted, expected.data(), 33);
      EXPECT_EQ(made, expected) << "the port computes the checksum";
    }
}

TEST(HeaderTemplateTest, TouchesNothingBehindTheHeaders) {
  GuardedRoom room;
  for (const Shape& shape : all_shapes()) {
    const HeaderTemplate header = template_of(spec_of(shape));
    const auto held = room.hold(Bytes(header.length, 0));
    write_headers(header, held.data(), 0);  // the byte behind is out of bounds
    const Bytes payload(33, 0x77);
    const Bytes bytes = write(header, payload);
    EXPECT_TRUE(std::equal(payload.begin(), payload.end(), bytes.begin() + header.length));
  }
}

TEST(HeaderTemplateTest, TheEmptyTemplateIsUnknown) {
  EXPECT_FALSE(HeaderTemplate{}.known());
}

}  // namespace
}  // namespace sluice::dataplane::test
