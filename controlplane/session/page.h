// page: one answer to a list request. A list has a fixed order, so a page is the part of it behind a cursor.
// A page is bounded by the number of objects in it, and by the number of objects that were looked at to find
// them: a filter that matches nothing must not hold the control thread for the length of the table. So a page
// may have fewer objects than asked for, even none, and still not be the last. Plain values; control thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/session/model.h"

namespace sluice::control {

template <typename View>
struct Page {
  std::vector<View> views;  // none when only their number was asked for
  std::size_t count = 0;    // objects of this page that match
  std::string next_cursor;  // where the next page begins; empty: this one is the last
};

/// Fills one page:
///   for (each object behind the cursor) {
///     if (fill.is_full()) return fill.end(cursor of the object before);
///     if (fill.takes(whether it matches)) fill.add(its view);
///   }
///   return fill.end("");
template <typename View>
class PageFill {
 public:
  /// Looks at `most_examined` objects at most.
  PageFill(const PageRequest& request, std::size_t most_examined)
      : limit_(request.limit == 0 ? kDefaultPageLimit : request.limit),
        most_examined_(most_examined),
        is_count_(request.count) {}

  [[nodiscard]] bool is_full() const {
    return examined_ >= most_examined_ || (!is_count_ && page_.count >= limit_);
  }
  /// Counts an object as looked at. True when the page takes its view.
  [[nodiscard]] bool takes(bool matches) {
    ++examined_;
    if (matches) ++page_.count;
    return matches && !is_count_;
  }
  /// Counts further objects that were looked at, for one view.
  void spend(std::size_t objects) { examined_ += objects; }
  void add(View view) { page_.views.push_back(std::move(view)); }

  [[nodiscard]] Page<View> end(std::string next_cursor) {
    page_.next_cursor = std::move(next_cursor);
    return std::move(page_);
  }

 private:
  Page<View> page_;
  std::size_t limit_;
  std::size_t most_examined_;
  std::size_t examined_ = 0;
  bool is_count_;
};

}  // namespace sluice::control
