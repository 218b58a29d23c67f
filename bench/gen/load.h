// load: the forms of load beside evenly spaced media: forged packets, and media that comes in frames. Plain
// values.
#pragma once

#include <cstdint>

namespace sluice::gen {

inline constexpr int kMostForged = 8;  // for each packet of media

/// Forged packets beside the media: right SSRC, a sequence number ahead, a random payload and tag.
struct Flood {
  double per_packet = 0;  // forged packets for each media packet; 0: none
  bool spoofed = false;   // from the sender's own address; otherwise from a stranger's
};

/// Media as cameras send it: the packets of a frame back to back, then nothing until the next frame.
struct FrameLoad {
  std::uint32_t streams = 0;  // the first ones of the plan
  std::uint32_t packets = 0;  // of a frame; 0: packets are evenly spaced
  double per_second = 0;      // frames of each stream

  double rate() const { return static_cast<double>(streams) * packets * per_second; }
};

}  // namespace sluice::gen
