#include "controlplane/cli/cli_render.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "controlplane/cli/cli_table.h"

namespace sluice::control::cli {
namespace {

/// The member at a path such as "local.rtpPort"; null when there is none.
OrderedJson at(const OrderedJson& object, std::string_view path) {
  const OrderedJson* value = &object;
  while (!path.empty()) {
    const auto dot = path.find('.');
    const std::string name(path.substr(0, dot));
    if (!value->is_object() || !value->contains(name)) return nullptr;
    value = &(*value)[name];
    path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
  }
  return *value;
}

std::string plain(const OrderedJson& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return printable(value.get<std::string>());
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return printable(to_line(value));
}

double number(const OrderedJson& value) {
  return value.is_number() ? value.get<double>() : 0;
}
std::uint64_t count_of(const OrderedJson& value) {
  return value.is_number_unsigned() ? value.get<std::uint64_t>()
                                    : static_cast<std::uint64_t>(std::max(0.0, number(value)));
}

using Show = std::string (*)(const OrderedJson& value);

std::string show_plain(const OrderedJson& value) {
  return plain(value);
}
std::string show_count(const OrderedJson& value) {
  return value.is_number() ? human_count(count_of(value)) : "-";
}
std::string show_bytes(const OrderedJson& value) {
  return value.is_number() ? human_bytes(count_of(value)) : "-";
}
std::string show_bitrate(const OrderedJson& value) {
  return value.is_number() ? human_bitrate(number(value)) : "-";
}
std::string show_share(const OrderedJson& value) {
  return value.is_number() ? human_share(number(value)) : "-";
}
std::string show_ms(const OrderedJson& value) {
  return value.is_number() ? human_ms(number(value)) : "-";
}
std::string show_seconds(const OrderedJson& value) {
  return value.is_number() ? human_ms(number(value) * 1000) : "-";
}
std::string show_list(const OrderedJson& value) {
  std::vector<std::string> items;
  if (value.is_array())
    for (const auto& item : value) items.push_back(plain(item));
  return items.empty() ? "-" : fmt::format("{}", fmt::join(items, " "));
}
std::string show_mappings(const OrderedJson& value) {
  std::vector<std::string> items;
  if (value.is_array())
    for (const auto& item : value) items.push_back(plain(at(item, "from")) + ":" + plain(at(item, "to")));
  return items.empty() ? "all" : fmt::format("{}", fmt::join(items, ","));
}
/// An address with its ports, as in 198.18.0.1:4000 or [2001:db8::1]:4000/4001.
std::string show_transport(const OrderedJson& value) {
  if (!value.is_object()) return "-";
  const std::string address = plain(at(value, "address"));
  const std::string rtp = plain(at(value, "rtpPort")), rtcp = plain(at(value, "rtcpPort"));
  const bool is_v6 = address.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}{}", is_v6 ? "[" : "", address, is_v6 ? "]" : "", rtp,
                     rtcp == rtp || rtcp == "-" ? "" : "/" + rtcp);
}
std::string show_source(const OrderedJson& value) {
  std::string text = plain(at(value, "endpoint"));
  if (const auto ssrc = at(value, "ssrc"); !ssrc.is_null()) text += "/ssrc=" + plain(ssrc);
  if (const auto types = at(value, "payloadTypes"); types.is_array()) text += "/pt=" + show_list(types);
  if (const auto mid = at(value, "mid"); !mid.is_null()) text += "/mid=" + plain(mid);
  return text;
}
std::string show_ledger(const OrderedJson& value) {
  return value.is_boolean() ? (value.get<bool>() ? "balanced" : "OPEN") : "-";
}

struct Column {
  const char* title;
  const char* path;
  Show show = show_plain;
  Align align = Align::kLeft;
};
constexpr Align kRight = Align::kRight;

