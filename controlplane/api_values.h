// api_values: how one value of a parameter is read from JSON, checked, written to JSON and described. For
// api.cc alone, through api_fields.h. Errors never repeat a key or a password. Pure functions, any thread.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "controlplane/json.h"
#include "controlplane/requests.h"

namespace sluice::control::fields {

enum class Text : std::uint8_t { kAny, kId, kUfrag, kPassword, kMid, kFingerprint };

/// What is said about a parameter where it is defined.
struct Field {
  std::string_view name{};
  std::string_view help{};
  bool required = false;
  Text text = Text::kAny;     // of strings
  std::int64_t min = 0;       // of integers
  std::int64_t max = 0;       // of integers; of lists: see max_items
  std::size_t max_items = 0;  // of lists
};

struct Mismatch {
  std::string found;
  std::string allowed;
};

/// Names of an enumeration's values, as the API has them.
template <typename E>
struct Choices;
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
                                     std::pair{DtlsSetup::kActive, std::string_view("active")}};
};
template <>
struct Choices<crypto::SrtpProfile> {
  static constexpr std::array kNames{
      std::pair{crypto::SrtpProfile::kAeadAes128Gcm, std::string_view("AEAD_AES_128_GCM")},
      std::pair{crypto::SrtpProfile::kAeadAes256Gcm, std::string_view("AEAD_AES_256_GCM")},
      std::pair{crypto::SrtpProfile::kAesCm128HmacSha1_80, std::string_view("AES_CM_128_HMAC_SHA1_80")},
      std::pair{crypto::SrtpProfile::kAesCm128HmacSha1_32, std::string_view("AES_CM_128_HMAC_SHA1_32")}};
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

template <typename E>
constexpr std::string_view choice_name(E value) {
  for (const auto& [choice, name] : Choices<E>::kNames)
    if (choice == value) return name;
  return "unknown";
}

/// Whether `text` is well-formed for its kind; what is allowed, for people.
bool text_fits(Text kind, std::string_view text);
std::string_view text_allowed(Text kind);

/// Any T: type_name, allowed, read, write, is_default.
template <typename T>
struct Value;

template <>
struct Value<std::string> {
  static constexpr std::string_view kType = "string";
  static std::string allowed(const Field& field) { return std::string(text_allowed(field.text)); }
  static std::optional<Mismatch> read(const Json& json, const Field& field, std::string& out);
  static OrderedJson write(const std::string& value) { return value; }
  static bool is_default(const std::string& value) { return value.empty(); }
};

template <>
struct Value<bool> {
  static constexpr std::string_view kType = "boolean";
  static std::string allowed(const Field&) { return "true, false"; }
  static std::optional<Mismatch> read(const Json& json, const Field& field, bool& out);
  static OrderedJson write(bool value) { return value; }
  static bool is_default(bool value) { return !value; }
};

/// The integer in [field.min, field.max], or what is wrong.
std::variant<std::int64_t, Mismatch> read_integer(const Json& json, const Field& field);
std::string integer_allowed(const Field& field);

template <typename T>
requires(std::unsigned_integral<T> && !std::same_as<T, bool>) struct Value<T> {
  static constexpr std::string_view kType = "integer";
  static std::string allowed(const Field& field) { return integer_allowed(field); }
  static std::optional<Mismatch> read(const Json& json, const Field& field, T& out) {
    auto number = read_integer(json, field);
    if (auto* mismatch = std::get_if<Mismatch>(&number)) return std::move(*mismatch);
    out = static_cast<T>(std::get<std::int64_t>(number));
    return std::nullopt;
  }
  static OrderedJson write(T value) { return value; }
  static bool is_default(T value) { return value == 0; }
};

template <typename E>
requires std::is_enum_v<E>
struct Value<E> {
  static constexpr std::string_view kType = "string";
  static std::string allowed(const Field&) {
    std::string all;
    for (const auto& [value, name] : Choices<E>::kNames) all.append(all.empty() ? "" : ", ").append(name);
    return all;
  }
  static std::optional<Mismatch> read(const Json& json, const Field& field, E& out) {
    if (json.is_string()) {
      for (const auto& [value, name] : Choices<E>::kNames) {
        if (json.get_ref<const std::string&>() != name) continue;
        out = value;
        return std::nullopt;
      }
    }
    return Mismatch{found_text(json), allowed(field)};
  }
  static OrderedJson write(E value) { return choice_name(value); }
  static bool is_default(E value) { return value == E{}; }
};

template <>
struct Value<config::IpAddress> {
  static constexpr std::string_view kType = "string";
  static std::string allowed(const Field&) { return "an IPv4 or IPv6 address of one host"; }
  static std::optional<Mismatch> read(const Json& json, const Field& field, config::IpAddress& out);
  static OrderedJson write(const config::IpAddress& value) { return value.to_string(); }
  static bool is_default(const config::IpAddress&) { return false; }
};

template <>
struct Value<config::IpPrefix> {
  static constexpr std::string_view kType = "string";
  static std::string allowed(const Field&) { return "an IPv4 or IPv6 prefix, as in 198.18.0.0/15"; }
  static std::optional<Mismatch> read(const Json& json, const Field& field, config::IpPrefix& out);
  static OrderedJson write(const config::IpPrefix& value) { return value.to_string(); }
  static bool is_default(const config::IpPrefix&) { return false; }
};

template <>
struct Value<SrtpKeyBytes> {
  static constexpr std::string_view kType = "string";
  static std::string allowed(const Field&) {
    return "base64 of key||salt: 28 bytes (AEAD_AES_128_GCM), 44 (AEAD_AES_256_GCM) or 30 (AES_CM_128)";
  }
  static std::optional<Mismatch> read(const Json& json, const Field& field, SrtpKeyBytes& out);
  static OrderedJson write(const SrtpKeyBytes& value);
  static bool is_default(const SrtpKeyBytes& value) { return value.empty(); }
};

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

}  // namespace sluice::control::fields
