// names: the text of each enumeration value, as requests, objects and messages write it. One table for each
// enumeration. Constants and pure functions; any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "controlplane/session/model.h"

namespace sluice::control {

/// The names of an enumeration: Choices<E>::kNames is a list of pairs (value, name).
template <typename E>
struct Choices;

namespace detail {

constexpr auto profile_names() {
  std::array<std::pair<crypto::SrtpProfile, std::string_view>, crypto::kSrtpProfileInfos.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i)
    names[i] = {crypto::kSrtpProfileInfos[i].profile, crypto::kSrtpProfileInfos[i].name};
  return names;
}

}  // namespace detail

template <>
struct Choices<dataplane::EndpointKind> {
  static constexpr std::array kNames{std::pair{dataplane::EndpointKind::kRtp, std::string_view("rtp")},
                                     std::pair{dataplane::EndpointKind::kSdes, std::string_view("sdes")},
                                     std::pair{dataplane::EndpointKind::kWebrtc, std::string_view("webrtc")}};
};
template <>
struct Choices<dataplane::LatchPolicy> {
  static constexpr std::array kNames{
      std::pair{dataplane::LatchPolicy::kFixed, std::string_view("fixed")},
      std::pair{dataplane::LatchPolicy::kOnce, std::string_view("once")},
      std::pair{dataplane::LatchPolicy::kAuthenticated, std::string_view("authenticated")}};
};
template <>
struct Choices<config::IpFamily> {
  static constexpr std::array kNames{std::pair{config::IpFamily::kIpv4, std::string_view("ipv4")},
                                     std::pair{config::IpFamily::kIpv6, std::string_view("ipv6")}};
};
template <>
struct Choices<IceTransport> {
  static constexpr std::array kNames{std::pair{IceTransport::kOwn, std::string_view("own")},
                                     std::pair{IceTransport::kShared, std::string_view("shared")}};
};
template <>
struct Choices<DtlsSetup> {
  static constexpr std::array kNames{std::pair{DtlsSetup::kPassive, std::string_view("passive")},
                                     std::pair{DtlsSetup::kActive, std::string_view("active")},
                                     std::pair{DtlsSetup::kActpass, std::string_view("actpass")}};
};
template <>
struct Choices<crypto::SrtpProfile> {
  static constexpr std::array kNames = detail::profile_names();
};
template <>
struct Choices<EndpointState> {
  static constexpr std::array kNames{std::pair{EndpointState::kAllocated, std::string_view("allocated")},
                                     std::pair{EndpointState::kConnecting, std::string_view("connecting")},
                                     std::pair{EndpointState::kConnected, std::string_view("connected")},
                                     std::pair{EndpointState::kFlowing, std::string_view("flowing")},
                                     std::pair{EndpointState::kFailed, std::string_view("failed")},
                                     std::pair{EndpointState::kRemoving, std::string_view("removing")}};
};

template <>
struct Choices<NeighborState> {
  static constexpr std::array kNames{std::pair{NeighborState::kAsking, std::string_view("asking")},
                                     std::pair{NeighborState::kReachable, std::string_view("reachable")},
                                     std::pair{NeighborState::kPolling, std::string_view("polling")},
                                     std::pair{NeighborState::kChecking, std::string_view("checking")},
                                     std::pair{NeighborState::kFailed, std::string_view("failed")}};
};

/// The name of a value; "unknown" for a value that is not in the table.
template <typename E>
[[nodiscard]] constexpr std::string_view choice_name(E value) {
  for (const auto& [choice, name] : Choices<E>::kNames)
    if (choice == value) return name;
  return "unknown";
}

/// The names of the given values, as a list: "fixed, once".
template <typename Values>
[[nodiscard]] std::string choice_list(const Values& values) {
  std::string list;
  for (const auto value : values) list.append(list.empty() ? "" : ", ").append(choice_name(value));
  return list;
}
template <typename E>
[[nodiscard]] std::string all_choices() {
  std::string list;
  for (const auto& [value, name] : Choices<E>::kNames) list.append(list.empty() ? "" : ", ").append(name);
  return list;
}

}  // namespace sluice::control