std::string render_table(const OrderedJson& list, const std::vector<Column>& columns,
                         std::string_view when_empty) {
  std::vector<Table::Column> titles;
  titles.reserve(columns.size());
  for (const auto& column : columns) titles.push_back({column.title, column.align});
  Table table(std::move(titles));
  if (list.is_array()) {
    for (const auto& item : list) {
      std::vector<std::string> cells;
      cells.reserve(columns.size());
      for (const auto& column : columns) cells.push_back(column.show(at(item, column.path)));
      table.add(std::move(cells));
    }
  }
  return table.empty() ? fmt::format("{}\n", when_empty) : table.text();
}

const std::vector<Column> kSessionColumns{{"ID", "id"},
                                          {"STATE", "state"},
                                          {"WORKER", "worker", show_plain, kRight},
                                          {"USES", "workers", show_list},
                                          {"ENDPOINTS", "endpoints", show_plain, kRight},
                                          {"ROUTES", "routes", show_plain, kRight},
                                          {"CREATED", "createdAt"}};
const std::vector<Column> kEndpointColumns{{"SESSION", "session"},
                                           {"ID", "id"},
                                           {"KIND", "kind"},
                                           {"STATE", "state"},
                                           {"LOCAL", "local", show_transport},
                                           {"REMOTE", "remote", show_transport},
                                           {"LATCH", "latch"},
                                           {"WORKER", "worker", show_plain, kRight}};
const std::vector<Column> kRouteColumns{{"SESSION", "session"},
                                        {"ID", "id"},
                                        {"FROM", "from", show_source},
                                        {"TO", "to"},
                                        {"WORKER", "worker", show_plain, kRight},
                                        {"SSRC", "ssrc", show_plain, kRight},
                                        {"CLOCK", "clockRate", show_plain, kRight},
                                        {"PT", "payloadTypes", show_mappings},
                                        {"PACKETS", "packets", show_count, kRight},
                                        {"BYTES", "bytes", show_bytes, kRight},
                                        {"AGAIN", "retransmitted", show_count, kRight},
                                        {"SWITCHES", "switches", show_plain, kRight},
                                        {"STATE", "state"}};
const std::vector<Column> kStreamColumns{{"SESSION", "session"},
                                         {"ENDPOINT", "endpoint"},
                                         {"SSRC", "ssrc", show_plain, kRight},
                                         {"PT", "payloadType", show_plain, kRight},
                                         {"PACKETS", "packetCount", show_count, kRight},
                                         {"BYTES", "byteCount", show_bytes, kRight},
                                         {"BITRATE", "bitrate", show_bitrate, kRight},
                                         {"LOST", "packetsLost", show_plain, kRight},
                                         {"JITTER", "jitter", show_seconds, kRight},
                                         {"NACK", "nackCount", show_plain, kRight},
                                         {"PLI", "pliCount", show_plain, kRight},
                                         {"FIR", "firCount", show_plain, kRight},
                                         {"ROUTES", "routes", show_plain, kRight},
                                         {"LAST", "lastPacketMs", show_ms, kRight},
                                         {"ENDED", "ended"}};
const std::vector<Column> kWorkerColumns{{"WORKER", "worker", show_plain, kRight},
                                         {"CORE", "core", show_plain, kRight},
                                         {"LOAD", "load", show_share, kRight},
                                         {"BUSY", "busyShare", show_share, kRight},
                                         {"PPS", "packetsPerSecond", show_count, kRight},
                                         {"LEFT-PPS", "capacityLeftPps", show_count, kRight},
                                         {"CYC/PKT", "cyclesPerPacket", show_plain, kRight},
                                         {"SESSIONS", "sessions", show_plain, kRight},
                                         {"ENDPOINTS", "endpoints", show_plain, kRight},
                                         {"ROUTES", "routes", show_plain, kRight},
                                         {"STREAMS", "streams", show_plain, kRight},
                                         {"RECEIVED", "received", show_count, kRight},
                                         {"MISDIRECTED", "misdirected", show_share, kRight},
                                         {"BORROWED", "borrowed", show_count, kRight},
                                         {"FORWARDED", "forwarded", show_count, kRight},
                                         {"PUNTED", "punted", show_count, kRight},
                                         {"COPIES", "copies", show_count, kRight},
                                         {"AGAIN", "retransmitted", show_count, kRight},
                                         {"SENT", "transmitted", show_count, kRight},
                                         {"WAITING", "waiting", show_count, kRight},
                                         {"WAIT-P99", "waitMsP99", show_ms, kRight},
                                         {"RX-DROPS", "receiveDrops", show_count, kRight},
                                         {"TX-DROPS", "sendDrops", show_count, kRight},
                                         {"LEDGER", "ledgerBalanced", show_ledger}};
