#include "controlplane/api/api_values.h"

#include <fmt/format.h>

#include "controlplane/base/base64.h"

namespace sluice::control::fields {
std::optional<Mismatch> Value<std::string>::read(const Json& json, const Field& field, std::string& out) {
  if (!json.is_string()) return Mismatch{found_text(json), allowed(field)};
  const auto& text = json.get_ref<const std::string&>();
  if (field.text != nullptr && !field.text->fits(text))
    return Mismatch{field.text->found(text), allowed(field)};
  out = text;
  return std::nullopt;
}

std::optional<Mismatch> Value<bool>::read(const Json& json, const Field& field, bool& out) {
  if (!json.is_boolean()) return Mismatch{found_text(json), allowed(field)};
  out = json.get<bool>();
  return std::nullopt;
}

std::variant<std::int64_t, Mismatch> read_integer(const Json& json, const Field& field) {
  const bool too_large =
      json.is_number_unsigned() && json.get<std::uint64_t>() > static_cast<std::uint64_t>(field.range.max);
  if (!json.is_number_integer() || too_large) return Mismatch{found_text(json), field.range.allowed()};
  const auto number = json.get<std::int64_t>();
  if (!field.range.has(number)) return Mismatch{found_text(json), field.range.allowed()};
  return number;
}

std::optional<Mismatch> Value<config::IpAddress>::read(const Json& json, const Field& field,
                                                       config::IpAddress& out) {
  if (json.is_string()) {
    const auto address = config::IpAddress::parse(json.get_ref<const std::string&>());
    if (address && is_host_address(*address)) {
      out = *address;
      return std::nullopt;
    }
  }
  return Mismatch{found_text(json), allowed(field)};
}

std::optional<Mismatch> Value<config::IpPrefix>::read(const Json& json, const Field& field,
                                                      config::IpPrefix& out) {
  if (json.is_string()) {
    if (const auto prefix = config::IpPrefix::parse(json.get_ref<const std::string&>())) {
      out = *prefix;
      return std::nullopt;
    }
  }
  return Mismatch{found_text(json), allowed(field)};
}

std::optional<Mismatch> Value<SrtpKeyBytes>::read(const Json& json, const Field& field, SrtpKeyBytes& out) {
  if (!json.is_string()) return Mismatch{std::string(type_text(json)), allowed(field)};
  const auto& text = json.get_ref<const std::string&>();
  std::array<std::uint8_t, crypto::kMaxMasterKey + crypto::kMaxMasterSalt> bytes{};
  const auto length = base64_decode(text, bytes);
  const bool fits = length && is_master_length(*length);
  if (fits) out.assign({bytes.data(), *length});
  crypto::wipe(bytes.data(), bytes.size());
  if (fits) return std::nullopt;
  if (length) return Mismatch{fmt::format("base64 of {} bytes", *length), allowed(field)};
  return Mismatch{fmt::format("a string of {} characters that is not such base64", text.size()),
                  allowed(field)};
}

OrderedJson Value<SrtpKeyBytes>::write(const SrtpKeyBytes& value) {
  return base64_encode(value.bytes());
}

}  // namespace sluice::control::fields
