#include "controlplane/base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace sluice::control::log {
namespace {

constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";

spdlog::level::level_enum spdlog_level(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::kDebug:
      return spdlog::level::debug;
    case config::LogLevel::kInfo:
      return spdlog::level::info;
    case config::LogLevel::kWarning:
      return spdlog::level::warn;
    case config::LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("sluiced", std::move(sink));
  logger->set_pattern(kPattern, spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::debug);  // a logged line is not lost when the process ends
  return logger;
}

std::shared_ptr<spdlog::logger>& logger() {
  static auto instance = make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  return instance;
}

}  // namespace

bool start(const config::Log& settings, std::string& error) {
  try {
    if (!settings.file.empty())
      logger() =
          make_logger(std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file, /*truncate=*/false));
  } catch (const spdlog::spdlog_ex& failure) {
    error = fmt::format("log.file: found {}; allowed: a file that can be written to ({})",
                        value(settings.file), failure.what());
    return false;
  }
  logger()->set_level(spdlog_level(settings.level));
  return true;
}

bool is_enabled(config::LogLevel level) {
  return logger()->should_log(spdlog_level(level));
}

void write(config::LogLevel level, std::string_view line) {
  logger()->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

std::string value(std::string_view text) {
  const auto is_plain = [](char c) { return c > ' ' && c != '"' && c != '\\' && c != '=' && c != 127; };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace sluice::control::log