const std::vector<Column> kPortColumns{{"NAME", "name"},
                                       {"DRIVER", "driver"},
                                       {"LINK", "link"},
                                       {"QUEUES", "queues", show_plain, kRight},
                                       {"STEERING", "steering"},
                                       {"MAC", "mac"},
                                       {"ADDRESSES", "addresses", show_list},
                                       {"GATEWAY-MAC", "gatewayMac"},
                                       {"CONFLICTS", "addressConflicts", show_count, kRight},
                                       {"RX", "packetsReceived", show_count, kRight},
                                       {"RX-BYTES", "bytesReceived", show_bytes, kRight},
                                       {"TX", "packetsSent", show_count, kRight},
                                       {"TX-BYTES", "bytesSent", show_bytes, kRight},
                                       {"MISSED", "missed", show_count, kRight},
                                       {"RX-ERRORS", "receiveErrors", show_count, kRight},
                                       {"TX-ERRORS", "sendErrors", show_count, kRight}};
const std::vector<Column> kUdpPortColumns{{"ADDRESS", "address"},
                                          {"UDP-PORT", "udpPort", show_plain, kRight},
                                          {"SESSION", "session"},
                                          {"ENDPOINT", "endpoint"},
                                          {"COMPONENT", "component"}};

const std::vector<Column> kMediaAddressColumns{{"ADDRESS", "address"},
                                               {"ALLOCATED", "allocated", show_count, kRight},
                                               {"FREE", "free", show_count, kRight}};

std::string render_ports(const OrderedJson& result) {
  const auto media = at(result, "media");
  std::string text = render_table(at(result, "ports"), kPortColumns, "no ports");
  text += fmt::format("\nmedia ports {}-{}: {} allocated, {} free\n", plain(at(media, "min")),
                      plain(at(media, "max")), plain(at(media, "allocated")), plain(at(media, "free")));
  const auto addresses = at(media, "addresses");
  if (addresses.is_array() && addresses.size() > 1) text += render_table(addresses, kMediaAddressColumns, "");
  const auto allocated = at(result, "allocated");
  if (allocated.is_array() && !allocated.empty()) text += "\n" + render_table(allocated, kUdpPortColumns, "");
  return text;
}

const std::vector<Column> kNeighborColumns{{"PORT", "port"},   {"ADDRESS", "address"},
                                           {"STATE", "state"}, {"GATEWAY", "gateway"},
                                           {"MAC", "mac"},     {"AGE", "ageMs", show_ms, kRight}};

std::string render_drops(const OrderedJson& result) {
  Table table({{"REASON"}, {"PACKETS", kRight}});
  std::size_t zero = 0;
  for (const char* member : {"drops", "control"}) {
    const auto counts = at(result, member);
    if (!counts.is_object()) continue;
    for (const auto& [reason, count] : counts.items()) {
      if (count_of(count) == 0)
        ++zero;
      else
        table.add({reason, plain(count)});
    }
  }
  if (table.empty()) return fmt::format("no packet was dropped for any of {} reasons\n", zero);
  return table.text() + fmt::format("({} other reasons: 0)\n", zero);
}

/// How to see the rest of the objects of a session.
std::string render_more(std::string_view object, const OrderedJson& session) {
  if (at(session, fmt::format("{}Cursor", object)).is_null()) return "";
  return fmt::format("more follow: sluicectl {} list {}\n", object, plain(at(session, "id")));
}

