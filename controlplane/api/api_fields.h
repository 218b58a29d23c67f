// api_fields: three visitors that read a request's definition. A request is defined by one function template
//   template <typename Visitor> void describe(Visitor& v, TheRequest& r)
// that names each field once. Decoder fills the request from JSON, Encoder writes it to JSON, and Describer
// lists its parameters. Only api.cc includes this. Any thread; each visitor is used by one.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/api/api_errors.h"
#include "controlplane/api/api_values.h"
#include "controlplane/api/method.h"
#include "controlplane/session/rules.h"

namespace sluice::control::fields {

/// Stops at the first error and writes it to `error`.
class Decoder {
 public:
  Decoder(const Json& object, std::string path, std::optional<RequestError>& error)
      : object_(object), path_(std::move(path)), error_(error) {}

  template <typename T>
  void field(const Field& field, T& value) {
    if (const Json* json = take(field)) read(*json, path_of(field.name), field, value);
  }

  /// Reads an object of the JSON whose members are direct members of the request.
  template <typename Members>
  void group(const Field& field, Members&& members) {
    const Json* json = take(field);
    if (json == nullptr) return;
    if (!json->is_object()) return fail(path_of(field.name), found_text(*json), "an object");
    Decoder inner(*json, path_of(field.name), error_);
    members(inner);
    inner.finish();
  }

  /// Reads fields that only some kinds of endpoint have. Calls of only() do not nest.
  template <typename Members>
  void only(const ForKinds& kinds, dataplane::EndpointKind kind, Members&& members) {
    if (!kinds.has(kind)) forbidden_unless_ = kinds.text();
    members(*this);
    forbidden_unless_.clear();
  }

  /// Call it after the last field: any other member of the JSON is an error.
  void finish() {
    if (error_) return;
    for (const auto& [name, value] : object_.items()) {
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      const std::string where = path_.empty() ? "" : " in " + path_;
      return fail(path_of(name_text(name)), "a parameter of that name" + where,
                  known_.empty() ? "no parameters" : fmt::format("{}", fmt::join(known_, ", ")));
    }
  }

 private:
  const Json* take(const Field& field) {
    known_.push_back(field.name);
    if (error_) return nullptr;
    const auto at = object_.find(field.name);
    if (at == object_.end()) {
      if (field.required && forbidden_unless_.empty()) refuse(refuse_missing(path_of(field.name)));
      return nullptr;
    }
    if (!forbidden_unless_.empty()) {
      refuse(refuse_for_kind(path_of(field.name), forbidden_unless_));
      return nullptr;
    }
    return &*at;
  }

  template <typename T>
  void read(const Json& json, const std::string& path, const Field& field, T& value) {
    if constexpr (IsOptional<T>::value) {
      read(json, path, field, value.emplace());
    } else if constexpr (IsVector<T>::value) {
      if (!json.is_array()) return fail(path, found_text(json), "a list");
      if (json.size() > field.max_items) return refuse(refuse_count(path, json.size(), field.max_items));
      value.clear();
      for (std::size_t i = 0; i < json.size() && !error_; ++i)
        read(json[i], fmt::format("{}[{}]", path, i), field, value.emplace_back());
    } else if constexpr (requires { Value<T>::kType; }) {
      if (auto mismatch = Value<T>::read(json, field, value)) fail(path, mismatch->found, mismatch->allowed);
    } else {
      if (!json.is_object()) return fail(path, found_text(json), "an object");
      Decoder inner(json, path, error_);
      describe(inner, value);
      inner.finish();
    }
  }

  std::string path_of(std::string_view name) const {
    return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
  }
  void fail(std::string_view param, std::string_view found, std::string_view allowed) {
    refuse(refuse_parameter(param, found, allowed));
  }
  void refuse(RequestError error) {
    if (!error_) error_ = std::move(error);
  }

  const Json& object_;
  std::string path_;
  std::optional<RequestError>& error_;
  std::vector<std::string_view> known_;
  std::string forbidden_unless_;
};

class Encoder {
 public:
  explicit Encoder(OrderedJson& out) : out_(out) {}

  template <typename T>
  void field(const Field& field, const T& value) {
    if constexpr (IsOptional<T>::value) {
      if (value) out_[field.name] = write(*value);
    } else if constexpr (IsVector<T>::value) {
      if (!value.empty()) out_[field.name] = write(value);
    } else if constexpr (requires { Value<T>::kType; }) {
      if ((field.required && !in_group_) || !Value<T>::is_default(value)) out_[field.name] = write(value);
    } else {
      out_[field.name] = write(value);
    }
  }

  /// Leaves the object out when all its members are empty.
  template <typename Members>
  void group(const Field& field, Members&& members) {
    OrderedJson object = OrderedJson::object();
    Encoder inner(object);
    inner.in_group_ = true;
    members(inner);
    if (!object.empty()) out_[field.name] = std::move(object);
  }

  template <typename Members>
  void only(const ForKinds& kinds, dataplane::EndpointKind kind, Members&& members) {
    if (kinds.has(kind)) members(*this);
  }

 private:
  template <typename T>
  static OrderedJson write(const T& value) {
    if constexpr (IsVector<T>::value) {
      OrderedJson list = OrderedJson::array();
      for (const auto& item : value) list.push_back(write(item));
      return list;
    } else if constexpr (requires { Value<T>::kType; }) {
      return Value<T>::write(value);
    } else {
      OrderedJson object = OrderedJson::object();
      Encoder inner(object);
      T copy = value;
      describe(inner, copy);
      return object;
    }
  }

  OrderedJson& out_;
  bool in_group_ = false;
};

class Describer {
 public:
  template <typename T>
  void field(const Field& field, T&) {
    Param param{.name = std::string(field.name), .help = std::string(field.help)};
    param.only_for = only_for_;
    param.required = field.required;
    describe_type<T>(field, param);
    params_.push_back(std::move(param));
  }

  template <typename Members>
  void group(const Field& field, Members&& members) {
    Describer inner;
    members(inner);
    Param param{.name = std::string(field.name), .help = std::string(field.help), .type = "object"};
    param.only_for = only_for_;
    param.required = field.required;
    param.members = std::move(inner.params_);
    params_.push_back(std::move(param));
  }

  template <typename Members>
  void only(const ForKinds& kinds, dataplane::EndpointKind, Members&& members) {
    only_for_ = kinds.text();
    members(*this);
    only_for_.clear();
  }

  std::vector<Param> take() { return std::move(params_); }

 private:
  template <typename T>
  static void describe_type(const Field& field, Param& param) {
    if constexpr (IsOptional<T>::value) {
      describe_type<typename T::value_type>(field, param);
    } else if constexpr (IsVector<T>::value) {
      param.list = true;
      describe_type<typename T::value_type>(field, param);
    } else if constexpr (requires { Value<T>::kType; }) {
      param.type = Value<T>::kType;
      param.allowed = Value<T>::allowed(field);
      if constexpr (std::is_enum_v<T>)
        for (const auto& [value, name] : Choices<T>::kNames) param.choices.emplace_back(name);
      else if constexpr (std::is_same_v<T, bool>)
        param.choices = {"true", "false"};
    } else {
      Describer inner;
      T value{};
      describe(inner, value);
      param.type = "object";
      param.members = std::move(inner.params_);
    }
  }

  std::vector<Param> params_;
  std::string only_for_;
};

}  // namespace sluice::control::fields
