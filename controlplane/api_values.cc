#include "controlplane/api_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "controlplane/base64.h"
#include "dataplane/route_slot.h"

namespace sluice::control::fields {
namespace {

bool is_alnum(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_hex(char c) {
  return (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9');
}

bool all_of(std::string_view text, std::size_t min, std::size_t max, std::string_view also) {
  return text.size() >= min && text.size() <= max && std::all_of(text.begin(), text.end(), [&](char c) {
           return is_alnum(c) || also.find(c) != std::string_view::npos;
         });
}

/// "AB:CD:..."
bool is_fingerprint(std::string_view text) {
  if (text.size() < 5 || text.size() % 3 != 2) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (i % 3 == 2 ? text[i] != ':' : !is_hex(text[i])) return false;
  return true;
}

}  // namespace

bool text_fits(Text kind, std::string_view text) {
  switch (kind) {
    case Text::kAny:
      return true;
    case Text::kId:
      return all_of(text, 1, 128, "._:@-");
    case Text::kUfrag:
      return all_of(text, 4, 256, "+/");  // RFC 8839 5.4
    case Text::kPassword:
      return all_of(text, 22, 256, "+/");
    case Text::kMid:
      return all_of(text, 1, dataplane::kMaxMidLength, "!#$%&'*+-.^_`{|}~");  // RFC 8866 token
    case Text::kFingerprint:
      return is_fingerprint(text);
  }
  return false;
}

std::string_view text_allowed(Text kind) {
  switch (kind) {
    case Text::kAny:
      return "a string";
    case Text::kId:
      return "1..128 characters of A-Z a-z 0-9 . _ : @ -";
    case Text::kUfrag:
      return "4..256 characters of A-Z a-z 0-9 + /";
    case Text::kPassword:
      return "22..256 characters of A-Z a-z 0-9 + /";
    case Text::kMid:
      return "an SDP token of 1..16 characters";
    case Text::kFingerprint:
      return "hexadecimal pairs with colons between, as in AB:CD:...";
  }
  return "";
}

std::optional<Mismatch> Value<std::string>::read(const Json& json, const Field& field, std::string& out) {
  if (json.is_string() && text_fits(field.text, json.get_ref<const std::string&>())) {
    out = json.get_ref<const std::string&>();
    return std::nullopt;
  }
  if (field.text == Text::kPassword && json.is_string())
    return Mismatch{fmt::format("a string of {} bytes", json.get_ref<const std::string&>().size()),
                    allowed(field)};
  return Mismatch{found_text(json), allowed(field)};
}

std::optional<Mismatch> Value<bool>::read(const Json& json, const Field& field, bool& out) {
  if (!json.is_boolean()) return Mismatch{found_text(json), allowed(field)};
  out = json.get<bool>();
  return std::nullopt;
}

std::string integer_allowed(const Field& field) {
  return fmt::format("an integer {}..{}", field.min, field.max);
}

std::variant<std::int64_t, Mismatch> read_integer(const Json& json, const Field& field) {
  const bool too_large =
      json.is_number_unsigned() && json.get<std::uint64_t>() > static_cast<std::uint64_t>(field.max);
  if (!json.is_number_integer() || too_large) return Mismatch{found_text(json), integer_allowed(field)};
  const auto number = json.get<std::int64_t>();
  if (number < field.min || number > field.max) return Mismatch{found_text(json), integer_allowed(field)};
  return number;
}

std::optional<Mismatch> Value<config::IpAddress>::read(const Json& json, const Field& field,
                                                       config::IpAddress& out) {
  if (json.is_string()) {
    const auto address = config::IpAddress::parse(json.get_ref<const std::string&>());
    if (address && !address->is_unspecified() && !address->is_multicast()) {
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
  const bool fits =
      length && std::any_of(crypto::kAllSrtpProfiles.begin(), crypto::kAllSrtpProfiles.end(), [&](auto p) {
        const auto info = crypto::profile_info(p);
        return *length == std::size_t{info.key_length} + info.salt_length;
      });
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