std::string render_session(const OrderedJson& result) {
  OrderedJson session = result;
  if (session.is_object()) {
    session.erase("endpointList");
    session.erase("routeList");
    session.erase("endpointCursor");
    session.erase("routeCursor");
  }
  return render_members(session) + "\n" +
         render_table(at(result, "endpointList"), kEndpointColumns, "no endpoints") +
         render_more("endpoint", result) + "\n" +
         render_table(at(result, "routeList"), kRouteColumns, "no routes") + render_more("route", result);
}

std::string render_removed(const OrderedJson& result) {
  const auto session = at(result, "session");
  return fmt::format("removed {}{}\n", session.is_null() ? "" : plain(session) + "/",
                     plain(at(result, "id")));
}

void collect_members(const OrderedJson& value, const std::string& path, Table& table) {
  const bool has_objects = value.is_array() && std::any_of(value.begin(), value.end(), [](const auto& item) {
                             return item.is_structured();
                           });
  if (value.is_object() && !value.empty()) {
    const std::string prefix = path.empty() ? path : path + ".";
    for (const auto& [name, member] : value.items()) collect_members(member, prefix + name, table);
  } else if (has_objects) {
    for (std::size_t i = 0; i < value.size(); ++i)
      collect_members(value[i], fmt::format("{}[{}]", path, i), table);
  } else {
    table.add({path, value.is_array() ? show_list(value) : plain(value)});
  }
}

}  // namespace

std::string render_members(const OrderedJson& object) {
  Table table({{"NAME"}, {"VALUE"}});
  collect_members(object, "", table);
  const std::string text = table.text();
  return text.substr(text.find('\n') + 1);  // without the line of titles
}

namespace {

/// What a list leaves out: the rest of it, after a limit.
std::string render_rest(const OrderedJson& result) {
  const auto cursor = at(result, "nextCursor");
  return cursor.is_null() ? "" : fmt::format("more follow: --cursor {}\n", plain(cursor));
}

std::string render_list(std::string_view method, const OrderedJson& result) {
  if (const auto count = at(result, "count"); !count.is_null()) return plain(count) + "\n";
  if (method == "session.list") return render_table(at(result, "sessions"), kSessionColumns, "no sessions");
  if (method == "endpoint.list")
    return render_table(at(result, "endpoints"), kEndpointColumns, "no endpoints");
  if (method == "route.list") return render_table(at(result, "routes"), kRouteColumns, "no routes");
  if (method == "stream.list") return render_table(at(result, "streams"), kStreamColumns, "nothing flows in");
  if (method == "neighbor.list")
    return render_table(at(result, "neighbors"), kNeighborColumns, "no neighbours");
  if (method == "worker.list") return render_table(at(result, "workers"), kWorkerColumns, "no workers");
  if (method == "port.list") return render_ports(result);
  return render_drops(result);
}

}  // namespace

std::string render_result(std::string_view method, const OrderedJson& result) {
  if (method.ends_with(".list")) return render_list(method, result) + render_rest(result);
  if (method == "session.get") return render_session(result);
  if (method.ends_with(".remove")) return render_removed(result);
  if (method == "shutdown") return "stopping: every peer is told goodbye first\n";
  return render_members(result);
}

std::string render_json(const OrderedJson& value) {
  std::string out;
  const std::string line = to_line(value);
  // In JSON these characters occur only inside strings, where an escape may stand for each.
  for (std::string_view text = line; !text.empty();) {
    const bool is_c1 = text[0] == '\xc2' && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (is_c1 || text[0] == 0x7f)
      out += fmt::format("\\u00{:02x}", static_cast<unsigned char>(text[is_c1 ? 1 : 0]));
    else
      out += text[0];
    text.remove_prefix(is_c1 ? 2 : 1);
  }
  return out + "\n";
}

std::string render_event(const OrderedJson& params) {
  std::string line = fmt::format("{}  {:<18}", plain(at(params, "time")), plain(at(params, "type")));
  if (params.is_object())
    for (const auto& [name, value] : params.items())
      if (name != "time" && name != "type") line += fmt::format(" {}={}", name, plain(value));
  line.erase(line.find_last_not_of(' ') + 1);
  return printable(line) + "\n";
}

}  // namespace sluice::control::cli
