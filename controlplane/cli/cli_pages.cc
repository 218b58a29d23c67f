#include "controlplane/cli/cli_pages.h"

#include <algorithm>
#include <cstdint>

namespace sluice::control::cli {
namespace {

constexpr std::size_t kObjectsPerPage = 500;  // the most that the daemon gives at once (docs/api.md)

/// The member of the result that has the objects.
std::string list_member(std::string_view method) {
  if (method == "port.list") return "allocated";
  return std::string(method.substr(0, method.find('.'))) + "s";
}

std::size_t size_of(const OrderedJson& result, const std::string& member) {
  const auto list = result.find(member);
  return list != result.end() && list->is_array() ? list->size() : 0;
}

/// Adds the objects, or the number, of one page to those before it.
void append(OrderedJson& whole, const OrderedJson& page, const std::string& member) {
  if (page.contains("count") && page["count"].is_number_unsigned())
    whole["count"] = whole.value("count", std::uint64_t{0}) + page["count"].get<std::uint64_t>();
  if (size_of(page, member) == 0) return;
  for (const auto& object : page[member]) whole[member].push_back(object);
}

}  // namespace

bool is_paged(std::string_view method) {
  return method.ends_with(".list") && method != "worker.list" && method != "drop.list";
}

std::optional<OrderedJson> call_list(Client& client, std::string_view method, OrderedJson params,
                                     std::optional<std::size_t> limit, std::string& error) {
  const std::string member = list_member(method);
  std::optional<OrderedJson> whole;
  for (;;) {
    if (limit) {
      const std::size_t left = *limit - (whole ? size_of((*whole)["result"], member) : 0);
      params["limit"] = std::min(left, kObjectsPerPage);
    }
    auto answer = client.call(method, params, error);
    if (!answer || !answer->contains("result") || !(*answer)["result"].is_object()) return answer;
    const OrderedJson next = (*answer)["result"].value("nextCursor", OrderedJson(nullptr));
    (*answer)["result"].erase("nextCursor");
    if (!whole)
      whole = std::move(answer);
    else
      append((*whole)["result"], (*answer)["result"], member);
    if (!next.is_string()) return whole;
    if (limit && size_of((*whole)["result"], member) >= *limit) {
      (*whole)["result"]["nextCursor"] = next;
      return whole;
    }
    params["cursor"] = next;
  }
}

}  // namespace sluice::control::cli
