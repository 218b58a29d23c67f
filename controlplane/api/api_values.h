// api_values: how one value of a parameter is read from JSON, written to JSON and described. rules.h says
// which values are valid. Only api.cc uses this, through api_fields.h. Errors never repeat a key or a
// password. Pure functions, any thread.
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

#include "controlplane/base/json.h"
#include "controlplane/session/names.h"
#include "controlplane/session/rules.h"

namespace sluice::control::fields {

/// The definition of a parameter.
struct Field {
  std::string_view name{};
  std::string_view help{};
  bool required = false;
  const TextRule* text = nullptr;  // for strings; nullptr = any
  Range range{};                   // for integers
  std::size_t max_items = 0;       // for lists
};

struct Mismatch {
  std::string found;
  std::string allowed;
};

/// Value<T> has kType, allowed, read, write, is_default. read() returns nullopt, or what is wrong.
template <typename T>
struct Value;

template <>
struct Value<std::string> {
  static constexpr std::string_view kType = "string";
  static std::string allowed(const Field& field) {
    return field.text == nullptr ? "a string" : field.text->allowed();
  }
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

/// The integer, or what is wrong: not an integer, or outside field.range.
std::variant<std::int64_t, Mismatch> read_integer(const Json& json, const Field& field);

template <typename T>
requires(std::unsigned_integral<T> && !std::same_as<T, bool>) struct Value<T> {
  static constexpr std::string_view kType = "integer";
  static std::string allowed(const Field& field) { return field.range.allowed(); }
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
  static std::string allowed(const Field&) { return all_choices<E>(); }
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
  static std::string allowed(const Field&) { return std::string(kHostAddressText); }
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
  static std::string allowed(const Field&) { return "base64 of key||salt: " + master_lengths_text(); }
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
