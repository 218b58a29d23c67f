#include "bench/gen/schedule.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sluice::gen {

std::vector<std::uint32_t> make_schedule(const std::vector<double>& rates, std::size_t longest) {
  const double least = *std::min_element(rates.begin(), rates.end());
  const double total = std::accumulate(rates.begin(), rates.end(), 0.0);
  const bool whole = std::all_of(rates.begin(), rates.end(), [least](double rate) {
    return std::abs(rate / least - std::round(rate / least)) < 1e-6;
  });
  // The slowest stream is in the list once. If the ratios are not whole, like 50:75, it is there several
  // times.
  const double turns =
      whole ? 1 : std::clamp(std::floor(static_cast<double>(longest) * least / total), 1.0, 8.0);
  const double scale = std::min(turns / least, static_cast<double>(longest) / total);
  struct Entry {
    double at;
    std::uint32_t stream;
  };
  std::vector<Entry> entries;
  for (std::uint32_t i = 0; i < rates.size(); ++i) {
    const auto count = static_cast<std::uint32_t>(std::max(1.0, std::round(rates[i] * scale)));
    // The streams of one rate do not all begin at once: each is shifted by its index.
    const double shift = (static_cast<double>(i) + 0.5) / static_cast<double>(rates.size());
    for (std::uint32_t k = 0; k < count; ++k) entries.push_back({(k + shift) / count, i});
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.at < b.at; });
  std::vector<std::uint32_t> order;
  order.reserve(entries.size());
  for (const Entry& entry : entries) order.push_back(entry.stream);
  return order;
}

}  // namespace sluice::gen
