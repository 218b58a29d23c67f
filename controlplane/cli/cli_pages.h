// cli_pages: the whole of a list, read page by page. Used by the only thread of sluicectl.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/base/json.h"
#include "controlplane/cli/cli_client.h"

namespace sluice::control::cli {

/// Whether the method answers by pages.
[[nodiscard]] bool is_paged(std::string_view method);

/// Asks for a list and follows its cursors. The answer is one answer with the objects of all pages, or with
/// the sum of their numbers. It has `nextCursor` when it ends at `limit` objects and there are more; an error
/// is that of the first page that was refused. nullopt with the reason in `error` when the daemon is gone.
[[nodiscard]] std::optional<OrderedJson> call_list(Client& client, std::string_view method,
                                                   OrderedJson params, std::optional<std::size_t> limit,
                                                   std::string& error);

}  // namespace sluice::control::cli
