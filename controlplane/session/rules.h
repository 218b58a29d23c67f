// rules: which values a request may hold, as far as the request alone can tell. Each rule is stated here
// once: the sessions check requests by it, and the front ends describe it to users. What depends on ports,
// configuration or other objects is checked in endpoint_plan and route_plan. Pure functions and constants,
// any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/config.h"
#include "controlplane/base/bounds.h"
#include "controlplane/protocol/ice/ice_lite.h"
#include "controlplane/session/errors.h"
#include "crypto/srtp/srtp_engine.h"
#include "dataplane/shared/route_slot.h"

namespace sluice::control {

/// The id of a session, endpoint or route.
inline constexpr TextRule kObjectId{.min = 1, .max = 128, .punctuation = "._:@-"};
/// RFC 8866 9 defines the token; a slot limits its length.
inline constexpr TextRule kMid{
    .min = 1, .max = dataplane::kMaxMidLength, .punctuation = "!#$%&'*+-.^_`{|}~", .name = "an SDP token"};

/// RFC 8851 10.
inline constexpr TextRule kRid{
    .min = 1, .max = dataplane::kMaxRidLength, .punctuation = "-_", .name = "an RTP stream id"};

inline constexpr Range kUdpPort{1, 65535};
inline constexpr Range kSsrc{0, 0xffffffff};
inline constexpr Range kClockRateHz{1, 1000000};
inline constexpr Range kPayloadType{0, 127};  // RFC 3550 5.1
inline constexpr std::size_t kMaxRepairTypes = 32;
inline constexpr Range kRtcpPayloadTypes{64, 95};  // look like RTCP on a shared port (RFC 5761 4)
inline constexpr Range kHeaderExtensionId{1, 14};  // one-byte headers (RFC 8285 4.2)
inline constexpr Range kMidExtensionId{0, kHeaderExtensionId.max};  // 0 = none
inline constexpr Range kDscp{0, 63};                                // RFC 2474 3

inline constexpr Range kRolloverCounter{0, 0xffffffff};  // RFC 3711 3.3.1
inline constexpr Range kSequence{0, 0xffff};
inline constexpr Range kSrtcpIndex{0, 0x7ffffffe};  // 31 bits (RFC 3711 3.4), and one must be left
inline constexpr Range kMkiValue{0, 0xffffffff};
inline constexpr Range kMkiLength{0, crypto::SrtpKeys::kMaxMki};  // bytes; RFC 4568 6.1 allows 128
inline constexpr std::size_t kMaxRolloverCounters = 16;

inline constexpr Range kIdleTimeoutS{0, 86400};
inline constexpr Range kLeaseS{0, 86400};
inline constexpr Range kConsentTimeoutMs{0, 300000};  // 0 = never, else at least kLeastConsentMs
inline constexpr std::uint32_t kLeastConsentMs = config::kLeastConsentTimeoutMs;
inline constexpr Range kPageLimit{1, 500};  // objects in one answer to a list request
inline constexpr Range kAgeS{1, 0xffffffff};
/// Two object ids and what stands between them.
/// Cursors of neighbours have an IPv6 address in them.
inline constexpr TextRule kCursor{.min = 1, .max = 2 * kObjectId.max + 1, .punctuation = "._:@-/"};

inline constexpr std::size_t kMaxFingerprints = 8;
inline constexpr std::size_t kMaxPayloadTypes = dataplane::kMaxPayloadTypes;  // of a selector or route
inline constexpr std::size_t kMaxExtensionMappings = kHeaderExtensionId.max;  // one for each id

/// The kinds of endpoint that have a parameter.
struct ForKinds {
  std::array<dataplane::EndpointKind, 2> kinds;  // a single kind stands twice

  [[nodiscard]] constexpr bool has(dataplane::EndpointKind kind) const {
    return kind == kinds[0] || kind == kinds[1];
  }
  [[nodiscard]] std::string text() const;  // "kind rtp and kind sdes"
};
inline constexpr ForKinds kForRtp{{dataplane::EndpointKind::kRtp, dataplane::EndpointKind::kRtp}};
inline constexpr ForKinds kForSdes{{dataplane::EndpointKind::kSdes, dataplane::EndpointKind::kSdes}};
inline constexpr ForKinds kForWebrtc{{dataplane::EndpointKind::kWebrtc, dataplane::EndpointKind::kWebrtc}};
/// For parameters that a webrtc endpoint gets from ICE instead.
inline constexpr ForKinds kForSignalled{{dataplane::EndpointKind::kRtp, dataplane::EndpointKind::kSdes}};

/// The latch policies of a kind, the default first. None for webrtc: ICE chooses the address.
[[nodiscard]] std::span<const dataplane::LatchPolicy> latches_of(dataplane::EndpointKind kind);
/// The latch that the request asks for, or the default. REQUIRES: check(request) found nothing.
[[nodiscard]] dataplane::LatchPolicy effective_latch(const EndpointCreate& request);
/// The latch of an endpoint that was created so and is of kind rtp or sdes now. REQUIRES: as above.
[[nodiscard]] dataplane::LatchPolicy latch_of(const EndpointCreate& request, dataplane::EndpointKind now);
/// A plain endpoint latches to the first sender, which may be an attacker (RTP bleed). So it latches only to
/// an address in a named network, or for a short time.
[[nodiscard]] bool has_latch_deadline(const EndpointCreate& request, dataplane::LatchPolicy latch);

/// Whether a datagram can be sent to the address as one host: neither multicast nor unspecified.
[[nodiscard]] bool is_host_address(const config::IpAddress& address);
inline constexpr std::string_view kHostAddressText = "the unicast IPv4 or IPv6 address of one host";

/// Whether a key||salt of some profile has `length` bytes; the text lists the number of bytes for each
/// profile.
[[nodiscard]] bool is_master_length(std::size_t length);
[[nodiscard]] std::string master_lengths_text();
/// nullopt when the key has the length that the profile asks for.
[[nodiscard]] std::optional<RequestError> check_key(std::string_view param, const SrtpKeyBytes& key,
                                                    crypto::SrtpProfile profile);

/// check_key() for each key that the request gives.
[[nodiscard]] std::optional<RequestError> check_given_keys(const EndpointCreate& request,
                                                           crypto::SrtpProfile profile);

/// In constant time.
[[nodiscard]] bool equal_keys(const SrtpKeyBytes& a, const SrtpKeyBytes& b);
/// nullopt unless both keys are the same one. A route may lead back to the endpoint that its source is on.
/// With one key and one SSRC in both directions, two packets would then be encrypted with the same
/// keystream.
[[nodiscard]] std::optional<RequestError> check_key_pair(const SrtpKeyBytes& send,
                                                         const SrtpKeyBytes& receive);

/// Errors that more than one place makes.
[[nodiscard]] RequestError refuse_missing(std::string_view param);
[[nodiscard]] RequestError refuse_for_kind(std::string_view param, std::string_view allowed);
[[nodiscard]] RequestError refuse_count(std::string_view param, std::size_t found, std::size_t most);

/// nullopt when the request is valid; else the first error.
/// An outgoing payload type that looks like RTCP on a port that carries both (RFC 5761 4); nullopt when there
/// is none.
[[nodiscard]] std::optional<std::uint8_t> rtcp_like_type(const std::vector<NumberMapping>& mappings);

/// Whether a session of the same id may answer the second request too.
[[nodiscard]] bool same_parameters(const SessionCreate& a, const SessionCreate& b);

[[nodiscard]] std::optional<RequestError> check(const SessionCreate& request);
[[nodiscard]] std::optional<RequestError> check(const SessionRenew& request);
[[nodiscard]] std::optional<RequestError> check(const EndpointCreate& request);
[[nodiscard]] std::optional<RequestError> check(const EndpointConnect& request);
/// Refuses parameters that an endpoint of that kind does not have.
[[nodiscard]] std::optional<RequestError> check_kind(const EndpointConnect& request,
                                                     dataplane::EndpointKind kind);
[[nodiscard]] std::optional<RequestError> check(const RouteCreate& request);
[[nodiscard]] std::optional<RequestError> check(const RouteSwitch& request);
/// The id of a new object: empty (the daemon makes one) or an object id.
[[nodiscard]] std::optional<RequestError> check_new_id(std::string_view id);
[[nodiscard]] std::optional<RequestError> check_selector(const SourceSelector& selector);
/// An endpoint needs its session.
[[nodiscard]] std::optional<RequestError> check(const StreamList& request);
[[nodiscard]] std::optional<RequestError> check(const RouteList& request);
/// The error for a cursor that the list did not give.
[[nodiscard]] RequestError refuse_cursor(std::string_view cursor);

}  // namespace sluice::control
